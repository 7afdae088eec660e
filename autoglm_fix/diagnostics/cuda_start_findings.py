"""What the cuda diagnostic can say where cuInit fails though the driver works, and of what the kernel told.

``init`` is the CUresult, ``name`` what NVIDIA calls it and ``doc`` how NVIDIA explains it; ``path`` is the library that
was asked. ``line`` is the kernel's own, ``ago`` how long ago it said so, for people.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class InitFailed(Finding, frozen=True, kw_only=True):
    """cuInit fails with a code that tells no cause of its own."""

    code: ClassVar[str] = "cuda.init-failed"
    symptom: ClassVar[Symptom] = "crashed"

    init: int
    name: str
    doc: str
    path: str


class NoMemory(InitFailed, frozen=True, kw_only=True):
    """No memory for a start: of the host, or within the limits of the process (2)."""

    code: ClassVar[str] = "cuda.init-memory"


class NotInitialized(InitFailed, frozen=True, kw_only=True):
    """The library is there and never starts: a stub, or one that is not the driver's (3)."""

    code: ClassVar[str] = "cuda.not-initialized"


class DriverOutgrown(InitFailed, frozen=True, kw_only=True):
    """The library asks the driver for what only a newer one has (35, 36)."""

    code: ClassVar[str] = "cuda.driver-outgrown"


class DeviceUnavailable(InitFailed, frozen=True, kw_only=True):
    """All cards are taken: by a process that has one for itself alone, or by their partition (46)."""

    code: ClassVar[str] = "cuda.device-unavailable"


class NoDevice(InitFailed, frozen=True, kw_only=True):
    """The service sees no card though the host has some (100)."""

    code: ClassVar[str] = "cuda.no-device"


class WrongDevice(InitFailed, frozen=True, kw_only=True):
    """A card is asked for that there is not, or one that cannot be asked alone (101)."""

    code: ClassVar[str] = "cuda.wrong-device"


class Unlicensed(InitFailed, frozen=True, kw_only=True):
    """A virtual GPU without its licence (102)."""

    code: ClassVar[str] = "cuda.unlicensed"


class CardFailed(InitFailed, frozen=True, kw_only=True):
    """A card or its links have an error that cannot be corrected (214, 220)."""

    code: ClassVar[str] = "cuda.card-failed"


class SystemCallFailed(InitFailed, frozen=True, kw_only=True):
    """The system refused a call of the driver's library (304, 800)."""

    code: ClassVar[str] = "cuda.system-call-failed"


class LibraryDiffers(InitFailed, frozen=True, kw_only=True):
    """libcuda and the kernel module do not belong together, though their names do not show it (803)."""

    code: ClassVar[str] = "cuda.library-differs"


class SharingFailed(InitFailed, frozen=True, kw_only=True):
    """The service that lets several processes share a card (MPS) does not take this one (805 to 810)."""

    code: ClassVar[str] = "cuda.sharing-failed"


class UnknownError(InitFailed, frozen=True, kw_only=True):
    """The driver's part for shared memory (nvidia_uvm) is missing or stuck (999)."""

    code: ClassVar[str] = "cuda.unknown-error"


class HmmFails(Finding, frozen=True, kw_only=True):
    """The kernel finds no room for the driver's view of the host's memory (HMM under KASLR): CUDA does not start."""

    code: ClassVar[str] = "cuda.hmm-fails"
    symptom: ClassVar[Symptom] = "crashed"

    line: str
    ago: str


class Xid(Finding, frozen=True, kw_only=True):
    """The kernel told of an error of a card that a program may have made. The subject is the card's place on the bus.

    ``xid`` is its number, ``mnemonic`` and ``says`` NVIDIA's words for it, ``process`` who computed then.
    """

    code: ClassVar[str] = "cuda.xid"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    xid: int
    mnemonic: str
    says: str
    process: str
    ago: str
    line: str


class XidOfCard(Xid, frozen=True, kw_only=True):
    """The same, where NVIDIA asks for more than a restart of the program: a reset, a reboot, a look at the card."""

    code: ClassVar[str] = "cuda.xid-of-card"
