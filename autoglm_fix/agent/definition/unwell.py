"""What systemd knows of a service that is not well: how it ended, and its last lines."""

from __future__ import annotations

import signal
import time
from typing import Mapping

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


def ended(shown: Mapping[str, str]) -> Ended | None:
    """How the last main process ended; None where none ever did."""
    restarts = int(shown.get("NRestarts") or 0)
    reason, how = shown.get("Result", ""), shown.get("ExecMainCode", "0")
    if how == "0" and not restarts and reason in ("", "success"):
        return None
    status = int(shown.get("ExecMainStatus") or 0)
    at = [shown.get(name, "") for name in ("ExecMainExitTimestampMonotonic", "StateChangeTimestampMonotonic")]
    return Ended(
        status if how == _EXITED else None,
        "" if how in ("0", _EXITED) else signal_name(status),
        reason if reason != "success" else "",
        _epoch(at[0]) or _epoch(at[1]),
        restarts,
        reason == "oom-kill",
    )


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
