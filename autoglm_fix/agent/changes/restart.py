"""restart: a service is started, or stopped and started, by its manager; it ends up running, or says why not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Callable, ClassVar

from ..context import Context
from ..definition.control import Control, Remembers
from ..definition.managers import of
from ..definition.processes import alive
from ..service import ServiceSpec
from ..usage import used_by
from . import CannotChange, Preview

_TICK_S = 0.25
# A start that has just been asked for may not show yet.
_GRACE_S = 1.0
_MEANT_TO_RUN = ("running", "starting", "restarting")


@dataclass(frozen=True)
class Restart:
    """Start the service with its definition as it is on the disk, stopping it first where it runs.

    ``service`` is what its manager knows it by (``Service.handle``), ``path`` its name. It counts as up once it has
    run for ``settle`` seconds. A start that makes no progress for ``idle`` seconds has failed, as has
    one that is not up after ``start_timeout``. Nothing is killed but by the manager's own rules.
    """

    service: dict[str, Any]
    path: str
    start_timeout: float = 1800.0
    idle: float = 60.0
    settle: float = 3.0
    says: str = ""
    values: dict[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "restart"
    risk: ClassVar[str] = "restart"
    undo: ClassVar[str] = "state"
    reloads: ClassVar[bool] = False

    def preview(self, ctx: Context) -> Preview:
        control = _control(ctx, self.service)
        problem = control.problem()
        try:
            state = "unknown" if problem else control.state()
        except CannotChange as err:
            return Preview("", str(err), err.hint)
        if state == "absent":
            problem = f"there is no service {self.path}"
        anew = ", started anew" if state == "running" else ""
        return Preview(f"-{self.path}: {state}\n+{self.path}: running{anew}", problem)

    def before(self, ctx: Context, folder: str) -> dict[str, Any]:
        control = _control(ctx, self.service)
        problem = control.problem()
        if problem:
            raise CannotChange(problem)
        waits = {"start_timeout": self.start_timeout, "idle": self.idle, "settle": self.settle}
        state = control.state()
        found = {"state": state, "ran": state in _MEANT_TO_RUN, "pids": control.pids()}
        return {"service": self.service, "path": self.path, **found, **waits}

    def make(self, ctx: Context) -> None:
        control = _control(ctx, self.service)
        self._take_over(control)
        _Starting(ctx, control, self.path, self.start_timeout, self.idle, self.settle).anew()

    @classmethod
    def put_back(cls, ctx: Context, before: dict[str, Any]) -> None:
        """Running, with what is on the disk by now, or stopped. CannotChange where it does not come up again."""
        control = _control(ctx, before["service"])
        waits = (before["start_timeout"], before["idle"], before["settle"])
        starting = _Starting(ctx, control, before["path"], *waits)
        try:
            if before["state"] not in _MEANT_TO_RUN and control.state() in (*_MEANT_TO_RUN, "stopping"):
                starting.stopped()
            # Else its next start would be that of the definition which has just been taken back.
            if isinstance(control, Remembers) and not control.is_reloaded() and not _endangered():
                control.reload()
            if before["state"] in _MEANT_TO_RUN:
                starting.anew()
        except CannotChange as err:
            if before["state"] == "restarting" and control.state() in ("starting", "restarting"):
                return  # it ended again and again before, and does so again
            raise CannotChange(f"{before['path']} is not {before['state']} again: {err}", err.hint) from err

    @classmethod
    def came_to(cls, ctx: Context, before: dict[str, Any]) -> str | None:
        """What became of one that was cut off: ``made``, ``reverted``; None where it stands half-way.

        Its manager carries on alone: a service that is up by now is not interrupted once more.
        """
        control = _control(ctx, before["service"])
        state = control.state()
        if state == "running":
            return "reverted" if set(before.get("pids", ())) & set(control.pids()) else "made"
        if before["state"] not in _MEANT_TO_RUN and state not in (*_MEANT_TO_RUN, "stopping"):
            return "reverted"
        return None

    @classmethod
    def fingerprint(cls, ctx: Context, before: dict[str, Any]) -> list[Any]:
        return []

    def _take_over(self, control: Control) -> None:
        """Let a manager that remembers definitions read them anew, where nobody is harmed by that."""
        if not isinstance(control, Remembers) or control.is_reloaded():
            return
        endangered = [] if self.reloads else _endangered()
        if endangered:
            raise CannotChange(
                f"systemd has to reload for the new definition, which can take the GPU from {', '.join(endangered)}",
                hint="stop them, or allow it: `allow: [daemon-reload]`",
            )
        control.reload()


@dataclass(frozen=True)
class ReloadAndRestart(Restart):
    """The same where systemd has to read its units anew while containers use GPUs: they may lose them by that."""

    kind: ClassVar[str] = "daemon-reload"
    risk: ClassVar[str] = "disruptive"
    reloads: ClassVar[bool] = True


def _control(ctx: Context, service: dict[str, Any]) -> Control:
    spec = ServiceSpec(**service)
    made: Control = of(spec.manager).control(ctx, spec)
    return made


def _endangered() -> list[str]:
    """Processes that a reload of systemd could take the GPU from."""
    from ..definition.gpu_containers import gpu_containers

    return gpu_containers()


class _Starting:
    """A service on its way up or down, watched."""

    def __init__(
        self, ctx: Context, control: Control, name: str, start_timeout: float, idle: float, settle: float
    ) -> None:
        self._ctx = ctx
        self._control = control
        self._name = name
        self._limit = start_timeout
        self._idle = idle
        self._settle = settle

    def anew(self) -> None:
        """Have it started, or stopped and started; return once it is up. CannotChange where it is not."""
        old = self._control.pids()
        if self._control.state() in (*_MEANT_TO_RUN, "stopping"):
            if self._control.restart():
                self._watch(f"stopping {self._name}", lambda state, _: not any(map(alive, old)))
            else:
                self.stopped()
                self._control.start()
        else:
            self._control.start()
        self._watch(f"starting {self._name}", self._is_up)

    def stopped(self) -> None:
        """Have it stopped; return once none of its processes is left. CannotChange where some do not go."""
        old = self._control.pids()
        self._control.stop()
        try:
            self._watch(f"stopping {self._name}", lambda state, _: not any(map(alive, old)) and state != "stopping")
        except CannotChange as err:
            left = ", ".join(str(pid) for pid in old if alive(pid))
            raise CannotChange(
                f"{self._name} was stopped, but its processes {left} live on", hint=f"look at them: `ps -f -p {left}`"
            ) from err

    def _is_up(self, state: str, since: float) -> bool:
        """Whether the state that it has been in for that long is a good end; CannotChange for a bad one."""
        if state == "running":
            return since >= self._settle
        if state not in ("starting", "stopping") and since >= _GRACE_S:
            # What its manager says of it, it says of every end.
            lines = [line.strip() for line in self._control.log() if line.strip() and self._name not in line]
            said = f"; its log ends with: {lines[-1]}" if lines else ""
            raise CannotChange(f"{self._name} did not come up, it is {state}{said}")
        return False

    def _watch(self, what: str, is_done: Callable[[str, float], bool]) -> None:
        """Look until it is done. CannotChange after the time limit, or without any progress for too long."""
        began = moved = entered = time.monotonic()
        before = ""
        used: tuple[int, ...] = ()
        while True:
            state, now = self._control.state(), time.monotonic()
            if state != before:
                before, entered, moved = state, now, now
            if is_done(state, now - entered):
                return
            new = used_by(self._control.pids())
            if new != used:
                used, moved = new, now
            # How long a stop may take is the manager's to say.
            stuck = state != "stopping" and now - moved > self._idle
            if stuck or now - began > self._limit:
                why = f"no progress for {self._idle:.0f} s" if stuck else f"not done after {self._limit:.0f} s"
                raise CannotChange(f"{what}: {why}; it is {state}")
            self._ctx.progress(what, int(now - began), int(self._limit), "s")
            time.sleep(_TICK_S)
