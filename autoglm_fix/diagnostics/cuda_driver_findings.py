"""What the cuda diagnostic can say of drivers, their libraries and cards.

``driver``, ``module`` and ``library`` are versions ("580.65.06"), empty or "?" where nothing tells; ``path`` is a
file on the host; ``name`` is what NVIDIA calls a code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .finding import Finding, Severity, Symptom


@dataclass(frozen=True, kw_only=True)
class NoGpu(Finding):
    """The machine has no NVIDIA GPU, and nothing says that the service shall do without."""

    code: ClassVar[str] = "cuda.no-gpu"
    severity: ClassVar[Severity] = "info"
    symptom: ClassVar[Symptom] = "slow"


@dataclass(frozen=True, kw_only=True)
class GpuNeeded(Finding):
    """The machine has no NVIDIA GPU, and the ``engine`` that the service starts is made for nothing else."""

    code: ClassVar[str] = "cuda.gpu-needed"
    symptom: ClassVar[Symptom] = "crashed"

    engine: str


@dataclass(frozen=True, kw_only=True)
class NoDriver(Finding):
    """GPUs are on the bus, and no driver of NVIDIA is installed. ``bound`` is what else has them (nouveau)."""

    code: ClassVar[str] = "cuda.no-driver"
    symptom: ClassVar[Symptom] = "crashed"

    count: int
    bound: list[str]


@dataclass(frozen=True, kw_only=True)
class Nouveau(Finding):
    """The kernel's own driver has the GPUs, so that NVIDIA's cannot."""

    code: ClassVar[str] = "cuda.nouveau"
    symptom: ClassVar[Symptom] = "crashed"

    count: int


@dataclass(frozen=True, kw_only=True)
class PassedThrough(Finding):
    """All GPUs are reserved for virtual machines."""

    code: ClassVar[str] = "cuda.passed-through"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    count: int


@dataclass(frozen=True, kw_only=True)
class ModuleMissing(Finding):
    """The driver's libraries are installed, and its kernel module is not loaded."""

    code: ClassVar[str] = "cuda.module-missing"
    symptom: ClassVar[Symptom] = "crashed"

    library: str


@dataclass(frozen=True, kw_only=True)
class Mismatch(Finding):
    """The loaded kernel module and the libraries on disk are of different versions."""

    code: ClassVar[str] = "cuda.mismatch"
    symptom: ClassVar[Symptom] = "crashed"

    module: str
    library: str


@dataclass(frozen=True, kw_only=True)
class NoNvml(Finding):
    """The kernel module is loaded and NVML's library is missing: engines find no device."""

    code: ClassVar[str] = "cuda.no-nvml"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    module: str


@dataclass(frozen=True, kw_only=True)
class Blocked(Finding):
    """The system does not let processes reach the driver (control groups, permissions)."""

    code: ClassVar[str] = "cuda.blocked"
    symptom: ClassVar[Symptom] = "crashed"

    nvml: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Wedged(Finding):
    """The driver does not answer: whoever asks it hangs."""

    code: ClassVar[str] = "cuda.wedged"
    symptom: ClassVar[Symptom] = "hang"

    module: str


@dataclass(frozen=True, kw_only=True)
class DriverFailed(Finding):
    """NVML refuses with another code."""

    code: ClassVar[str] = "cuda.driver-failed"
    symptom: ClassVar[Symptom] = "crashed"

    nvml: int
    name: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class NoCards(Finding):
    """The kernel module has ``count`` cards, and the driver shows none: it could not start them."""

    code: ClassVar[str] = "cuda.no-cards"
    symptom: ClassVar[Symptom] = "crashed"

    count: int


@dataclass(frozen=True, kw_only=True)
class FewerCards(Finding):
    """The kernel module has ``count`` cards, and the driver shows fewer."""

    code: ClassVar[str] = "cuda.fewer-cards"
    severity: ClassVar[Severity] = "warning"

    count: int
    shown: int


@dataclass(frozen=True, kw_only=True)
class GpuLost(Finding):
    """A card fell off the bus, or needs a reset."""

    code: ClassVar[str] = "cuda.gpu-lost"
    symptom: ClassVar[Symptom] = "crashed"

    index: int
    nvml: int
    name: str


@dataclass(frozen=True, kw_only=True)
class NoLibcuda(Finding):
    """The driver works, and the library that programs compute with is not there."""

    code: ClassVar[str] = "cuda.no-libcuda"
    symptom: ClassVar[Symptom] = "crashed"

    driver: str


@dataclass(frozen=True, kw_only=True)
class LibcudaBroken(Finding):
    """libcuda is there and cannot be loaded."""

    code: ClassVar[str] = "cuda.libcuda-broken"
    symptom: ClassVar[Symptom] = "crashed"

    problem: str


@dataclass(frozen=True, kw_only=True)
class LibcudaUnasked(Finding):
    """Nobody could ask libcuda, so that only the driver's own word counts."""

    code: ClassVar[str] = "cuda.libcuda-unasked"
    severity: ClassVar[Severity] = "info"

    problem: str


@dataclass(frozen=True, kw_only=True)
class LibcudaSilent(Finding):
    """libcuda gave no answer in time, while the driver did."""

    code: ClassVar[str] = "cuda.libcuda-silent"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "hang"

    driver: str


@dataclass(frozen=True, kw_only=True)
class Stub(Finding):
    """The service loads the stand-in of libcuda that only linkers may use."""

    code: ClassVar[str] = "cuda.stub"
    symptom: ClassVar[Symptom] = "crashed"

    path: str


@dataclass(frozen=True, kw_only=True)
class CompatRefused(Finding):
    """A forward compatibility package comes first, and these cards do not take it (804)."""

    code: ClassVar[str] = "cuda.compat-refused"
    symptom: ClassVar[Symptom] = "crashed"

    path: str
    cards: list[str]


@dataclass(frozen=True, kw_only=True)
class CompatStale(Finding):
    """A forward compatibility package comes first that does not go with the driver (803)."""

    code: ClassVar[str] = "cuda.compat-stale"
    symptom: ClassVar[Symptom] = "crashed"

    path: str
    driver: str


@dataclass(frozen=True, kw_only=True)
class NotReady(Finding):
    """The cards are joined by switches that nobody manages (802). ``switches`` counts those on the bus."""

    code: ClassVar[str] = "cuda.not-ready"
    symptom: ClassVar[Symptom] = "crashed"

    driver: str
    switches: int


@dataclass(frozen=True, kw_only=True)
class InitFailed(Finding):
    """cuInit fails with another code while NVML works."""

    code: ClassVar[str] = "cuda.init-failed"
    symptom: ClassVar[Symptom] = "crashed"

    init: int
    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class ComputeForbidden(Finding):
    """A card is set so that nobody may compute on it."""

    code: ClassVar[str] = "cuda.compute-forbidden"
    symptom: ClassVar[Symptom] = "crashed"

    index: int


@dataclass(frozen=True, kw_only=True)
class ComputeTaken(Finding):
    """A card is set for one process alone, and another has it."""

    code: ClassVar[str] = "cuda.compute-taken"
    symptom: ClassVar[Symptom] = "crashed"

    index: int
    pid: int
    holder: str
