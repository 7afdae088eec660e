"""What the cuda diagnostic can say of drivers, their libraries and cards.

``driver``, ``module`` and ``library`` are versions ("580.65.06"), empty or "?" where nothing tells; ``path`` is a
file on the host; ``name`` is what NVIDIA calls a code.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class NoGpu(Finding, frozen=True, kw_only=True):
    """The machine has no NVIDIA GPU, and nothing says that the service shall do without."""

    code: ClassVar[str] = "cuda.no-gpu"
    severity: ClassVar[Severity] = "info"
    symptom: ClassVar[Symptom] = "slow"


class GpuNeeded(Finding, frozen=True, kw_only=True):
    """The machine has no NVIDIA GPU, and the ``engine`` that the service starts is made for nothing else."""

    code: ClassVar[str] = "cuda.gpu-needed"
    symptom: ClassVar[Symptom] = "crashed"

    engine: str


class NoDriver(Finding, frozen=True, kw_only=True):
    """GPUs are on the bus, and no driver of NVIDIA is installed. ``bound`` is what else has them (nouveau)."""

    code: ClassVar[str] = "cuda.no-driver"
    symptom: ClassVar[Symptom] = "crashed"

    count: int
    bound: list[str]


class Nouveau(Finding, frozen=True, kw_only=True):
    """The kernel's own driver has the GPUs, so that NVIDIA's cannot."""

    code: ClassVar[str] = "cuda.nouveau"
    symptom: ClassVar[Symptom] = "crashed"

    count: int


class PassedThrough(Finding, frozen=True, kw_only=True):
    """All GPUs are reserved for virtual machines."""

    code: ClassVar[str] = "cuda.passed-through"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    count: int


class ModuleMissing(Finding, frozen=True, kw_only=True):
    """The driver's libraries are installed, and its kernel module is not loaded."""

    code: ClassVar[str] = "cuda.module-missing"
    symptom: ClassVar[Symptom] = "crashed"

    library: str


class Mismatch(Finding, frozen=True, kw_only=True):
    """The loaded kernel module and the libraries on disk are of different versions."""

    code: ClassVar[str] = "cuda.mismatch"
    symptom: ClassVar[Symptom] = "crashed"

    module: str
    library: str


class NoNvml(Finding, frozen=True, kw_only=True):
    """The kernel module is loaded and NVML's library is missing: engines find no device."""

    code: ClassVar[str] = "cuda.no-nvml"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    module: str


class Blocked(Finding, frozen=True, kw_only=True):
    """The system does not let processes reach the driver (control groups, permissions)."""

    code: ClassVar[str] = "cuda.blocked"
    symptom: ClassVar[Symptom] = "crashed"

    nvml: int
    name: str


class Wedged(Finding, frozen=True, kw_only=True):
    """The driver does not answer: whoever asks it hangs."""

    code: ClassVar[str] = "cuda.wedged"
    symptom: ClassVar[Symptom] = "hang"

    module: str


class DriverFailed(Finding, frozen=True, kw_only=True):
    """NVML refuses with another code; ``doc`` is how NVIDIA explains it."""

    code: ClassVar[str] = "cuda.driver-failed"
    symptom: ClassVar[Symptom] = "crashed"

    nvml: int
    name: str
    doc: str
    problem: str


class NoCards(Finding, frozen=True, kw_only=True):
    """The kernel module has ``count`` cards, and the driver shows none: it could not start them."""

    code: ClassVar[str] = "cuda.no-cards"
    symptom: ClassVar[Symptom] = "crashed"

    count: int


class FewerCards(Finding, frozen=True, kw_only=True):
    """The kernel module has ``count`` cards, and the driver shows fewer."""

    code: ClassVar[str] = "cuda.fewer-cards"
    severity: ClassVar[Severity] = "warning"

    count: int
    shown: int


class GpuLost(Finding, frozen=True, kw_only=True):
    """A card fell off the bus, or needs a reset."""

    code: ClassVar[str] = "cuda.gpu-lost"
    symptom: ClassVar[Symptom] = "crashed"

    index: int
    nvml: int
    name: str


class NoLibcuda(Finding, frozen=True, kw_only=True):
    """The driver works, and the library that programs compute with is not there."""

    code: ClassVar[str] = "cuda.no-libcuda"
    symptom: ClassVar[Symptom] = "crashed"

    driver: str


class LibcudaBroken(Finding, frozen=True, kw_only=True):
    """libcuda is there and cannot be loaded."""

    code: ClassVar[str] = "cuda.libcuda-broken"
    symptom: ClassVar[Symptom] = "crashed"

    problem: str


class LibcudaUnasked(Finding, frozen=True, kw_only=True):
    """Nobody could ask libcuda, so that only the driver's own word counts."""

    code: ClassVar[str] = "cuda.libcuda-unasked"
    severity: ClassVar[Severity] = "info"

    problem: str


class LibcudaSilent(Finding, frozen=True, kw_only=True):
    """libcuda gave no answer in time, while the driver did."""

    code: ClassVar[str] = "cuda.libcuda-silent"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "hang"

    driver: str


class Stub(Finding, frozen=True, kw_only=True):
    """The service loads the stand-in of libcuda that only linkers may use."""

    code: ClassVar[str] = "cuda.stub"
    symptom: ClassVar[Symptom] = "crashed"

    path: str


class CompatRefused(Finding, frozen=True, kw_only=True):
    """A forward compatibility package comes first, and these cards do not take it (804)."""

    code: ClassVar[str] = "cuda.compat-refused"
    symptom: ClassVar[Symptom] = "crashed"

    path: str
    cards: list[str]


class CompatStale(Finding, frozen=True, kw_only=True):
    """A forward compatibility package comes first that does not go with the driver (803)."""

    code: ClassVar[str] = "cuda.compat-stale"
    symptom: ClassVar[Symptom] = "crashed"

    path: str
    driver: str


class NotReady(Finding, frozen=True, kw_only=True):
    """The cards are joined by switches that nobody manages (802). ``switches`` counts those on the bus."""

    code: ClassVar[str] = "cuda.not-ready"
    symptom: ClassVar[Symptom] = "crashed"

    driver: str
    switches: int


class ComputeForbidden(Finding, frozen=True, kw_only=True):
    """A card is set so that nobody may compute on it."""

    code: ClassVar[str] = "cuda.compute-forbidden"
    symptom: ClassVar[Symptom] = "crashed"

    index: int


class ComputeTaken(Finding, frozen=True, kw_only=True):
    """A card is set for one process alone, and another has it."""

    code: ClassVar[str] = "cuda.compute-taken"
    symptom: ClassVar[Symptom] = "crashed"

    index: int
    pid: int
    holder: str
