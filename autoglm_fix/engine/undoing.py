"""Bringing back what a run changed, host by host."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoglm_fix.connect import ChannelClosed, NotConnected

from .events import Event
from .results import Fault
from .session import Connect, OnHold, Refusal, Session


@dataclass(frozen=True)
class Restored:
    """One path and its ``state``, as ``agent.apply.undo`` says it; ``problem`` is why it was refused."""

    path: str
    state: str
    problem: str | None


@dataclass(frozen=True)
class HostUndo:
    """What became of one host; ``error`` where nothing could be done there, or nothing will be unless it is forced."""

    host: str
    restored: tuple[Restored, ...] = ()
    error: Fault | None = None

    @property
    def ok(self) -> bool:
        return self.error is None and all(entry.state not in ("refused", "failed") for entry in self.restored)


@dataclass(frozen=True)
class Undo:
    """An undo of one run. It is a run itself: ``run_id`` names it in the hosts' locks."""

    of: str
    run_id: str
    who: str
    hosts: Mapping[str, tuple[Connect, str]]
    listen: Callable[[Event], None]

    def preview(self) -> Sequence[HostUndo]:
        """What would come back. Nothing is touched."""
        return [self._on(host, force=False, dry_run=True) for host in self.hosts]

    def carry_out(self, *, force: bool) -> Sequence[HostUndo]:
        """Bring it back, newest change first; hosts on hold, or with files edited since, refuse, unless forced."""
        return [self._on(host, force=force, dry_run=False) for host in self.hosts]

    def _on(self, host: str, *, force: bool, dry_run: bool) -> HostUndo:
        connect, state_dir = self.hosts[host]
        try:
            session = Session(host, connect, state_dir, threading.Event(), self.listen)
        except NotConnected as err:
            return HostUndo(host, error=Fault(err.code, err.values, err.tail))
        except ChannelClosed as err:
            return HostUndo(host, error=Fault("run.unreachable", {"reason": str(err)}, err.tail))
        try:
            cut_off = [] if dry_run else session.begin(self.run_id, self.who, despite_hold=force)
            back = session.undo(self.of, force=force, dry_run=dry_run)
            hold = session.look_around().hold if dry_run else None
            error = None if hold is None else OnHold(hold).fault
            restored = (*(Restored(path, "restored", None) for path in cut_off), *map(_restored, back))
            return HostUndo(host, restored, error)
        except Refusal as refusal:
            return HostUndo(host, error=refusal.fault)
        except NotConnected as err:
            # What kept it from starting may be heard with the first answer only.
            return HostUndo(host, error=Fault(err.code, err.values, err.tail))
        except ChannelClosed as err:
            return HostUndo(host, error=Fault("run.ambiguous", {"reason": str(err)}, err.tail))
        finally:
            session.close()


def _restored(entry: Mapping[str, Any]) -> Restored:
    problem = entry["problem"]
    return Restored(str(entry["path"]), str(entry["state"]), None if problem is None else str(problem))
