"""environment: the service's Python and what is installed in it, as metadata. Nothing of it is imported."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace

from ..context import Context
from ..installed.distributions import Distribution, Index, lean_requires, normal, read_folder, wanted
from ..installed.layout import Folders, Layout, lay_out, minor
from ..kernel import user
from ..reach import Reach, Who
from ..service_run.surroundings import environment
from ..unknown import CannotTell

__all__ = ["Distribution", "Environment", "Index"]

# Programs of their own: no Python takes part in an answer.
_NO_PYTHON = ("llama.cpp", "ollama")
# A file or folder of such a name beside the program is imported instead of the package.
_IMPORTED = ("vllm", "sglang", "transformers", "torch", "torchvision", "tokenizers", "huggingface_hub", "numpy", "PIL")
_BUILD = re.compile(r"^(__version__|cuda|hip|xpu)\s*(?::[^=\n]*)?=\s*['\"]([^'\"]*)['\"]", re.MULTILINE)
_CXX = re.compile(r"libstdc\+\+\.so\.6\.0\.(\d+)\Z")


@dataclass(frozen=True)
class Environment:
    """The Python environment of a service. ``python`` as the service names it; all other paths are the host's.

    ``absent`` says why there is none to judge (an engine that is no Python program); all else is then empty.
    ``host`` is the interpreter, empty where it lies in a container's image, whose paths are then as the
    service sees them; ``contained``: the service runs in a container. ``version`` is "3.11.2". ``markers`` is the
    marker environment of PEP 508, as that Python would give it. ``glibc`` is "2.36", empty for musl (then
    ``musl``); ``libstdcxx`` is "3.4.30", the newest GLIBCXX of the libstdc++ that it would load, empty where
    nobody can say. ``machine`` is "x86_64".
    ``prefix`` is the environment's folder, ``site`` the folders where distributions lie, first one first,
    ``base`` whether it is a system Python and no environment of its own, ``managed`` whether the system
    forbids changes (EXTERNALLY-MANAGED). ``tool`` is who made it (``venv``, ``uv``, ``conda``, ``system``),
    ``owner`` the user who owns it, ``writable`` whether the agent may change it, ``free`` the bytes that its
    filesystem has left. ``made_for`` is "3.11" where the environment was made for that Python and its
    interpreter is now ``version``. ``leftovers`` are remains of removals that were broken off. ``modules`` are
    those of the packages that a service is about whose code is there, with or without metadata;
    ``shadows`` are files of the service's own folder that ``python -m`` imports in place of a package. ``index`` is
    left to another fact (``PackageIndex``), which few hosts are asked for.
    """

    python: str
    host: str
    version: str
    implementation: str = "cpython"
    machine: str = "x86_64"
    glibc: str = ""
    musl: str = ""
    libstdcxx: str = ""
    markers: dict[str, str] = field(default_factory=dict)
    prefix: str = ""
    site: list[str] = field(default_factory=list)
    base: bool = False
    managed: bool = False
    tool: str = "venv"
    owner: str = ""
    writable: bool = True
    distributions: list[Distribution] = field(default_factory=list)
    index: Index = field(default_factory=Index)
    free: int | None = None
    absent: str = ""
    made_for: str = ""
    contained: bool = False
    leftovers: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    shadows: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    @classmethod
    def collect(cls, ctx: Context) -> Environment:
        """Read it. CannotTell where the service needs a Python and names none that is there."""
        service = ctx.service
        if service.engine in _NO_PYTHON or (service.engine == "custom" and not service.python):
            return cls("", "", "", absent=f"{service.engine} is no Python program that the inventory names")
        folders, layout, _ = laid_out(ctx)
        return _read(ctx, folders, layout)

    # For the controller.
    def installed(self, name: str) -> Distribution | None:
        """The distribution that an import would use, by its normalized name ("huggingface-hub")."""
        wanted = normal(name)
        for each in self.distributions:
            if not each.shadowed and normal(each.name) == wanted:
                return each
        return None


def laid_out(ctx: Context) -> tuple[Folders, Layout, dict[str, str]]:
    """The service's files, where its Python finds distributions, and its variables. CannotTell where there is none."""
    service = ctx.service
    if not service.python:
        raise CannotTell(f"the service {service.name} names no python")
    who = Who(service.user)
    folders = Folders(Reach(ctx.view, who))
    variables = environment(service, who.home, who.name)
    working_dir = service.working_dir or os.getcwd()
    return folders, lay_out(folders, who, service.python, working_dir, variables), variables


def _read(ctx: Context, folders: Folders, layout: Layout) -> Environment:
    sites = [inside for inside in layout.path if os.path.isdir(folders.at(inside) or "")]
    found, leftovers = _distributions(folders, sites)
    machine = os.uname().machine
    version = layout.version
    if not version:
        from ..installed.binaries import python_version

        version = python_version(folders, layout.binary, layout.base, layout.library)
    own = next((site for site in sites if site.startswith(layout.prefix + "/")), layout.prefix)
    place = folders.at(own) or "/"
    glibc, musl = _c_library(ctx, folders, machine)
    conda = folders.at(layout.prefix + "/conda-meta") is not None
    base = not layout.settings and not conda
    host = ctx.view.place(layout.python).host or ""
    shown = [folders.shown(site) for site in sites]
    return Environment(
        python=layout.python,
        host=host,
        version=version,
        implementation="pypy" if layout.library.startswith("pypy") else "cpython",
        machine=machine,
        glibc=glibc,
        musl=musl,
        libstdcxx=_libstdcxx(folders, layout, machine),
        markers=_markers(layout.library, version, machine),
        prefix=folders.shown(layout.prefix),
        site=shown,
        base=base,
        managed=base and folders.at(f"{layout.base}/lib/{layout.library}/EXTERNALLY-MANAGED") is not None,
        tool="conda" if conda else "system" if base else "uv" if "uv" in layout.settings else "venv",
        owner=user(os.stat(place).st_uid),
        writable=os.access(place, os.W_OK),
        distributions=found,
        free=_free(place),
        made_for=minor(layout.made_for),
        contained=ctx.view.container is not None,
        leftovers=leftovers,
        modules=[name for name in _IMPORTED if any(folders.at(f"{site}/{name}") for site in sites)],
        shadows=_shadows(ctx, folders),
        reads=[*(site + "/" for site in shown), *filter(None, [host])],
    )


def _distributions(folders: Folders, sites: list[str]) -> tuple[list[Distribution], list[str]]:
    """All that lie in these folders, and what broken removals left."""
    found: list[Distribution] = []
    leftovers: list[str] = []
    for inside in sites:
        try:
            here, left = read_folder(folders.at(inside) or "", folders.shown(inside))
        except OSError as err:
            raise CannotTell(f"cannot list {inside}: {err.strerror}") from err
        found += (_torch(each, folders, inside) if normal(each.name) == "torch" else each for each in here)
        leftovers += left
    asked = wanted(found)
    seen: set[str] = set()
    for at, each in enumerate(found):
        name = normal(each.name)
        found[at] = replace(each, requires=lean_requires(each, asked), shadowed=name in seen)
        seen.add(name)
    return found, leftovers


def _torch(each: Distribution, folders: Folders, site: str) -> Distribution:
    """torch with what its version.py says: what it was built for, and whether code and metadata are of one version."""
    said = dict(_BUILD.findall(folders.text(site + "/torch/version.py") or ""))
    if not said:
        return each
    cuda, hip, xpu, code = (said.get(name, "") for name in ("cuda", "hip", "xpu", "__version__"))
    build = "rocm" + hip if hip else cuda or ("xpu" + xpu if xpu else "cpu")
    if not code or each.problem or code.partition("+")[0] == each.version.partition("+")[0]:
        return replace(each, build=build)
    return replace(each, build=build, problem="other-code", gone=[code])


def _markers(library: str, version: str, machine: str) -> dict[str, str]:
    system = os.uname()
    pypy = library.startswith("pypy")
    return {
        "implementation_name": "pypy" if pypy else "cpython",
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "PyPy" if pypy else "CPython",
        "platform_release": system.release,
        "platform_system": system.sysname,
        "platform_version": system.version,
        "python_full_version": version,
        "python_version": minor(library),
        "sys_platform": system.sysname.lower(),
    }


def _c_library(ctx: Context, folders: Folders, machine: str) -> tuple[str, str]:
    """The versions of glibc and musl: the agent's own where the service shares its root."""
    if ctx.view.container is None:
        try:
            name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        except (ValueError, OSError):
            name = version = ""
        if name == "glibc" and version:
            return version, ""
    from ..installed.binaries import glibc

    return glibc(folders, machine)


def _libstdcxx(folders: Folders, layout: Layout, machine: str) -> str:
    """By the name of the file: libstdc++.so.6.0.30 has the symbols up to GLIBCXX_3.4.30.

    conda's Python loads the one beside it, also for an environment that was made with it.
    """
    for place in (
        layout.prefix + "/lib",
        *([layout.base + "/lib"] if layout.base != "/usr" else ()),
        f"/usr/lib/{machine}-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        f"/lib/{machine}-linux-gnu",
    ):
        reached = folders.reach.follow(place + "/libstdc++.so.6")
        named = _CXX.search(reached.seen_at) if reached.seen is not None else None
        if named:
            return "3.4." + named[1]
    return ""


def _shadows(ctx: Context, folders: Folders) -> list[str]:
    """What would be imported from the folder that the service is started in."""
    here = ctx.service.working_dir
    there = (os.path.join(here, name + end) for name in _IMPORTED for end in (".py", "/__init__.py")) if here else ()
    return [path for path in there if folders.at(path) is not None]


def _free(place: str) -> int:
    disk = os.statvfs(place)
    return disk.f_bavail * disk.f_frsize
