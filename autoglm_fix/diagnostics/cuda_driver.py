"""What is wrong with the driver, its libraries and its cards, whatever is installed on top of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoglm_fix.agent.apart import DIED, NO_ANSWER
from autoglm_fix.agent.facts.gpus import Gpus
from autoglm_fix.knowledge import compat

from . import cuda_driver_findings as said
from .cuda_reach_findings import AccessLost
from .cuda_start import not_started
from .finding import Finding

_DRIVER = "NVIDIA driver"
NO_LIBRARY = 12
_NO_PERMISSION, _NOT_LOADED, _BLOCKED, _MISMATCH, _UNKNOWN = 4, 9, 17, 18, 999
_STUB, _NOT_READY, _STALE, _REFUSED = 34, 802, 803, 804
_VERSION = re.compile(r"\.so\.(\d{3,}(?:\.\d+)+)$")


def absent(gpus: Gpus) -> bool:
    """Whether nothing at all speaks of an NVIDIA GPU."""
    silent = gpus.problem != NO_ANSWER and gpus.nvml in (None, _NOT_LOADED, NO_LIBRARY)
    return silent and not (gpus.pci or gpus.driver or gpus.module or gpus.nodes or gpus.gpus)


def driver(gpus: Gpus) -> Iterator[Finding]:
    """Why the driver does not show the cards; nothing where it does."""
    if gpus.problem == NO_ANSWER:
        yield said.Wedged(subject=_DRIVER, module=gpus.module or "")
    elif gpus.driver is None:
        yield from _refused(gpus)
    else:
        yield from _not_shown(gpus)
    for gpu in gpus.gpus:
        name = f"GPU {gpu.index}"
        if gpu.code is not None:
            yield said.GpuLost(subject=name, index=gpu.index, nvml=gpu.code, name=nvml_name(gpu.code))
        if gpu.mode == 2:
            yield said.ComputeForbidden(subject=name, index=gpu.index)
        foreign = [each for each in gpu.holders if each.kind == "compute" and not each.service and not each.dead]
        if gpu.mode == 3 and foreign:
            yield said.ComputeTaken(subject=name, index=gpu.index, pid=foreign[0].pid, holder=foreign[0].name)


def _not_shown(gpus: Gpus) -> Iterator[Finding]:
    """Cards that the kernel's part of the driver has, and the driver does not show."""
    has, shows = gpus.bound.count("nvidia"), len(gpus.gpus)
    if has and not shows:
        yield said.NoCards(subject=_DRIVER, count=has)
    # A container sees the whole bus, and only its own nodes.
    elif shows < has <= sum(re.fullmatch(r"/dev/nvidia\d+", node.path) is not None for node in gpus.nodes):
        yield said.FewerCards(subject=_DRIVER, count=has, shown=shows)


def _refused(gpus: Gpus) -> Iterator[Finding]:
    count, bound = gpus.pci or 0, gpus.bound
    library = gpus.library or "?"
    if count and all(each == "vfio-pci" for each in bound):
        yield said.PassedThrough(subject=_DRIVER, count=count)
    elif gpus.nvml == _MISMATCH:
        yield said.Mismatch(subject=_DRIVER, module=gpus.module or "?", library=library)
    elif gpus.nvml in (_NO_PERMISSION, _BLOCKED):
        yield said.Blocked(subject=_DRIVER, nvml=gpus.nvml, name=nvml_name(gpus.nvml))
    elif gpus.nvml == _UNKNOWN:
        yield AccessLost(subject=_DRIVER, line=gpus.problem)
    elif "nouveau" in bound:
        yield said.Nouveau(subject=_DRIVER, count=count)
    elif gpus.module is None and gpus.nvml == NO_LIBRARY and gpus.cuda.library is None:
        yield said.NoDriver(subject=_DRIVER, count=count, bound=[each for each in bound if each])
    elif gpus.module is None and gpus.nvml in (_NOT_LOADED, NO_LIBRARY):
        yield said.ModuleMissing(subject=_DRIVER, library=library)
    elif gpus.nvml == NO_LIBRARY:
        yield said.NoNvml(subject="libnvidia-ml.so.1", module=gpus.module or "")
    else:
        code = gpus.nvml or 0
        known = compat.codes().nvml.get(str(code))
        doc = known.doc if known else ""
        yield said.DriverFailed(subject=_DRIVER, nvml=code, name=nvml_name(code), doc=doc, problem=gpus.problem)


def libcuda(gpus: Gpus, *, explained: bool) -> Iterator[Finding]:
    """Why programs cannot compute though the driver works. ``explained``: something else already says why."""
    met, path = gpus.cuda, gpus.cuda.library or ""
    driver = gpus.driver or gpus.module or "?"
    if "/stubs/" in path or met.init == _STUB:
        yield said.Stub(subject=path, path=path)
    elif met.problem:
        yield _unmet(met.problem, driver)
    elif met.init == _REFUSED:
        yield said.CompatRefused(subject=path, path=path, cards=sorted({gpu.name for gpu in gpus.gpus}))
    elif met.init == _STALE:
        yield _stale(path, gpus.module or driver, driver)
    elif met.init == _NOT_READY:
        yield said.NotReady(subject=_DRIVER, driver=driver, switches=gpus.switches)
    elif met.init and not explained:
        yield not_started(met.init, path)


def _unmet(problem: str, driver: str) -> Finding:
    name = "libcuda.so.1"
    if problem == NO_ANSWER:
        return said.LibcudaSilent(subject=name, driver=driver)
    if problem.startswith("there is no libcuda"):
        return said.NoLibcuda(subject=name, driver=driver)
    if problem == DIED or problem.startswith("there is no "):
        return said.LibcudaUnasked(subject=name, problem=problem)
    return said.LibcudaBroken(subject=name, problem=problem)


def _stale(path: str, module: str, driver: str) -> Finding:
    version = found.group(1) if (found := _VERSION.search(path)) else ""
    if "compat" in path or not version:
        return said.CompatStale(subject=path, path=path, driver=driver)
    if version != module:
        return said.Mismatch(subject=path, module=module, library=version)
    return not_started(_STALE, path)


def nvml_name(code: int) -> str:
    """NVIDIA's name of an nvmlReturn_t."""
    known = compat.codes().nvml.get(str(code))
    return known.name if known else str(code)
