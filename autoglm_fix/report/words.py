"""What reports say, in one language: sentences by code, and numbers as people write them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autoglm_fix.diagnostics import Finding
from autoglm_fix.engine.results import ChangeRecord, Fault, StepResult
from autoglm_fix.fixes import Declined
from autoglm_fix.locale import Catalogue, size
from autoglm_fix.proof import Check, Proof

from .again import OPTIONS
from .ranges import shown
from .secrets import HIDDEN

# Around a value while its sentence is filled: private characters that no sentence uses.
_OPEN, _CLOSE = "\ue000", "\ue001"
_PIECES = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}|([^{_OPEN}]+)")
_COMMAND = re.compile(r"`([^`]+)`")
_AT_THE_END = re.compile(r"\s*([:：])\s*`[^`]+`[.。]?\Z")
_ROOM = 72
# What the agent calls its longer work.
_WORK = (
    *("asking", "checking", "comparing", "installing", "keeping files", "loading the model", "models found"),
    *("putting files back", "sending", "starting", "stopping", "waiting for the service", "watching the service"),
)
# These say why a fix is not carried out, not that there is none.
_SAID_ALONE = ("run.held", "run.denied", "run.not-allowed", "run.done-once")


@dataclass(frozen=True)
class Advice:
    """What to do: the sentence, and the command in it that can be pasted (its values are quoted)."""

    text: str = ""
    command: str | None = None

    @property
    def lead(self) -> str:
        """The sentence without the command that it ends with, for where that stands on a line of its own."""
        return _AT_THE_END.sub(lambda end: "。" if end[1] == "：" else ".", self.text)


def interrupts(change: ChangeRecord) -> bool:
    """Whether a change takes a service that runs away from its callers for a while."""
    return change.kind in ("restart", "daemon-reload", "recreate") and not change.code.startswith("restart.start")


class Words:
    """The wording of reports. A code without a sentence is shown with its values, never an error.

    ``names`` are those of the inventory's groups and hosts: what is said of hosts must not mean another.
    """

    def __init__(self, language: str = "en", names: Collection[str] = ()) -> None:
        self.language = language
        self._names = names
        self._catalogue = Catalogue(language)
        self.colon = self.say("report.pair", first="|", second="|")[1:-1]
        self.comma = self.say("report.list", first="|", second="|")[1:-1]

    def say(self, code: str, /, **values: Any) -> str:
        """A sentence of the reports' own catalogue."""
        return self._catalogue.part(code, "summary", values)

    def count(self, code: str, n: int, /, **values: Any) -> str:
        """A sentence about ``n`` things: its part ``one`` or ``many``."""
        return self._catalogue.part(code, "one" if n == 1 else "many", {"n": n, **values})

    def name(self, kind: str, word: str) -> str:
        """One of our own words (a status, a risk) in this language; a word without a sentence is itself."""
        return self._filled(f"report.{kind}-{word}", "summary", {}) or word

    def finding(self, finding: Finding) -> str:
        """What is wrong, in one sentence."""
        return self._summary(finding.code, _values(finding))

    def advice(self, finding: Finding) -> Advice:
        """What to do about a finding."""
        return self._advice(finding.code, _values(finding))

    def declined(self, declined: Declined) -> str:
        """Why a fix has nothing to offer."""
        return self._summary(declined.code, declined.values)

    def refusals(self, declined: Iterable[Declined]) -> list[tuple[str, Advice]]:
        """Each distinct reason why fixes had nothing to offer, with what to do about it."""
        return [(self.declined(each), self.hint(each)) for each in self.distinct(declined)]

    def distinct(self, declined: Iterable[Declined]) -> list[Declined]:
        """The reasons that do not say the same, in their order."""
        first: dict[str, Declined] = {}
        for each in declined:
            first.setdefault(self.declined(each), each)
        return list(first.values())

    def waiting(self, steps: Iterable[StepResult]) -> str:
        """That steps can tell nothing before an earlier one is done."""
        return self.say("report.waiting", steps=self.joined(self.say("report.quoted", text=s.name) for s in steps))

    def fault(self, fault: Fault) -> str:
        """What went wrong, in one sentence."""
        return self._summary(fault.code, fault.values)

    def reason(self, judged: Check | Proof) -> str | None:
        """Why a claim or a proof did not pass; None where it did."""
        values = judged.evidence if isinstance(judged, Check) else judged.values
        return None if judged.code is None else self._summary(judged.code, values)

    def change(self, change: ChangeRecord, *, path: bool = False) -> str:
        """What a change does. Its path only where asked for, or where the summary does not name the file."""
        said = self.what(change)
        name = re.escape(change.target.rstrip("/").rpartition("/")[2])
        if not path and name and re.search(rf"(?<![\w.-]){name}(?![\w-])", said):
            return said
        return self.say("report.change", summary=said, target=change.target)

    def what(self, change: ChangeRecord) -> str:
        """What a change does, without its path."""
        if not change.code or change.summary == HIDDEN:
            return change.summary
        return self._summary(change.code, change.values)

    def work(self, what: str) -> str:
        """What a host is at, as it said: its first words in this language, a name behind them as it is."""
        known = next((each for each in _WORK if what == each or what.startswith(f"{each} ")), None)
        if known is None:
            return what
        code = f"report.work-{known.replace(' ', '-')}"
        return self._filled(code, "summary", {"name": what[len(known) :].strip()}) or what

    def risk(self, change: ChangeRecord) -> str:
        """What making a change means."""
        if change.kind == "restart":
            return self.name("risk", "interrupts" if interrupts(change) else "starts")
        return self.name("risk", change.risk)

    def refusal(self, declined: Declined) -> str:
        """Why a change is not made, as a line of its own."""
        said = self.declined(declined)
        return said if declined.code in _SAID_ALONE else self.say("report.declined", reason=said)

    def hint(self, said: Fault | Declined | Check | Proof) -> Advice:
        """What to do about an error, a refusal or a claim."""
        if said.code is None:
            return Advice()
        return self._advice(said.code, said.evidence if isinstance(said, Check) else said.values)

    def hosts(self, hosts: Iterable[str], *, room: int | None = _ROOM) -> str:
        """``gpu01``, or ``gpu[01:64] (64 hosts)``, as ``-l`` takes them unless they are cut to fit the ``room``."""
        names = list(hosts)
        folded = shown(names, room, self._names)
        return folded if len(names) == 1 else f"{folded} ({self.count('report.hosts', len(names))})"

    def limit(self, hosts: Iterable[str]) -> str:
        """All of some hosts, as ``-l`` takes them."""
        return shown(hosts, None, self._names)

    def joined(self, parts: Iterable[str]) -> str:
        """Parts of a sentence in a row."""
        return self.comma.join(parts)

    def _summary(self, code: str, values: Mapping[str, Any]) -> str:
        if values and all(value == HIDDEN for value in values.values()):
            return self.say("report.hidden", code=code)
        return self._filled(code, "summary", values) or self.say("report.no-sentence", code=code, values=_plain(values))

    def _advice(self, code: str, values: Mapping[str, Any]) -> Advice:
        if values and all(value == HIDDEN for value in values.values()):
            return Advice()
        return advice(self._filled(code, "advice", {name: _marked(value) for name, value in values.items()}) or "")

    def _filled(self, code: str, part: str, values: Mapping[str, Any]) -> str | None:
        try:
            return self._catalogue.part(code, part, {name: self._said(value) for name, value in values.items()})
        except (KeyError, OSError, TypeError, ValueError):
            return None

    def _said(self, value: Any) -> Any:
        """A value of a sentence; changes among them (``code`` and ``values``) in their own words."""
        if isinstance(value, Mapping) and value.keys() == {"code", "values"}:
            return self._summary(str(value["code"]), value["values"])
        return [self._said(each) for each in value] if isinstance(value, list) else value


def advice(filled: str) -> Advice:
    """The advice of a filled sentence: values inside backticks become shell words.

    A path that a host made up must not become a second command in somebody's terminal; and of what is an option alone,
    only one that ``run`` has becomes a command.
    """
    text, inside = "", False
    for value, own in _PIECES.findall(filled):
        if own:
            inside ^= own.count("`") % 2 == 1
            text += own
        else:
            # A backtick of the host's would end the command early.
            text += (shlex.quote(value) if inside else value).replace("`", "'" if not inside else "?")
    commands = [each for each in _COMMAND.findall(text) if not each.startswith("-") or each.split()[0] in OPTIONS]
    return Advice(text, commands[-1] if commands else None)


def duration(seconds: float) -> str:
    """Seconds for people: "0.4 s", "1:05 min", "2:03:09 h"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def amount(number: float, unit: str) -> str:
    """A number with its unit: "3.1 GiB", "128 tokens"."""
    if unit == "bytes":
        return size(number)
    digits = 1 if number < 10 and number != int(number) else 0
    return f"{number:,.{digits}f} {unit}".rstrip()


def shortened(text: str, room: int) -> str:
    """Text on one line, cut at ``room`` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= room else flat[: room - 1].rstrip() + "…"


class _Marked(str):
    """A host's text inside an advice, recognisable after the sentence has been filled."""

    __slots__ = ()

    def __str__(self) -> str:
        return _OPEN + str.replace(self, _OPEN, "?").replace(_CLOSE, "?") + _CLOSE


def _marked(value: Any) -> Any:
    if isinstance(value, str):
        return _Marked(value)
    return [_marked(each) for each in value] if isinstance(value, (list, tuple)) else value


def _values(finding: Finding) -> dict[str, Any]:
    return {"subject": finding.subject, **finding.evidence}


def _plain(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
