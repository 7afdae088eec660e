"""``--limit @failed:RUN``: the hosts on which an earlier run did not end well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autoglm_fix.authored.problems import BadInput, Position, enumeration
from autoglm_fix.engine.results import HostStatus
from autoglm_fix.records import NoSuchRun, Record, Records, state_dir

_WORD = "@failed"
_WELL = frozenset(
    status.value for status in (HostStatus.VERIFIED, HostStatus.CLEAN, HostStatus.PENDING, HostStatus.NO_SERVICE)
)


def within(limit: str | None) -> str | Sequence[str] | None:
    """A limit with the hosts that it names in place of ``@failed`` (the newest run) or ``@failed:RUN``.

    A run that never came to its end ended well nowhere. Raises BadInput where there is no such run, or it ended well
    everywhere.
    """
    word, _, run = (limit or "").strip().partition(":")
    if word != _WORD:
        return limit
    record = _record(run.strip())
    if record.document is None:
        return list(record.hosts)
    hosts = [name for name, host in record.document["hosts"].items() if host["status"] not in _WELL]
    if not hosts:
        message = f"the run {record.run} ended well on {enumeration(list(record.document['hosts']))}"
        raise BadInput([Position("--limit").problem(message, "A file of that name is '@./failed'.")])
    return hosts


def _record(run: str) -> Record:
    records = Records(Path(state_dir()))
    try:
        return records.load(run or next(reversed(records.runs()), ""))
    except NoSuchRun as err:
        if not err.known:
            raise BadInput([Position("--limit").problem("no run is recorded here", "Leave '@failed' out.")]) from None
        hint = f"The newest are: {enumeration(err.known)}. 'autoglm-fix history' lists them all."
        raise BadInput([Position("--limit").problem(f"no run is recorded as '{run}'", hint)]) from None
