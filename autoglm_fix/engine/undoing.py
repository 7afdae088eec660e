"""Bringing back what a run changed, on many hosts side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Any

from autoglm_fix.connect import ChannelClosed, NotConnected

from .crew import Crew, Interrupts
from .events import Event
from .results import Fault
from .session import Connect, OnHold, Refusal, Session


@dataclass(frozen=True)
class Restored:
    """One path and its ``state``, as ``agent.apply.undo`` says it; ``problem`` is why it was refused.

    ``interrupts``: it is a service, which is interrupted by it.
    """

    path: str
    state: str
    problem: str | None
    interrupts: bool = False


@dataclass(frozen=True)
class HostUndo:
    """What became of one host; ``error`` where nothing could be done there, or nothing will be unless it is forced.

    ``unreachable``: nobody could ask it, so what it has to bring back is not known.
    """

    host: str
    restored: tuple[Restored, ...] = ()
    error: Fault | None = None
    unreachable: bool = False

    @property
    def ok(self) -> bool:
        return self.error is None and not self.refused

    @property
    def refused(self) -> bool:
        """Whether something that is to come back does not."""
        return any(entry.state in ("refused", "failed") for entry in self.restored)

    @property
    def interrupts(self) -> bool:
        """Whether a service is interrupted."""
        return any(entry.interrupts for entry in self.restored)


@dataclass(frozen=True)
class Undo:
    """An undo of one run. It is a run itself: ``run_id`` names it in the hosts' locks.

    ``forks`` hosts are worked on at a time. Ctrl-C sets ``stop``: no further host is begun then, one that is being
    brought back comes to its end, and a second Ctrl-C does not wait for that.
    """

    of: str
    run_id: str
    who: str
    hosts: Mapping[str, tuple[Connect, str]]
    listen: Callable[[Event], None]
    forks: int = 50
    stop: Flag = field(default_factory=Flag)

    def preview(self) -> Sequence[HostUndo]:
        """What would come back. Nothing is touched."""
        return self._each(self.hosts, force=False, dry_run=True)

    def carry_out(self, previewed: Sequence[HostUndo] = (), *, force: bool) -> Sequence[HostUndo]:
        """Bring it back, newest change first, on the hosts that were ``previewed`` (none: on all).

        Hosts on hold, or with files edited since, refuse, unless forced. Where a service is interrupted the hosts go
        one after another, as they may be replicas of one model, and after one that went wrong no other is begun.
        """
        alone = [host.host for host in previewed if host.interrupts]
        together = [host.host for host in previewed if not host.interrupts] if previewed else self.hosts
        done = self._each(together, force=force, dry_run=False)
        return [*done, *self._each(alone, force=force, dry_run=False, forks=1)]

    def _each(
        self, hosts: Iterable[str], *, force: bool, dry_run: bool, forks: int | None = None
    ) -> Sequence[HostUndo]:
        turns = [_Turn(host, self, force, dry_run) for host in hosts]
        wrong: list[_Turn] = []

        def may_start(turn: _Turn) -> bool:
            turn.after = wrong[0].host if wrong else ""
            return not wrong

        def ended(turn: _Turn) -> None:
            if forks is not None and not force and not turn.outcome.ok:
                wrong.append(turn)

        interrupts = Interrupts(self.stop)
        with interrupts:
            Crew(forks or self.forks, interrupts).each(turns, _Turn.work, may_start, ended)
        return [turn.outcome for turn in turns]


@dataclass(eq=False)
class _Turn:
    """One host, previewed or brought back; not begun ``after`` another that went wrong."""

    host: str
    undo: Undo
    force: bool
    dry_run: bool
    after: str = ""
    _session: Session | None = None
    _done: HostUndo | None = None

    @property
    def may_be_left(self) -> bool:
        return self._session is None or not self._session.has_lock

    @property
    def outcome(self) -> HostUndo:
        """What became of it by now; of one that a Ctrl-C kept from its end, that."""
        if self._done is not None:
            return self._done
        if self.after:
            return HostUndo(self.host, error=Fault("undo.not-begun", {"host": self.after}))
        return HostUndo(self.host, error=Fault("undo.interrupted" if self.may_be_left else "run.abandoned"))

    def work(self) -> None:
        """Connect, and do what is to be done. What goes wrong becomes the outcome."""
        connect, state_dir = self.undo.hosts[self.host]
        try:
            self._session = Session(self.host, connect, state_dir, self.undo.stop, self.undo.listen)
            self._done = self._on(self._session)
        except Refusal as refusal:
            self._done = HostUndo(self.host, error=refusal.fault)
        except NotConnected as err:
            if err.code != "connect.stopped":
                fault = Fault(err.code, err.values, err.tail, err.behind)
                self._done = HostUndo(self.host, error=fault, unreachable=not err.refused)
        except ChannelClosed as err:
            self._done = self._lost(err)
        finally:
            if self._session is not None:
                self._session.close()

    def _on(self, session: Session) -> HostUndo | None:
        of = self.undo.of
        if self.dry_run:
            back = session.undo(of, force=False, dry_run=True)
            hold = session.look_around().hold if back else None
            return HostUndo(self.host, tuple(map(_restored, back)), None if hold is None else OnHold(hold).fault)
        cut_off = session.begin(self.undo.run_id, self.undo.who, despite_hold=self.force)
        if not session.has_lock:
            return None  # a Ctrl-C, while another host of this run was waited for that is the same machine
        back = session.undo(of, force=self.force)
        return HostUndo(self.host, (*(Restored(path, "restored", None) for path in cut_off), *map(_restored, back)))

    def _lost(self, end: ChannelClosed) -> HostUndo:
        """Before anything was touched a host that gets lost is out of reach, no more."""
        touched = not self.may_be_left
        fault = Fault("run.ambiguous" if touched else "run.unreachable", {"reason": str(end)}, end.tail, end.behind)
        return HostUndo(self.host, error=fault, unreachable=not touched)


def _restored(entry: Mapping[str, Any]) -> Restored:
    problem = entry["problem"]
    said = None if problem is None else str(problem)
    return Restored(str(entry["path"]), str(entry["state"]), said, bool(entry["interrupts"]))
