"""One host for the length of a run: its services' walks, and where a crash becomes its result."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Event as Flag

from autoglm_fix.connect import ChannelClosed
from autoglm_fix.proof import Proof

from .events import HostDone, HostLost, HostPlan, HostStarted, Listener, PutBack
from .results import Fault, HostResult, HostStatus, Rollback, StepStatus
from .script import Script
from .session import Connect, ParcelStore, Refusal, Session
from .verdict import host_verdict, service_verdict
from .walk import Describe, ServiceWalk

# What a second, deeper look may still do something about, or has to say.
_OPEN = (StepStatus.PENDING, StepStatus.UNFIXED, StepStatus.UNKNOWN)


@dataclass(frozen=True)
class Target:
    """A selected host: how to reach it, and its scripts play by play (one for each service)."""

    name: str
    connect: Connect
    state_dir: str
    plays: Sequence[Sequence[Script]]


@dataclass(frozen=True)
class Surroundings:
    """What every host of a run shares."""

    run: str
    who: str
    dry_run: bool
    verify: bool
    stop: Flag
    emit: Listener
    describe: Describe
    even_if_working: bool = False
    store: ParcelStore | None = None


@dataclass(eq=False)
class HostWalk:
    """A host in a run. Its methods never raise: what goes wrong becomes the host's error."""

    target: Target
    around: Surroundings
    error: Fault | None = None
    trouble: HostStatus | None = None
    rollback: Rollback | None = None
    walks: list[ServiceWalk] = field(default_factory=list)
    current: list[ServiceWalk] = field(default_factory=list)
    started: float = 0.0
    spent_s: float = 0.0
    _session: Session | None = None
    _changing: bool = False
    _cut_short: bool = False

    # -- one play

    def look(self, play: int) -> None:
        """Connect where that has not been done, and look at every service for this play."""
        self._guard(lambda: self._look(play))

    def look_deeper(self) -> bool:
        """Look deeper where a failed proof points to. Whether that showed anything new."""
        if self.rollback is not None:
            return False
        deeper: list[bool] = []

        def look() -> None:
            for walk in self.current:
                failed = [proof for proof in walk.proofs if proof.status == "failed" or proof.symptom == "garbage"]
                names = [name for proof in failed if not walk.explains(proof) for name in proof.points_to]
                if names:
                    deeper.append(walk.look_deeper(names))

        self._guard(look)
        return any(deeper) and self.able

    @property
    def able(self) -> bool:
        """Whether this host can go on."""
        return self.trouble is None and not self.around.stop.is_set()

    @property
    def plan(self) -> HostPlan:
        """What would be done here in the current play."""
        return HostPlan(self.target.name, tuple(step for walk in self.current for step in walk.results()))

    @property
    def rest_of_plan(self) -> HostPlan:
        """What would still be done here, of the steps that are not done."""
        open_steps = [step for step in self.plan.steps if step.status in _OPEN]
        left = (replace(step, changes=tuple(each for each in step.changes if not each.made)) for step in open_steps)
        return HostPlan(self.target.name, tuple(left))

    @property
    def has_changes(self) -> bool:
        return self.able and any(walk.has_changes for walk in self.current)

    @property
    def failed(self) -> bool:
        """Whether this host counts as failed for the play's limits."""
        return self.trouble is not None or self.result().status is HostStatus.FAILED

    def change_and_prove(self, on_failure: str) -> None:
        """Make the planned changes, then prove; undo them where the play says so and it went wrong."""
        self._guard(lambda: self._change(on_failure))
        if self._session is not None:
            # Another host of this run may be the same machine, and waits for it.
            with contextlib.suppress(ChannelClosed):
                self._session.end()

    def prove(self) -> None:
        """Make each service generate."""

        def prove() -> None:
            for walk in self.current:
                walk.prove()

        if self.able and self.around.verify:
            self._guard(prove)

    def close(self) -> None:
        """End the connection and say how the host ended."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self.spent_s = time.monotonic() - self.started if self.started else 0.0
        self.around.emit(HostDone(self.result()))

    # -- how it ended

    def result(self) -> HostResult:
        """The host as it stands now."""
        services = {}
        for name in dict.fromkeys(walk.script.service.name for walk in self.walks):
            of_service = [walk for walk in self.walks if walk.script.service.name == name]
            steps = [step for walk in of_service for step in walk.results()]
            proofs = [proof for walk in of_service for proof in walk.proofs]
            seen = next((walk.baseline for walk in of_service if walk.baseline is not None), None)
            found = service_verdict(steps, proofs, seen.symptom if seen else None)
            services[name] = replace(found, answered=seen.answers if seen else None)
        return HostResult(
            name=self.target.name,
            status=host_verdict(
                # What a look that was cut short says is neither here nor there.
                [] if self._cut_short else [service.status for service in services.values()],
                trouble=self.trouble,
                started=self._started,
                interrupted=self._interrupted,
            ),
            services=services,
            steps=tuple(step for walk in self.walks for step in walk.results()),
            proof=tuple((walk.script.play, proof) for walk in self.walks for proof in self._proofs(walk)),
            error=self.error,
            rollback=self.rollback,
            duration_s=self.spent_s,
        )

    def _proofs(self, walk: ServiceWalk) -> list[Proof]:
        """A service's proofs; what was not asked because nothing was to be changed is still to come."""
        if walk.proofs or not self.around.dry_run:
            return walk.proofs
        return [Proof(walk.script.service.name, "pending") for _ in walk.script.asks]

    @property
    def _started(self) -> bool:
        return bool(self.started)

    @property
    def _interrupted(self) -> bool:
        """Whether a Ctrl-C took something from this host that it was going to do."""
        if not self.around.stop.is_set() or not self.walks or self._cut_short:
            return self.around.stop.is_set()
        unproved = self.around.verify and not self.around.dry_run
        return any(walk.has_changes or (unproved and walk.script.asks and not walk.proofs) for walk in self.walks)

    # -- inside

    def _look(self, play: int) -> None:
        scripts = self.target.plays[play]
        self.current = []
        if not scripts or not self.able:
            return
        if self._session is None:
            self.started = time.monotonic()
            self.around.emit(HostStarted(self.target.name))
            around = self.around
            self._session = Session(
                self.target.name, self.target.connect, self.target.state_dir, around.stop, around.emit, around.store
            )
        around = self.around
        self.current = [
            ServiceWalk(
                self._session, script, around.describe, around.run, around.stop, around.emit, around.even_if_working
            )
            for script in scripts
        ]
        self.walks += self.current
        for walk in self.current:
            walk.look()
        self._cut_short = around.stop.is_set()

    def _change(self, on_failure: str) -> None:
        session = self._session
        if session is None:
            return
        put_back = session.begin(self.around.run, self.around.who)
        if put_back:
            self.around.emit(PutBack(self.target.name, tuple(put_back)))
            for walk in self.current:
                walk.look_anew()
        self._apply(session)
        if self.around.stop.is_set():
            return
        steps = [step for walk in self.current for step in walk.results()]
        went_wrong = any(step.status is StepStatus.FAILED and not step.ignored for step in steps)
        if self.around.verify and not (went_wrong and on_failure == "rollback"):
            for walk in self.current:
                walk.prove()
        disproved = any(proof.status == "failed" for walk in self.current for proof in walk.proofs)
        wanted = on_failure == "rollback" and (went_wrong or disproved)
        if wanted or any(walk.is_broken() for walk in self.current):
            self._roll_back(session)

    def _apply(self, session: Session) -> None:
        self._changing = not self.around.stop.is_set()
        for walk in self.current if self._changing else ():
            if session.shared or any(other.changed for other in self.current):
                # Services and hosts share folders: what one needed may have cured the next.
                walk.refresh()
            walk.apply()
        self._changing = False

    def _roll_back(self, session: Session) -> None:
        report = session.undo(self.around.run)
        states = {str(entry["state"]) for entry in report}
        if not states:
            return
        refused, partial = states == {"refused"}, "failed" in states
        self.rollback = Rollback("refused" if refused else "partial" if partial else "restored")

    def _guard(self, work: Callable[[], None]) -> None:
        """Run a part of the walk. The one place where a crash becomes a host's result."""
        if self.trouble is not None:
            return
        try:
            work()
        except Refusal as refusal:
            self.error, self.trouble = refusal.fault, HostStatus.FAILED
        except ChannelClosed as lost:
            self.trouble = HostStatus.AMBIGUOUS if self._changing else HostStatus.UNREACHABLE
            self.error = Fault(
                "run.ambiguous" if self._changing else "run.unreachable", {"reason": str(lost)}, lost.tail
            )
            self.around.emit(HostLost(self.target.name, self.error))
        except Exception as err:
            tail = tuple(traceback.format_exc().splitlines()[-20:])
            self.error = Fault("run.bug", {"what": self.target.name, "message": repr(err)}, tail)
            self.trouble = HostStatus.FAILED
