"""What the cuda diagnostic can say of the system's libraries for C and C++.

``symbols`` is the version that is missing ("GLIBCXX_3.4.30"), ``program`` what needs it, ``path`` the library that was
loaded. ``gcc`` is the compiler whose libstdc++ has them, as a requirement (">=12.1.0").
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Symptom


class LibstdcxxOfConda(Finding, frozen=True, kw_only=True):
    """conda's own libstdc++ comes before the system's and is older than what is loaded with it."""

    code: ClassVar[str] = "cuda.libstdcxx-of-conda"
    symptom: ClassVar[Symptom] = "crashed"

    symbols: str
    program: str
    prefix: str
    gcc: str


class LibstdcxxShadowed(Finding, frozen=True, kw_only=True):
    """LD_LIBRARY_PATH puts an older libstdc++ before the one that would do. ``folder`` is that entry."""

    code: ClassVar[str] = "cuda.libstdcxx-shadowed"
    symptom: ClassVar[Symptom] = "crashed"

    symbols: str
    program: str
    folder: str
    gcc: str


class LibstdcxxTooOld(Finding, frozen=True, kw_only=True):
    """The system's libstdc++ is older than the program; ``contained``: the system is that of an image."""

    code: ClassVar[str] = "cuda.libstdcxx-too-old"
    symptom: ClassVar[Symptom] = "crashed"

    symbols: str
    program: str
    path: str
    gcc: str
    contained: bool


class ProgramTooNew(Finding, frozen=True, kw_only=True):
    """A program was built on a system whose C library is newer than this one's; ``systems`` have it."""

    code: ClassVar[str] = "cuda.program-too-new"
    symptom: ClassVar[Symptom] = "crashed"

    symbols: str
    program: str
    path: str
    systems: list[str]
