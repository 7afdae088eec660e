"""``--limit @failed:RUN``: the hosts on which an earlier run did not end well."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Sequence
from pathlib import Path

import click

from autoglm_fix.authored.problems import BadInput, Position, enumeration
from autoglm_fix.engine.results import HostStatus
from autoglm_fix.inventory.limit import Limit
from autoglm_fix.inventory.pattern import split_limit
from autoglm_fix.records import NoSuchRun, Record, Records, state_dir

_WORD = "@failed"
_PIECE = re.compile(rf"(?P<sign>[&!]?)(?P<list>{_WORD}(?::(?P<run>.*))?)", re.DOTALL)
_WELL = frozenset(
    status.value for status in (HostStatus.VERIFIED, HostStatus.CLEAN, HostStatus.PENDING, HostStatus.NO_SERVICE)
)


def within(limit: str | None) -> str | Limit | None:
    """A limit with the hosts that ``@failed`` (the newest run) or ``@failed:RUN`` stand for, wherever they are in it.

    A run that never came to its end ended well nowhere. Says on stderr which run is meant where none is named. Raises
    BadInput where there is no such run, or it ended well everywhere and is not behind ``!``.
    """
    pieces = () if limit is None else tuple(split_limit(limit))
    found = [match for match in map(_PIECE.fullmatch, pieces) if match]
    if limit is None or not found:
        return limit
    named: dict[str, Sequence[str]] = {}
    told: dict[str, str] = {}
    for piece in found:
        record = _record(piece["run"] or "")
        hosts = _not_well(record)
        if not hosts and piece["sign"] != "!":
            message = f"the run {record.run} ended well on {enumeration(record.hosts)}"
            raise BadInput([Position("--limit").problem(message, "A file of that name is '@./failed'.")])
        if not piece["run"] and piece["list"] not in named:
            click.echo(f"autoglm-fix: {_meant(record, hosts)}", err=True)
        named[piece["list"]] = hosts
        told[piece["list"]] = f"The run {record.run} of {record.playbook} was on {enumeration(record.hosts)}"
    return Limit(limit, pieces, named, told)


def _not_well(record: Record) -> list[str]:
    if record.document is None:
        return list(record.hosts)
    return [name for name, host in record.document["hosts"].items() if host["status"] not in _WELL]


def _meant(record: Record, hosts: Sequence[str]) -> str:
    """Which run it is: a person may think of another one, as a dry-run that is newer."""
    from autoglm_fix.report.safe import safe

    when = re.match(r"\d{8}T\d{6}", record.run)
    since = time.localtime(calendar.timegm(time.strptime(when[0], "%Y%m%dT%H%M%S"))) if when else None
    of = time.strftime(" of %d %b %H:%M %Z", since) if since else ""
    where = f"on {enumeration(hosts)}" if hosts else "which ended well everywhere"
    said = f"{_WORD} is the run {record.run}{of}, {record.playbook}, {where} (dry-runs are not recorded)"
    return safe(said)


def _record(run: str) -> Record:
    records = Records(Path(state_dir()))
    try:
        return records.load(run or next(reversed(records.runs()), ""))
    except NoSuchRun as err:
        if not err.known:
            hint = "Dry-runs are not recorded. Leave '@failed' out, or name the hosts."
            raise BadInput([Position("--limit").problem("no run is recorded here", hint)]) from None
        hint = f"The newest are: {enumeration(err.known)}. 'autoglm-fix history' lists them all."
        raise BadInput([Position("--limit").problem(f"no run is recorded as '{run}'", hint)]) from None
