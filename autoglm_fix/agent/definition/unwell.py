"""What systemd knows of a service that is not well: how it ended, and its last lines."""

from __future__ import annotations

import re
import signal
import time
from typing import Mapping, Sequence

from ..facts.service import Ended
from ..service import ServiceSpec
from ..unknown import CannotTell
from .commands import run
from .logs import last, tail
from .unit import Unit

# siginfo_t.si_code of a child that ended: exited; others were killed or dumped core.
_EXITED = "1"
# systemd's line between two starts.
_AGAIN = "Scheduled restart job, restart counter is at"
# What it writes of each start that failed, and forgets of it once the next one has begun.
_FAILED = re.compile(r"Failed with result '([\w-]+)'")
_MAIN = re.compile(r"Main process exited, code=(\w+), status=(\d+)")
# A command beside the program: which one, and that it failed. One whose failure does not count is not among them.
_BESIDE = ("ExecCondition", "ExecStartPre", "ExecStartPost")
_CONTROL = re.compile(r"Control process exited, code=(\w+), status=(\d+)")
_COMMAND = re.compile(r"argv\[\]=(.*?) ; ignore_errors=(\w+) ;.*? code=(\w+) ; status=(\d+)")


def ended(shown: Mapping[str, str], log: Sequence[str] = (), name: str = "") -> Ended | None:
    """How the last main process ended; None where none ever did. ``log``: its last lines, ``name``: the unit's.

    While it is started again, the manager's own account is that of the new start: then the log tells of the last.
    """
    restarts = int(shown.get("NRestarts") or 0)
    reason, how = shown.get("Result", ""), shown.get("ExecMainCode", "0")
    if how == "0" and not restarts and reason in ("", "success"):
        return None
    status = int(shown.get("ExecMainStatus") or 0)
    if how == "0" and restarts and reason in ("", "success") and shown.get("ActiveState") == "activating":
        reason, how, status = _told(log)
    at = [shown.get(name, "") for name in ("ExecMainExitTimestampMonotonic", "StateChangeTimestampMonotonic")]
    return Ended(
        status if how == _EXITED else None,
        "" if how in ("0", _EXITED) else signal_name(status),
        reason if reason != "success" else "",
        _epoch(at[0]) or _epoch(at[1]),
        restarts,
        reason == "oom-kill",
        _beside(name, log, how == "0") if name and reason in ("exit-code", "signal") and how != _EXITED else "",
    )


def _told(log: Sequence[str]) -> tuple[str, str, int]:
    """The result, the kind of end and the status of the last start that failed, in the words of `systemctl show`."""
    results = [found[1] for found in map(_FAILED.search, log) if found]
    mains = [(found[1], int(found[2])) for found in map(_MAIN.search, log) if found]
    code, status = mains[-1] if mains else ("", 0)
    return results[-1] if results else "", {"": "0", "exited": _EXITED}.get(code, "2"), status


def _beside(name: str, log: Sequence[str], before: bool) -> str:
    """The command beside the program that failed, with its setting and its end; empty for none.

    ``before``: the program was not started. Which command it was is forgotten when systemd reads its units anew.
    """
    try:
        status, out, _err = run("systemctl", "show", name, "--property=" + ",".join(_BESIDE))
    except CannotTell:
        return ""
    for line in [] if status else out.splitlines():
        setting, _, value = line.partition("=")
        found = _COMMAND.search(value)
        if found and found[2] == "no" and found[4] != "0":
            return f"{setting}={found[1]} ({_end(found[3], found[4])})"
    told = [found for found in map(_CONTROL.search, log) if found]
    return f"{_BESIDE[1 if before else 2]}= ({_end(told[-1][1], told[-1][2])})" if told else ""


def _end(code: str, status: str) -> str:
    return f"exit status {status}" if code == "exited" else signal_name(int(status))


def _epoch(monotonic: str) -> float | None:
    """The time of the epoch for one that the manager gives in microseconds since the boot; None for none."""
    if monotonic in ("", "0"):
        return None
    return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + int(monotonic) / 1e6


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9."""
    known = {int(each): each.name for each in signal.Signals}
    return known.get(number, f"signal {number}")


def log_of(spec: ServiceSpec, name: str, unit: Unit | None, shown: Mapping[str, str] | None = None) -> list[str]:
    """The last lines since the last start, from files where the inventory or the unit says that it writes some."""
    files = spec.logs if isinstance(spec.logs, list) else _log_files(unit) if unit else []
    lines = [line for path in dict.fromkeys(files) for line in tail(path, 80)]
    if lines:
        return lines
    started = _epoch((shown or {}).get("ExecMainStartTimestampMonotonic", ""))
    since = [f"--since=@{int(started)}"] if started else []
    try:
        status, out, _err = run("journalctl", "-u", name, *since, "-n", "200", "-o", "cat", "-q", "--no-pager")
    except CannotTell:
        return []
    return [] if status else _of_the_last_starts(last(out))


def _of_the_last_starts(lines: list[str]) -> list[str]:
    """Of one that ends again and again: what an older start said may have been mended since."""
    again = [number for number, line in enumerate(lines) if _AGAIN in line]
    return lines[again[-2] + 1 :] if len(again) > 1 else lines


def _log_files(unit: Unit) -> list[str]:
    """The files that its output goes to."""
    pairs = [unit.one(name).partition(":") for name in ("StandardOutput", "StandardError")]
    return [path for how, _, path in pairs if how in ("file", "append", "truncate") and path]
