"""The verbs that change a host: preview, apply, recover and undo, all over one journal."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Dict, Iterable, Tuple

from .changes import CannotChange, from_wire, kind_of
from .changes.keep import Inverse, keep, make_folders, missing_parents, put_back, replace
from .collect import plain
from .context import Context
from .journal import BrokenJournal, Journal
from .shared import alone, resources
from .state import State

if TYPE_CHECKING:
    _ByNumber = Tuple[Dict[int, Dict[str, Any]], Dict[int, Dict[str, Any]]]


def preview(ctx: Context, state: State, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each change: its diff, why it could not be made, and what other hosts share of it. Writes nothing."""
    made = [from_wire(wire) for wire in changes]
    return [{**plain(change.preview(ctx)), **resources(ctx, change)} for change in made]


def apply(ctx: Context, state: State, run: str, step: str, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make the changes in order; stop at the first that fails.

    Returns one entry a change: ``{"made": True}``, ``{"made": False, "problem", "hint", "tail"}``, and
    nothing for those never begun. Each is in the journal before it happens. ``taken_back``: whether one that was
    begun, and failed, is as it was; it is missing where nothing was begun.
    """
    journal = Journal(state, run)
    results: list[dict[str, Any]] = []
    for wire in changes:
        number = len(journal.entries())
        try:
            with alone(str(from_wire(wire).path), f"run {run}"):
                _make(ctx, journal, number, step, wire)
        except (CannotChange, OSError) as err:
            told = {"hint": getattr(err, "hint", ""), "tail": getattr(err, "tail", [])}
            results.append({"made": False, "problem": str(err), **told, **_left_by(journal, number)})
            return results
        results.append({"made": True})
    return results


def _left_by(journal: Journal, number: int) -> dict[str, bool]:
    """What is said of a change that failed: whether it was taken back, where it was begun."""
    intents, outcomes = _by_number(journal)
    return {"taken_back": number in outcomes} if number in intents else {}


def _make(ctx: Context, journal: Journal, number: int, step: str, wire: dict[str, Any]) -> None:
    change: Any = from_wire(wire)
    os.makedirs(journal.folder, mode=0o700, exist_ok=True)
    entry = {"intent": number, "step": step, "change": wire}
    if hasattr(change, "stage"):
        made = missing_parents(change.path)
        folder, name = os.path.split(change.path)
        staged = os.path.join(folder, f".{name}.autoglm-fix-new")
        scratch = getattr(change, "scratch", None)
        inverse = Inverse(change.path, staged, keep(change.path, journal.folder, str(number)), made, scratch)
        entry["inverse"] = plain(inverse)
    else:
        entry["before"] = change.before(ctx, os.path.join(journal.folder, "kept", str(number)))
    journal.append(entry)
    try:
        if "before" in entry:
            change.make(ctx)
        else:
            _replace(ctx, change, inverse)
    except (CannotChange, OSError) as err:
        problem = _put_back_or_why(ctx, entry)
        if problem:  # it stays open: whoever undoes it, or comes next, tries again
            raise CannotChange(f"{err}; and {problem}", getattr(err, "hint", "")) from err
        journal.append({"outcome": number, "result": "failed"})
        raise
    journal.append({"outcome": number, "result": "made", "now": _now(ctx, entry)})


def _replace(ctx: Context, change: Any, inverse: Inverse) -> None:
    make_folders(inverse.made)
    if os.path.lexists(inverse.staged):
        os.unlink(inverse.staged)
    change.stage(ctx, inverse.staged)
    replace(inverse)


def _put_back(ctx: Context, entry: dict[str, Any]) -> None:
    """Take back what an intent announced."""
    if "before" in entry:
        kind_of(entry["change"]["kind"]).put_back(ctx, entry["before"])
    else:
        put_back(Inverse(**entry["inverse"]))


def _put_back_or_why(ctx: Context, entry: dict[str, Any]) -> str:
    """Take back what an intent announced; why not, where that cannot be done."""
    try:
        with alone(_target(entry), "an undo"):
            _put_back(ctx, entry)
    except (CannotChange, OSError) as err:
        return str(err)
    return ""


def _now(ctx: Context, entry: dict[str, Any]) -> list[Any]:
    """A fingerprint of what an intent changed: it differs once somebody has edited that."""
    if "before" in entry:
        found: list[Any] = kind_of(entry["change"]["kind"]).fingerprint(ctx, entry["before"])
        return found
    return fingerprint(entry["inverse"]["path"])


def recover(ctx: Context, state: State) -> list[str]:
    """Put back every change whose making was cut off half-way. Returns what was touched.

    A run whose journal is broken is left as it is, and said.
    """
    reverted = []
    for run in state.runs():
        journal = Journal(state, run)
        try:
            intents, outcomes = _by_number(journal)
        except BrokenJournal as err:
            ctx.log(str(err))
            continue
        cut_off = sorted(set(intents) - set(outcomes), reverse=True)
        _import_kinds(intents[number] for number in cut_off)
        for count, number in enumerate(cut_off):
            ctx.progress("putting files back", count, len(cut_off), "files")
            entry = intents[number]
            result = _came_to(ctx, entry)
            if result is None:
                problem = _put_back_or_why(ctx, entry)
                result = "failed" if problem else "reverted"
                if problem:
                    ctx.log(problem)
                reverted.append(_target(entry))
            journal.append({"outcome": number, "result": result, "now": _now(ctx, entry)})
    return reverted


def _came_to(ctx: Context, entry: dict[str, Any]) -> str | None:
    """What became of a change that was cut off: ``made`` or ``reverted`` where it came to an end; None half-way."""
    kind: Any = kind_of(entry["change"]["kind"]) if "before" in entry else None
    found: str | None = kind.came_to(ctx, entry["before"]) if hasattr(kind, "came_to") else None
    return found


def undo(ctx: Context, state: State, run: str, force: bool, dry_run: bool) -> list[dict[str, Any]]:
    """Bring back what a run changed here, newest first; each service's state last, and once.

    Returns an entry a change: ``path``, ``state`` (``would-restore``, ``would-remove`` for what was not
    there before, then ``restored``, ``removed`` or ``failed``, or ``refused``), ``problem``, and whether a service is
    interrupted by it (``interrupts``). Where one path was edited since, nothing at all is touched unless ``force``.
    Of a run whose journal is broken nothing is touched either: its one entry is the journal, ``failed``.
    """
    journal = Journal(state, run)
    try:
        return _undo(ctx, state, journal, _by_number(journal), force, dry_run)
    except BrokenJournal as err:
        return [{"path": err.path, "state": "failed", "problem": str(err), "interrupts": False}]


def _undo(
    ctx: Context, state: State, journal: Journal, known: _ByNumber, force: bool, dry_run: bool
) -> list[dict[str, Any]]:
    intents, outcomes = known
    # What was cut off has no outcome; ``recover`` puts it back as soon as the lock is held.
    results = {number: outcomes.get(number, {"result": "cut off"})["result"] for number in intents}
    acted = {number: intents[number] for number in sorted(intents) if results[number] in ("made", "cut off")}
    _import_kinds(intents.values())
    if acted:
        acted.update({number: intents[number] for number in intents if _runs_with_it(intents[number], results[number])})
    made = _in_order_of_undo(acted)
    report = []
    # A path that the run changed twice is compared with what the last change left there.
    latest = {_touched(entry): number for number, entry in acted.items()}
    for number in made:
        entry = intents[number]
        target = _target(entry)
        last = latest.pop(_touched(entry), None)
        edited = last is not None and results[last] == "made" and _now(ctx, intents[last]) != outcomes[last]["now"]
        problem = f"{target} was edited since" if edited else None
        coming = "would-restore" if "before" in entry or entry["inverse"]["kept"] else "would-remove"
        report.append({"path": target, "state": coming, "problem": problem, "interrupts": _is_of_state(entry)})
    refused = any(entry["problem"] for entry in report) and not force
    if dry_run or refused:
        return [{**entry, "state": "refused"} for entry in report] if refused else report
    again = {number: report[made.index(number)] for number in _undrained_since(state, acted, made)}
    for number, entry in again.items():
        entry["problem"] = _drained_again_or_why(ctx, acted[number])
    if any(entry["problem"] for entry in again.values()) and not force:
        for number in (number for number, entry in again.items() if not entry["problem"]):
            _put_back_or_why(ctx, acted[number])
        return [{**entry, "state": "refused"} for entry in report]
    for count, (number, entry) in enumerate(zip(made, report)):
        ctx.progress("putting files back", count, len(made), "files")
        entry["problem"] = _put_back_or_why(ctx, intents[number]) or None
        if entry["problem"]:
            entry["state"] = "failed"
            continue
        entry["state"] = {"would-restore": "restored", "would-remove": "removed"}[str(entry["state"])]
        for each in _same_state(number, acted):
            journal.append({"outcome": each, "result": "undone"})
    return report


def _undrained_since(state: State, acted: dict[int, dict[str, Any]], made: list[int]) -> list[int]:
    """The drains of services that a later run has undrained, where this undo interrupts a service."""
    kinds = {number: acted[number]["change"]["kind"] for number in made if _is_of_state(acted[number])}
    drains = [number for number, kind in kinds.items() if kind == "drain"]
    if not drains or not set(kinds.values()) - {"drain", "undrain"}:
        return []
    from .drained import drained

    # Its own undrain drains it as it is taken back.
    known = {_target(acted[number]) for number, kind in kinds.items() if kind == "undrain"} | set(drained(state))
    return [number for number in drains if _target(acted[number]) not in known]


def _drained_again_or_why(ctx: Context, entry: dict[str, Any]) -> str | None:
    """Drain a service as a run did; why not, where that cannot be done. It is undrained then."""
    kind: Any = kind_of("drain")
    try:
        kind.make_again(ctx, entry["change"], entry["before"])
    except CannotChange as err:
        more = _put_back_or_why(ctx, entry)
        return f"{err}; and {more}" if more else str(err)
    return None


def _runs_with_it(entry: dict[str, Any], result: str) -> bool:
    """Whether a service ran before a start that failed, and may have been brought up again with what goes now."""
    return result == "failed" and _is_of_state(entry) and bool(entry["before"].get("ran"))


def _same_state(number: int, acted: dict[int, dict[str, Any]]) -> list[int]:
    """The intents that are over with this one: of a service's state all that changed it."""
    if not _is_of_state(acted[number]):
        return [number]
    return [each for each in acted if _is_of_state(acted[each]) and _touched(acted[each]) == _touched(acted[number])]


def _in_order_of_undo(intents: dict[int, dict[str, Any]]) -> list[int]:
    """Newest first; then, once for each service and way of changing its state, the first that did.

    Of these the newest comes first as well: a container has its name again before it is started or stopped.
    """
    of_state: dict[tuple[str, str], int] = {}
    others = []
    for number in sorted(intents):
        if _is_of_state(intents[number]):
            of_state.setdefault(_touched(intents[number]), number)
        else:
            others.append(number)
    return others[::-1] + sorted(of_state.values(), reverse=True)


def _touched(entry: dict[str, Any]) -> tuple[str, str]:
    """What an intent acted on: two that are equal in this changed the same path, or the same service's state."""
    return entry["change"]["kind"] if _is_of_state(entry) else "", _target(entry)


def _is_of_state(entry: dict[str, Any]) -> bool:
    """Whether a change brings back a state rather than bytes; one of a path never does."""
    return "before" in entry and kind_of(entry["change"]["kind"]).undo == "state"


def _import_kinds(entries: Iterable[dict[str, Any]]) -> None:
    """Import the code of every kind of change before anything is put back: what was not sent yet is missed now."""
    for entry in entries:
        if "before" in entry:
            kind_of(entry["change"]["kind"])


def _target(entry: dict[str, Any]) -> str:
    """What an intent touches, as reports name it."""
    if "inverse" in entry:
        return str(entry["inverse"]["path"])
    return str(from_wire(entry["change"]).path)


def _by_number(journal: Journal) -> _ByNumber:
    intents, outcomes = {}, {}
    for entry in journal.entries():
        if "intent" in entry:
            intents[entry["intent"]] = entry
        else:
            outcomes[entry["outcome"]] = entry
    return intents, outcomes


def fingerprint(path: str) -> list[Any]:
    """What tells an edited path from one that is as we left it, without reading gigabytes."""
    try:
        found = os.lstat(path)
    except OSError:
        return ["absent"]
    if stat.S_ISLNK(found.st_mode):
        return ["link", os.readlink(path)]
    return ["file", found.st_ino, found.st_size, found.st_mtime_ns]
