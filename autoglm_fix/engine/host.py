"""One host for the length of a run: its services' walks, and where a crash becomes its result."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from autoglm_fix.connect import ChannelClosed, NotConnected
from autoglm_fix.proof import Proof

from .admission import Admission, rounds
from .events import HostLost, HostPlan, HostStarted, PutBack
from .holding import on_hold
from .lost import loss
from .results import Fault, HostResult, HostStatus, Rollback, StepStatus
from .session import OnHold, Refusal, Session, Standing
from .stopwatch import Stopwatch
from .surroundings import Surroundings
from .target import Target
from .verdict import host_verdict, service_verdict
from .walk import ServiceWalk

__all__ = ["HostWalk", "Target"]

# What a second, deeper look may still do something about, or has to say.
_OPEN = (StepStatus.PENDING, StepStatus.UNFIXED, StepStatus.UNKNOWN)


@dataclass(eq=False)
class HostWalk:
    """A host in a run. Its methods never raise: what goes wrong becomes the host's error.

    ``behind`` is the jump host that was lost on the way; ``halted``: its turn came when no host began any more.
    """

    target: Target
    around: Surroundings
    error: Fault | None = None
    trouble: HostStatus | None = None
    rollback: Rollback | None = None
    behind: str | None = None
    halted: bool = False
    walks: list[ServiceWalk] = field(default_factory=list)
    current: list[ServiceWalk] = field(default_factory=list)
    started: bool = False
    machine: str = ""
    _clock: Stopwatch = field(default_factory=Stopwatch)
    _session: Session | None = None
    _changing: bool = False
    _cut_short: bool = False

    def __post_init__(self) -> None:
        self.around = replace(self.around, resting=self._clock.resting(self.around.resting))

    # -- one play

    def look(self, play: int) -> None:
        """Connect where that has not been done, and look at every service for this play."""
        self._guard(lambda: self._look(play))

    def look_anew(self) -> None:
        """Look as if for the first time at what was looked at."""

        def look() -> None:
            for walk in self.current:
                walk.look_anew()

        self._guard(look)

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
        services = [walk.script.service for walk in self.current]
        managed = tuple((service.engine, service.manager) for service in services)
        return HostPlan(self.target.name, tuple(step for walk in self.current for step in walk.results()), managed)

    @property
    def rest_of_plan(self) -> HostPlan:
        """What would still be done here, of the steps that are not done."""
        plan = self.plan
        open_steps = [step for step in plan.steps if step.status in _OPEN]
        left = (replace(step, changes=tuple(each for each in step.changes if not each.made)) for step in open_steps)
        return replace(plan, steps=tuple(left))

    @property
    def may_be_left(self) -> bool:
        """Whether nothing is under way here that must come to its end."""
        return self._session is None or not self._session.has_lock

    @property
    def asks_for_more(self) -> bool:
        """Whether a proof of the current play failed, so that a deeper look may tell why."""
        proofs = [proof for walk in self.current for proof in walk.proofs]
        return any(proof.status == "failed" or proof.symptom == "garbage" for proof in proofs)

    @property
    def tells_of_its_plan(self) -> bool:
        """Whether it got as far as its plan: one that was locked, or lost before, says nothing of others' like it."""
        return self.trouble in (None, HostStatus.AMBIGUOUS) or any(walk.changed for walk in self.current)

    @property
    def has_changes(self) -> bool:
        return self.able and any(walk.has_changes for walk in self.current)

    @property
    def failed(self) -> bool:
        """Whether this host counts as failed for the play's limits."""
        return self.trouble is not None or self.result().status is HostStatus.FAILED

    def change_and_prove(self, on_failure: str, tell: Callable[[], None] = lambda: None) -> None:
        """Make the planned changes, then prove; undo them where the play says so and it went wrong.

        ``tell`` is called before anything is given back that other hosts wait for.
        """
        admission = Admission(self.target.name, self.around, tell)
        self._guard(lambda: self._change(admission, on_failure))
        admission.leave()
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

    def hang_up(self) -> None:
        """End the connection: nothing more is to be done here."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def abandon(self) -> None:
        """Nobody waits for this host any more, whatever it is at."""
        if self._changing:
            self.trouble, self.error = HostStatus.AMBIGUOUS, Fault("run.abandoned")
        elif self.trouble is None:
            self.trouble = HostStatus.INTERRUPTED

    # -- how it ended

    def result(self) -> HostResult:
        """The host as it stands now."""
        services = {}
        results = {walk: walk.results() for walk in self.walks}
        for name in dict.fromkeys(walk.script.service.name for walk in self.walks):
            of_service = [walk for walk in self.walks if walk.script.service.name == name]
            steps = [step for walk in of_service for step in results[walk]]
            proofs = [proof for walk in of_service for proof in walk.proofs]
            seen = next((walk.baseline for walk in of_service if walk.baseline is not None), None)
            unanswered = seen is not None and seen.symptom != "none" and not seen.at_work
            found = service_verdict(steps, proofs, seen.symptom if seen else None, unanswered=unanswered)
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
            steps=tuple(step for walk in self.walks for step in results[walk]),
            proof=tuple((walk.script.play, proof) for walk in self.walks for proof in self._proofs(walk)),
            error=self.error,
            rollback=self.rollback,
            duration_s=self._clock.seconds,
            machine=self.machine,
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
        left = (walk.has_changes or (unproved and walk.script.asks and not walk.proofs) for walk in self.walks)
        return any(left) or any(walk.cut_off for walk in self.walks)

    # -- inside

    def _look(self, play: int) -> None:
        scripts, around = self.target.plays[play], self.around
        self.current = []
        if not scripts or not self.able:
            return
        if self._session is None:
            self.started = True
            around.emit(HostStarted(self.target.name))
            self._session = Session(
                self.target.name, self.target.connect, self.target.state_dir, around.stop, around.emit, around.store
            )
        self.current = [ServiceWalk(self._session, script, around) for script in scripts]
        self.walks += self.current
        for walk in self.current:
            walk.look()
        self.machine = self._session.machine
        self._cut_short = around.stop.is_set()

    def _change(self, admission: Admission, on_failure: str) -> None:
        session = self._session
        if session is None:
            return
        for number, walks in enumerate(rounds(self.current)):
            if number:
                session.end()  # whoever has it never waits for a slot
            if not self._round(session, admission, walks, on_failure):
                return

    def _round(self, session: Session, admission: Admission, walks: Sequence[ServiceWalk], on_failure: str) -> bool:
        """Change and prove services that may be away at once. Whether others may follow."""
        if not self._begin(session, admission, walks):
            return False
        self._apply(session, walks)
        if self.around.stop.is_set():
            return False
        steps = [step for walk in self.current for step in walk.results()]
        went_wrong = any(step.status is StepStatus.FAILED and not step.ignored for step in steps)
        if self.around.verify and not (went_wrong and on_failure == "rollback"):
            for walk in walks:
                walk.prove()
        disproved = any(proof.status == "failed" for walk in walks for proof in walk.proofs)
        wanted = on_failure == "rollback" and (went_wrong or disproved)
        back = (wanted or any(walk.is_broken() for walk in walks)) and self._roll_back(session)
        admission.settle(walks, rolled_back=back)
        return not wanted and not back

    def _begin(self, session: Session, admission: Admission, walks: Sequence[ServiceWalk]) -> bool:
        """Wait until the host may be changed, and take its lock. Whether there is still something to be done."""
        has_a_place = admission.enter(walks)
        if self.around.stop.is_set() or (has_a_place and self._is_too_late()):
            return False
        try:
            put_back = session.begin(self.around.run, self.around.who)
        except OnHold as put:
            # Since it was looked at: what is planned stays undone, and the services are asked all the same.
            session.standing = Standing(put.reason)
            for walk in walks:
                walk.hold_back(on_hold(put.reason))
            return True
        if put_back:
            self.around.emit(PutBack(self.target.name, tuple(put_back)))
        if session.shared and self._is_too_late():
            session.end()  # another host is the same machine: its lock was waited for as well
            return False
        if put_back:
            for walk in self.current:
                walk.look_anew()
            session.end()
            admission.leave()
            return self._begin(session, admission, walks)
        return True

    def _is_too_late(self) -> bool:
        """Whether no host begins any more, and this one, which may have waited for others, has not."""
        if self.around.halted.is_set() and not any(walk.changed for walk in self.walks):
            self.halted = True
        return self.halted

    def _apply(self, session: Session, walks: Sequence[ServiceWalk]) -> None:
        self._changing = not self.around.stop.is_set()
        for walk in walks if self._changing else ():
            if session.shared or any(other.changed for other in self.current):
                # Services and hosts share folders: what one needed may have cured the next.
                walk.refresh()
            walk.apply()
        self._changing = False

    def _roll_back(self, session: Session) -> bool:
        """Take back what the run made here. Whether all of it is as it was."""
        report = session.undo(self.around.run)
        states = {str(entry["state"]) for entry in report}
        if not states:
            return False
        refused, partial = states == {"refused"}, "failed" in states
        self.rollback = Rollback("refused" if refused else "partial" if partial else "restored")
        if self.rollback.status == "restored":
            for walk in self.current:
                walk.taken_back()
        return self.rollback.status == "restored"

    def _guard(self, work: Callable[[], None]) -> None:
        """Run a part of the walk. The one place where a crash becomes a host's result."""
        if self.trouble is not None:
            return
        try:
            with self._clock.running():
                work()
        except Refusal as refusal:
            self._end(HostStatus.FAILED, refusal.fault)
        except NotConnected as err:
            if err.code == "connect.stopped":
                return  # a Ctrl-C, and nothing that is wrong with the host
            self.behind = err.behind
            fault = Fault(err.code, err.values, err.tail, err.behind)
            self._end(HostStatus.FAILED if err.refused else HostStatus.UNREACHABLE, fault)
        except ChannelClosed as end:
            self.behind = end.behind
            self._end(*loss(self.target.name, end, changing=self._changing))
        except Exception as err:
            tail = tuple(traceback.format_exc().splitlines()[-20:])
            self._end(HostStatus.FAILED, Fault("run.bug", {"what": self.target.name, "message": repr(err)}, tail))

    def _end(self, trouble: HostStatus, error: Fault) -> None:
        """This befell the host, unless nobody waits for it any more. It is told at once."""
        if self.trouble is None:
            self.trouble, self.error = trouble, error
        self.around.emit(HostLost(self.target.name, error))
