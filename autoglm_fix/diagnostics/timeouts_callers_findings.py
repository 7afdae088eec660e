"""What the timeouts diagnostic can say of those who ask the service: clients, and proxies before it.

Times are for people ("60 s"). ``limit`` is what holds now, ``need`` what an answer may well take; ``by`` is the file
and line that set the limit, or the program whose own it is.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class ClientTooShort(Finding, frozen=True, kw_only=True):
    """The client gives up before a first token can be there. The subject is its file and line."""

    code: ClassVar[str] = "timeouts.client-too-short"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "cut"

    limit: str
    need: str
    url: str
    line: str


class ClientUnset(Finding, frozen=True, kw_only=True):
    """The client sets no time, so that one that hangs is noticed after ``limit`` alone. The subject is its place."""

    code: ClassVar[str] = "timeouts.client-unset"
    severity: ClassVar[Severity] = "info"
    symptom: ClassVar[Symptom] = "hang"

    limit: str
    url: str
    line: str


class FrontEndTooShort(Finding, frozen=True, kw_only=True):
    """nginx gives up an answer that takes its time (504). ``line`` is what to write, ``where`` the block for it."""

    code: ClassVar[str] = "timeouts.front-end-too-short"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "cut"

    limit: str
    need: str
    by: str
    target: str
    where: str
    line: str


class FrontEndSendsTooShort(Finding, frozen=True, kw_only=True):
    """nginx gives up handing on a request that is large (a screenshot)."""

    code: ClassVar[str] = "timeouts.front-end-sends-too-short"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "cut"

    limit: str
    need: str
    by: str
    target: str
    line: str
