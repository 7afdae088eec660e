"""What the cuda diagnostic can say of the builds that are installed.

``torch`` is a build ("2.9.1+cu128"), ``cuda`` the CUDA version that it was made for ("12.8"), ``driver`` the
driver's version. Those that other versions would cure carry them; those where nothing fits do not.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom
from .versions import NeedsVersions


class DriverTooOld(NeedsVersions, frozen=True, kw_only=True):
    """The driver does not run programs of the build's CUDA version; ``least`` would."""

    code: ClassVar[str] = "cuda.driver-too-old"
    symptom: ClassVar[Symptom] = "crashed"

    what: str
    cuda: str
    driver: str
    least: str


class UpgradeDriver(Finding, frozen=True, kw_only=True):
    """The same, where no release that the tables know runs with the driver."""

    code: ClassVar[str] = "cuda.upgrade-driver"
    symptom: ClassVar[Symptom] = "crashed"

    what: str
    cuda: str
    driver: str
    least: str


class NoKernels(NeedsVersions, frozen=True, kw_only=True):
    """The build has no code for the card; ``made_for`` are the compute capabilities that it has code for."""

    code: ClassVar[str] = "cuda.no-kernels"
    symptom: ClassVar[Symptom] = "crashed"

    torch: str
    card: str
    capability: str
    made_for: list[str]


class CardUnsupported(Finding, frozen=True, kw_only=True):
    """The same, where nothing that the tables know fits. ``what`` is the engine, or torch where there is none."""

    code: ClassVar[str] = "cuda.card-unsupported"
    symptom: ClassVar[Symptom] = "crashed"

    what: str
    card: str
    capability: str
    made_for: list[str]


class SomeWithoutKernels(Finding, frozen=True, kw_only=True):
    """The build has code for some of the cards only."""

    code: ClassVar[str] = "cuda.some-without-kernels"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    torch: str
    card: str
    capability: str
    others: list[str]


class SomeUnsupported(Finding, frozen=True, kw_only=True):
    """The engine was never made for some of the cards, and runs on the others."""

    code: ClassVar[str] = "cuda.some-unsupported"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    what: str
    card: str
    capability: str
    made_for: list[str]
    others: list[str]


class PtxTooNew(NeedsVersions, frozen=True, kw_only=True):
    """The driver would have to compile the build's code for the card, and is older than that code (222)."""

    code: ClassVar[str] = "cuda.ptx-too-new"
    symptom: ClassVar[Symptom] = "crashed"

    torch: str
    card: str
    capability: str
    cuda: str
    driver: str


class OtherBuild(NeedsVersions, frozen=True, kw_only=True):
    """The build is for the CPU or for GPUs of another vendor, and the machine has NVIDIA's."""

    code: ClassVar[str] = "cuda.cpu-build"
    symptom: ClassVar[Symptom] = "slow"

    torch: str
    card: str


class EngineMismatch(NeedsVersions, frozen=True, kw_only=True):
    """The engine's own code and torch are made for different major versions of CUDA."""

    code: ClassVar[str] = "cuda.engine-mismatch"
    symptom: ClassVar[Symptom] = "crashed"

    engine: str
    engine_cuda: str
    torch: str
    cuda: str


class PythonOutside(NeedsVersions, frozen=True, kw_only=True):
    """There is no wheel of the build for the Python that it lies under."""

    code: ClassVar[str] = "cuda.python-outside"
    symptom: ClassVar[Symptom] = "crashed"

    what: str
    python: str
    takes: list[str]


class GlibcTooOld(NeedsVersions, frozen=True, kw_only=True):
    """The system's C library is older than the wheel needs; ``systems`` have a newer one."""

    code: ClassVar[str] = "cuda.glibc-too-old"
    symptom: ClassVar[Symptom] = "crashed"

    what: str
    glibc: str
    least: str
    systems: list[str]


class Musl(Finding, frozen=True, kw_only=True):
    """The system's C library is musl, for which there is no torch."""

    code: ClassVar[str] = "cuda.musl"
    symptom: ClassVar[Symptom] = "crashed"

    musl: str


class NothingFits(Finding, frozen=True, kw_only=True):
    """What is installed cannot run here (``why`` is the code), and the tables know of nothing that could."""

    code: ClassVar[str] = "cuda.nothing-fits"
    symptom: ClassVar[Symptom] = "crashed"

    what: str
    why: str
    driver: str
    cards: list[str]
    python: str
    glibc: str


class MinorVersion(Finding, frozen=True, kw_only=True):
    """The driver is older than the build's CUDA version, and of the same major version: that works."""

    code: ClassVar[str] = "cuda.minor-version"
    severity: ClassVar[Severity] = "info"

    torch: str
    cuda: str
    driver: str


class Compiled(Finding, frozen=True, kw_only=True):
    """The build has no code for the card, and the driver compiles it at the first start."""

    code: ClassVar[str] = "cuda.compiled"
    severity: ClassVar[Severity] = "info"
    symptom: ClassVar[Symptom] = "slow"

    torch: str
    card: str
    capability: str


class Unverified(Finding, frozen=True, kw_only=True):
    """Newer than the tables, so that nobody can say whether it fits. ``newest`` is the last that they have."""

    code: ClassVar[str] = "cuda.unverified"
    severity: ClassVar[Severity] = "info"

    what: str
    newest: str


class NoBfloat16(Finding, frozen=True, kw_only=True):
    """The launch asks for bfloat16, and the engine refuses that on such a card."""

    code: ClassVar[str] = "cuda.no-bfloat16"
    symptom: ClassVar[Symptom] = "crashed"

    engine: str
    card: str
    capability: str


class Float16(Finding, frozen=True, kw_only=True):
    """The model will run in float16, whose range models of this family overflow."""

    code: ClassVar[str] = "cuda.float16"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "garbage"

    model: str
    card: str
    capability: str


class Float16Instead(Finding, frozen=True, kw_only=True):
    """The engine takes float16 in place of bfloat16 on such a card."""

    code: ClassVar[str] = "cuda.float16-instead"
    severity: ClassVar[Severity] = "info"
    symptom: ClassVar[Symptom] = "garbage"

    engine: str
    card: str
    capability: str
