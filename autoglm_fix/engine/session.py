"""One host for the length of a run: its channel, its lock, and the events it sends while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from typing import Any, Protocol

import msgspec

from autoglm_fix.agent.changes import KINDS, Change, to_wire
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import Agent, AgentError, Channel, ChannelClosed, Greeted, NotConnected, Request
from autoglm_fix.resolve.parcels import NoParcel, Parcel, parcels_of

from .events import Doing, Listener, LogLine, Progress
from .gather import Facts
from .results import Fault

_AGENT = "autoglm_fix.agent"
_NO_DEADLINE_S = 7 * 24 * 3600.0
# Longer than the fetch's own 60 s without progress, so that it can say itself what stalled.
_IDLE_S = 90.0
# What comes back may be one large file, and says nothing while it is copied.
_IDLE_BACK_S = 300.0
_TURN_S = 0.2
_STANDING_S = 30.0
# Files that are to come back are compared, large ones too.
_PREVIEW_S = 600.0
_MACHINE_ID = 64
# Half-done, these leave a service worse than either end: the agent carries them through alone.
_FINISHING = frozenset({"install", "restart", "daemon-reload", "recreate"})

Connect = Callable[[], Channel]


class ParcelStore(Protocol):
    """Where files that are sent to hosts are kept, or fetched to."""

    def path(self, parcel: Parcel) -> Path:
        """The file, its digest checked. Raises NoParcel."""


class Refusal(Exception):
    """A host that must not be changed now, or that gave no usable answer: a fault, as an exception."""

    def __init__(self, code: str, values: Mapping[str, Any], tail: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.fault = Fault(code, values, tail)


class OnHold(Refusal):
    """A host that somebody has put on hold, for the ``reason`` that they have written, if any."""

    def __init__(self, reason: str) -> None:
        super().__init__("run.on-hold", {"reason": reason or "-"})
        self.reason = reason


@dataclass(frozen=True)
class Standing:
    """What stands on a host from before.

    ``hold`` is the reason why it is on hold, None where it is not; ``drained`` are services that an earlier run has
    left drained, each with that run.
    """

    hold: str | None = None
    drained: Mapping[str, str] = field(default_factory=dict)


class Session:
    """A connected host. Every method but ``close`` may raise ChannelClosed."""

    def __init__(
        self,
        host: str,
        connect: Connect,
        state_dir: str,
        stop: Flag,
        emit: Listener,
        store: ParcelStore | None = None,
    ) -> None:
        """Connect, and send the agent's code; the first answer is not waited for.

        ``store`` holds the files that changes need to have sent along.
        """
        self.host = host
        self._store = store
        self._emit = emit
        self._connect = connect
        channel = connect()
        self._greeted = channel if isinstance(channel, Greeted) else None
        self._agent = Agent(channel, state_dir=state_dir, stop=stop)
        self._stop = stop
        self._locked = False
        self.shared = False
        self.standing: Standing | None = None
        self.machine = ""

    def close(self) -> None:
        self._agent.close()

    @property
    def has_lock(self) -> bool:
        """Whether the host is being changed."""
        return self._locked

    def facts(self, service: ServiceSpec) -> Facts:
        """An empty store of what this host says of a service."""
        return Facts(self._agent, service, self._heard)

    def looks_at(self, service: str) -> None:
        """Say that a service is looked at; as long as the host has not been heard, that it is waited for."""
        look = Doing(self.host, "look", service)
        waits = self._agent.once_awake(lambda: self._woke(look))
        self._emit(Doing(self.host, "start", "") if waits else look)

    def _woke(self, look: Doing) -> None:
        """The host is heard; before it, a login may have been: an rc file that prints is worth knowing of."""
        self._emit(look)
        for said in self._greeted.greeting() if self._greeted is not None else ():
            self._emit(LogLine(self.host, said))

    def ask(self, request: Request) -> Any:
        """One request's result, or an AgentError. A Ctrl-C does not cut it short."""
        return self._agent.ask(request, stoppable=False)

    def identity(self) -> Mapping[str, Any]:
        """The host's name, machine id, Python and uid, as ``hello`` gives them."""
        reply: Mapping[str, Any] = self._answer(Request("hello", modules=(f"{_AGENT}.hello",)), "the agent's greeting")
        return reply

    def preview(self, changes: Sequence[Change], service: ServiceSpec) -> list[Mapping[str, Any]]:
        """For each change its ``diff``, ``problem`` and ``hint``; one exchange, nothing written."""
        if not changes:
            return []
        request = self._changing("preview", service, {}, changes)
        reply: list[Mapping[str, Any]] = self._answer(request, "a preview")
        return reply

    def standing_request(self) -> tuple[Request, Callable[[Any], None]]:
        """What asks for ``standing``, and what takes the answer."""
        return Request("standing", modules=(f"{_AGENT}.standing",), deadline_s=_STANDING_S), self._take_standing

    def look_around(self) -> Standing:
        """Ask what stands on the host by now."""
        request, take = self.standing_request()
        take(self._agent.ask(request, stoppable=False))
        return self.standing or Standing()

    def _take_standing(self, reply: Any) -> None:
        # Whoever takes the lock asks again.
        told = reply if isinstance(reply, Mapping) else {}
        self.machine = str(told.get("machine") or self.machine)[:_MACHINE_ID]
        self.standing = Standing(told.get("hold"), told.get("drained") or {})

    def begin(self, run: str, who: str, *, despite_hold: bool = False) -> list[str]:
        """Take the host's lock, and put back what an earlier run was cut off in. Returns those paths.

        Where another host of this very run is the same machine its turn is waited for, and ``shared`` is set: what is
        known of the host may be wrong by now. So it is where it had to be connected to anew; a run that is stopped
        waits no more, and has no lock. Raises OnHold where the host is on hold, Refusal where somebody else holds the
        lock, or no journal can be kept.
        """
        if self._locked:
            return []
        renewed = False
        try:
            answer, put_back = self._agent.lock_then(run, who, _recovery(), despite=despite_hold)
        except NotConnected:
            raise  # no agent ever started: a password that was refused is not tried again
        except ChannelClosed as lost:
            if lost.behind is not None or self._stop.is_set():
                raise
            # It was only looked at: rebooted maybe, or idle for too long while somebody read the plan.
            self._agent.renew(self._connect())
            renewed = True
            answer, put_back = self._agent.lock_then(run, who, _recovery(), despite=despite_hold)
        # An empty name: whoever took it is about to write who it is.
        while answer.get("held_by") == "" or str(answer.get("held_by")).startswith(f"run {run} "):
            if self._stop.wait(_TURN_S):
                return []
            answer, put_back = self._agent.lock_then(run, who, _recovery(), despite=despite_hold)
        if answer.get("hold") is not None:
            raise OnHold(str(answer["hold"]))
        self.shared = renewed or str(answer.get("last")).startswith(f"run {run} ")
        if answer.get("problem"):
            raise Refusal("run.no-journal", {"folder": answer["folder"], "problem": answer["problem"]})
        if answer["held_by"] is not None:
            raise Refusal("run.locked", {"held_by": answer["held_by"]})
        self._locked = True
        return self._recovered(put_back)

    def end(self) -> None:
        """Give the host's lock back."""
        if self._locked:
            self._locked = False
            self._agent.unlock()

    def recover(self) -> list[str]:
        """Put back every change whose making was cut off. Returns the paths."""
        return self._recovered(self._agent.ask(_recovery(), stoppable=False))

    def _recovered(self, reply: Any) -> list[str]:
        paths: list[str] = _told(reply, "putting back what was cut off")
        return paths

    def apply(
        self, run: str, step: str, changes: Sequence[Change], service: ServiceSpec
    ) -> list[Mapping[str, Any]] | AgentError:
        """Make changes in order; an entry for each begun: ``made``, and its ``problem``."""
        try:
            lost = self._send_parcels(step, changes)
        except NoParcel as err:
            return [{"made": False, "problem": str(err), "hint": ""}]
        if lost is not None:
            return lost
        request = self._changing("apply", service, {"run": run, "step": step}, changes)
        reply: list[Mapping[str, Any]] | AgentError = self._agent.ask(request, self._relay(step))
        if isinstance(reply, AgentError) and reply.kind == "goes-on":
            self._locked = False  # the lock is kept by what works on
        return reply

    def _send_parcels(self, step: str, changes: Sequence[Change]) -> AgentError | None:
        """Send the files that the changes bring along, each once."""
        parcels = {parcel.sha256: parcel for change in changes for parcel in parcels_of(change)}
        for digest, parcel in parcels.items():
            if self._store is None:
                raise NoParcel(f"nobody here keeps {parcel.name}")
            lost = self._agent.send_file(str(self._store.path(parcel)), digest, self._relay(step))
            if lost is not None:
                return lost
        return None

    def undo(self, run: str, *, force: bool = False, dry_run: bool = False) -> list[Mapping[str, Any]]:
        """Bring back what a run changed here; see ``agent.apply.undo``."""
        arguments = {"run": run, "force": force, "dry_run": dry_run}
        deadline_s = _PREVIEW_S if dry_run else _NO_DEADLINE_S
        modules = (f"{_AGENT}.apply",)
        request = Request("undo", arguments, modules=modules, deadline_s=deadline_s, idle_s=_IDLE_BACK_S)
        reply: list[Mapping[str, Any]] = self._answer(request, "an undo", stoppable=False)
        return reply

    def prove(self, service: ServiceSpec, arguments: Mapping[str, Any], deadline_s: float) -> Any:
        """The raw evidence of a generation, or an AgentError."""
        request = Request(
            "prove",
            arguments,
            service=msgspec.to_builtins(service),
            modules=(f"{_AGENT}.proof.prove",),
            deadline_s=deadline_s,
        )
        return self._agent.ask(request, self._relay("proof"))

    def ask_endpoint(self, service: ServiceSpec, arguments: Mapping[str, Any], deadline_s: float) -> Any:
        """The raw evidence of asking a service over its endpoint, or an AgentError."""
        request = Request(
            "ask",
            arguments,
            service=msgspec.to_builtins(service),
            modules=(f"{_AGENT}.proof.ask",),
            deadline_s=deadline_s,
        )
        return self._agent.ask(request, self._relay("proof"))

    def _changing(
        self, verb: str, service: ServiceSpec, arguments: Mapping[str, Any], changes: Sequence[Change]
    ) -> Request:
        kinds = {KINDS[change.kind][0] for change in changes}
        return Request(
            verb,
            {**arguments, "changes": [to_wire(change) for change in changes]},
            service=msgspec.to_builtins(service),
            modules=(f"{_AGENT}.apply", *sorted(f"{_AGENT}.changes.{kind}" for kind in kinds)),
            deadline_s=_NO_DEADLINE_S,
            idle_s=_IDLE_S,
            finishes=bool(_FINISHING & {change.kind for change in changes}),
        )

    def _answer(self, request: Request, what: str, *, stoppable: bool = True) -> Any:
        return _told(self._agent.ask(request, stoppable=stoppable), what)

    def _relay(self, what: str) -> Callable[[int, Mapping[str, Any]], None]:
        return lambda _index, event: self._heard(what, event)

    def _heard(self, what: str, event: Mapping[str, Any]) -> None:
        if event.get("event") == "progress":
            done, total, unit = int(event["done"]), int(event["total"]), str(event["unit"])
            self._emit(Progress(self.host, str(event["what"]), done, total, unit))
        elif event.get("event") == "log":
            self._emit(LogLine(self.host, str(event["line"])))


def _told(reply: Any, what: str) -> Any:
    """A reply that there is. Raises Refusal where there is none."""
    if isinstance(reply, AgentError):
        if reply.kind in ("stalled", "deadline"):
            raise Refusal("run.stalled", {"message": reply.message}, reply.tail)
        raise Refusal("run.bug", {"what": what, "message": reply.message}, reply.tail)
    return reply


def _recovery() -> Request:
    return Request("recover", modules=(f"{_AGENT}.apply",), deadline_s=_NO_DEADLINE_S, idle_s=_IDLE_BACK_S)
