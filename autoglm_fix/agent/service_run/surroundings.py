"""As whom and with what environment the service's own Python runs."""

from __future__ import annotations

import glob
import os
import pwd
from dataclasses import dataclass

from ..context import Context
from ..service import ServiceSpec
from ..unknown import CannotTell

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Every cache that torch, transformers and their compilers would write, as folders of a private one.
_CACHES = (
    "XDG_CACHE_HOME",
    "TMPDIR",
    "HF_MODULES_CACHE",
    "TRITON_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "TORCH_EXTENSIONS_DIR",
    "CUDA_CACHE_PATH",
    "NUMBA_CACHE_DIR",
    "MPLCONFIGDIR",
    "VLLM_CACHE_ROOT",
    "FLASHINFER_WORKSPACE_BASE",
)
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONFAULTHANDLER": "1",
}


@dataclass(frozen=True)
class Identity:
    """A user of the host. ``switch`` is whether the agent has to become it."""

    name: str
    uid: int
    gid: int
    groups: list[int]
    home: str
    switch: bool


def interpreter(ctx: Context) -> str:
    """The host's path of the service's Python. NoAnswer where none can be run, CannotTell in a container."""
    python, path = ctx.service.python or "", None
    if "/" not in python:
        import shutil

        path = shutil.which(python, path=environment(ctx.service, "/", "").get("PATH", _PATH))
    elif ctx.view.container is None:
        path = ctx.view.place(os.path.join(ctx.service.working_dir or os.getcwd(), os.path.expanduser(python))).host
    if path and ctx.view.container is None and os.path.isfile(path) and os.access(path, os.X_OK):
        return path
    from .no_python import why

    raise why(ctx, python, path)


def identity(service: ServiceSpec, python: str) -> Identity:
    """Whom to run as: the service's user, but root only where root owns the service and the Python.

    Without root there is no choice. Whoever may write into the environment decides what it runs, so
    root does not run what another user owns.
    """
    me = os.geteuid()
    if me != 0:
        return _of(me, switch=False)
    wanted, name = 0, (service.user or "").partition(":")[0]
    if name:
        try:
            wanted = int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid
        except KeyError:
            raise CannotTell(f"the service's user {name} does not exist on this host") from None
    wanted = wanted or _owner(python)
    return _of(wanted, switch=wanted != 0)


def _owner(python: str) -> int:
    """The first user other than root who owns the interpreter or its environment, else 0."""
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(python)))
    places = [prefix, os.path.dirname(python), python, os.path.realpath(python)]
    places += glob.glob(os.path.join(glob.escape(prefix), "lib*", "python3*", "site-packages"))
    for place in places:
        owner = os.stat(place).st_uid
        if owner:
            return owner
    return 0


def _of(uid: int, switch: bool) -> Identity:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:  # a container's user often has no entry
        gid = os.getegid() if not switch else uid
        return Identity(str(uid), uid, gid, [gid], "/", switch)
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    return Identity(user.pw_name, uid, user.pw_gid, groups, user.pw_dir, switch)


def environment(service: ServiceSpec, home: str, user: str) -> dict[str, str]:
    """The variables that the service starts with, on a clean base. CannotTell for an unreadable file."""
    made = {"HOME": home, "USER": user, "LOGNAME": user, "LANG": "C.UTF-8", "PATH": _PATH}
    files: dict[str, str] = {}
    if service.env_files:
        from .env_file import read_env_file

        for path in service.env_files:
            files.update(read_env_file(path))
    # A later source wins: systemd puts files last, the container engines put them first.
    for source in [service.environment, files] if service.manager == "systemd" else [files, service.environment]:
        made.update(source)
    return made


def for_a_probe(made: dict[str, str], scratch: str) -> dict[str, str]:
    """The service's variables, but offline, and with every cache that is written below ``scratch``.

    The hub's cache stays where the service has it: the model may lie there.
    """
    probe = dict(made)
    cache = made.get("XDG_CACHE_HOME") or os.path.join(made["HOME"], ".cache")
    probe.setdefault("HF_HOME", os.path.join(cache, "huggingface"))
    # Threads that wait in a loop take the cores from whatever runs beside, and themselves four times as long.
    probe.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    probe.update(_OFFLINE)
    for name in _CACHES:
        probe[name] = os.path.join(scratch, name.lower())
    return probe


def make_scratch(folder: str, who: Identity | None = None) -> None:
    """Make the cache folders below ``folder`` and give them to the user that the probe runs as."""
    places = [folder] + [os.path.join(folder, name.lower()) for name in _CACHES]
    for place in places:
        os.makedirs(place, mode=0o700, exist_ok=True)
        if who is not None and who.switch:
            os.chown(place, who.uid, who.gid)
