"""gpus: the driver, its library, its device nodes and the GPUs, as a process of the service would meet them."""

from __future__ import annotations

import glob
import os
import re
import time
from dataclasses import dataclass, field
from typing import Any

from .. import kernel, libcuda, nvml
from ..context import Context
from ..reach import Who
from ..unknown import CannotTell

_PATIENCE_S = 10.0
_READ, _WRITE = 4, 2
_VERSION = re.compile(r"\d{3,}(?:\.\d+)+")
_HOST_PROCESSES = "pid:[4026531836]"  # the kernel's own number for the first process namespace


@dataclass(frozen=True)
class Holder:
    """A process that holds memory of a GPU. ``used`` in bytes, None where the driver does not tell.

    ``pid`` is the host's. ``service``: it belongs to the service under repair. ``kind`` is ``compute`` or
    ``graphics``. ``dead``: nobody has that process id any more, or it is a zombie.
    """

    pid: int
    name: str
    used: int | None = None
    user: str = ""
    service: bool = False
    kind: str = "compute"
    dead: bool = False


@dataclass(frozen=True)
class Gpu:
    """One GPU. ``capability`` as "8.9". Sizes in bytes.

    What the driver refuses is None, with the reason in ``problems``. ``mode`` is who may compute: 0 anybody,
    2 nobody, 3 one process at a time. ``code`` is the nvmlReturn_t of a GPU about which the driver says
    nothing at all (15: it is lost).
    """

    index: int
    uuid: str = ""
    name: str = ""
    capability: str | None = None
    total: int | None = None
    free: int | None = None
    used: int | None = None
    mig: bool | None = None
    holders: list[Holder] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    mode: int | None = None
    code: int | None = None


@dataclass(frozen=True)
class Node:
    """A device node under /dev. ``allowed``: the service's user may open it for reading and writing."""

    path: str
    allowed: bool
    owner: str = ""
    group: str = ""
    mode: str = ""


@dataclass(frozen=True)
class Cuda:
    """What libcuda says, asked by ctypes in a child with a deadline, with the service's environment.

    ``library`` is the file that was loaded, None where there is none (``problem`` says why). ``init`` is
    the CUresult of cuInit(0) (0 is success), ``driver`` what cuDriverGetVersion gives (12080 is 12.8).
    ``user`` is whom it was asked as. ``host_only``: the service is in a container, so that the host's own
    library answered, without the service's environment.
    """

    library: str | None = None
    init: int | None = None
    driver: int | None = None
    devices: int | None = None
    problem: str = ""
    user: str = ""
    host_only: bool = False


@dataclass(frozen=True)
class Gpus:
    """The GPUs of the host. ``Gpus.collect`` reads; it never waits for a wedged driver longer than 10 s.

    ``driver`` is what NVML says ("580.65.06"), None where it says nothing: ``nvml`` is then the nvmlReturn_t
    code (12: no library) and ``problem`` the words, also for a driver that does not answer.
    ``module`` is the loaded kernel module's version, None where none is loaded; ``library`` the version that
    the file name of libnvidia-ml/libcuda carries on disk. ``pci`` counts NVIDIA display devices on the
    PCI bus, None where nobody can say; ``bound`` holds the kernel drivers that have them ("nvidia",
    "nouveau", "vfio-pci", empty for none), ``switches`` counts NVSwitch bridges. ``kernel`` holds what the
    kernel told last of the driver's errors, each with the seconds since: read where the service does not run, or
    CUDA does not start, by those who may.
    """

    driver: str | None = None
    module: str | None = None
    library: str | None = None
    nvml: int | None = None
    problem: str = ""
    cuda: Cuda = field(default_factory=Cuda)
    gpus: list[Gpu] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    pci: int | None = None
    reads: list[str] = field(default_factory=list)
    bound: list[str] = field(default_factory=list)
    switches: int = 0
    kernel: list[tuple[float, str]] = field(default_factory=list)

    @classmethod
    def collect(cls, ctx: Context) -> Gpus:
        from .service import Service

        try:
            service: Any = ctx.fact(Service)
        except CannotTell:
            service = None
        running = service.running if service else None
        deadline = time.monotonic() + _PATIENCE_S
        meeting, asked = libcuda.Meeting(ctx, service), nvml.ask()
        cuda = Cuda(**meeting.answer(deadline))
        seen = asked.answer(deadline)
        ours = set(running.pids) if running else set()
        gpus = [_gpu(each, ours) for each in seen.get("gpus", [])]
        bound, switches = _on_the_bus()
        module = _module()
        library = _VERSION.search(os.path.basename(seen.get("library") or cuda.library or ""))
        kernel: list[tuple[float, str]] = []
        if module and (cuda.init or not gpus or running is None or any(each.code for each in gpus)):
            from ..kernel_log import driver_lines

            kernel = driver_lines()
        return cls(
            driver=seen.get("driver") if "gpus" in seen else None,
            module=module,
            library=library.group() if library else None,
            nvml=seen.get("code"),
            problem=seen.get("problem", ""),
            cuda=cuda,
            gpus=gpus,
            nodes=_nodes(Who(meeting.user)),
            pci=None if bound is None else len(bound),
            reads=[cuda.library] if cuda.library else [],
            bound=bound or [],
            switches=switches,
            kernel=kernel,
        )


def _gpu(seen: dict[str, Any], ours: set[int]) -> Gpu:
    told = {name: value for name, value in seen.items() if name != "processes"}
    return Gpu(holders=[_holder(each, ours) for each in seen.get("processes", [])], **told)


def _holder(seen: dict[str, Any], ours: set[int]) -> Holder:
    # Its command line would block where the process hangs in the driver; these do not.
    pid = seen["pid"]
    state = (kernel.stat(pid) or [""])[0]
    try:
        user = kernel.user(os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        user = ""
    gone = state in ("", "Z", "X") and os.readlink("/proc/self/ns/pid") == _HOST_PROCESSES
    return Holder(user=user, service=pid in ours, dead=gone, **seen)


def _module() -> str | None:
    for path in ("/sys/module/nvidia/version", "/proc/driver/nvidia/version"):
        found = _VERSION.search(kernel.text(path))
        if found:
            return found.group()
    return None


def _on_the_bus() -> tuple[list[str] | None, int]:
    """The kernel driver of each NVIDIA display device, and the number of its switches."""
    try:
        devices = [entry.path for entry in os.scandir("/sys/bus/pci/devices")]
    except OSError:
        return None, 0
    bound, switches = [], 0
    for path in sorted(devices):
        if kernel.text(path + "/vendor").strip() != "0x10de":
            continue
        kind = kernel.text(path + "/class")
        switches += kind.startswith("0x0680")
        if kind.startswith("0x03"):
            driver = path + "/driver"
            bound.append(os.path.basename(os.readlink(driver)) if os.path.islink(driver) else "")
    return bound, switches


def _nodes(who: Who) -> list[Node]:
    import grp
    import stat

    found = []
    for path in sorted(glob.glob("/dev/nvidia[0-9]*") + glob.glob("/dev/nvidia[cu]*")):
        try:
            seen = os.stat(path)
        except OSError:
            continue
        if not stat.S_ISCHR(seen.st_mode):
            continue
        try:
            group = grp.getgrgid(seen.st_gid).gr_name
        except KeyError:
            group = str(seen.st_gid)
        allowed = who.may(path, seen, _READ) and who.may(path, seen, _WRITE)
        found.append(Node(path, allowed, kernel.user(seen.st_uid), group, f"{stat.S_IMODE(seen.st_mode):04o}"))
    return found
