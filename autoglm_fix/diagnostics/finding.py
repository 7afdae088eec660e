"""What a diagnostic says: a code, how bad it is, what it is about, and the values behind it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

Severity = Literal["error", "warning", "info"]
Symptom = Literal["empty", "garbage", "cut", "hang", "slow", "refused", "crashed", "lost", "none"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all findings: one subclass for each code, its fields the values of its sentences.

    ``subject`` names what is wrong as the service sees it (a path, a setting). ``symptom`` is what a
    caller of the service sees because of it, "none" where that is open. A ``consequence`` (that a service does
    not run) has a cause of its own, which another finding may name. Sentences come from the
    catalogues in ``locale``, by code: ``{field}`` in them is filled from the fields.

    A struct of msgspec, whose classes take a fiftieth of a dataclass's time to make: there are hundreds.
    """

    code: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    symptom: ClassVar[Symptom] = "none"
    consequence: ClassVar[bool] = False

    subject: str

    @property
    def judged_by(self) -> str:
        """The diagnostic that judges what a consequence comes from, as far as that is told; empty where it is not."""
        return ""

    @property
    def evidence(self) -> dict[str, Any]:
        """The fields apart from the subject, as JSON-able values."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        del values["subject"]
        return values
