"""What a host has come to whose channel has closed: out of reach, or its agent dead."""

from __future__ import annotations

from autoglm_fix.connect import ChannelClosed

from .results import Fault, HostStatus

# As a shell says that a signal ended what it ran: 128 more than its number.
_BY_SIGNAL = range(128 + 1, 128 + 65)


def loss(host: str, end: ChannelClosed, *, changing: bool) -> tuple[HostStatus, Fault]:
    """A lost host's status and fault. ``changing``: a change was under way.

    That a process ended, and how, is heard over a connection that holds: such a host is no unreachable one.
    """
    code = end.exit_code
    if changing:
        return HostStatus.AMBIGUOUS, Fault("run.ambiguous", {"reason": str(end)}, end.tail, end.behind)
    if code is None:
        return HostStatus.UNREACHABLE, Fault("run.unreachable", {"reason": str(end)}, end.tail, end.behind)
    if code < 0 or code in _BY_SIGNAL:
        signal = -code if code < 0 else code - 128
        return HostStatus.FAILED, Fault("start.killed", {"host": host, "signal": signal}, end.tail)
    return HostStatus.FAILED, Fault("start.died", {"host": host, "exit_code": code}, end.tail)
