"""Starting and stopping a systemd unit, without waiting for it."""

from __future__ import annotations

import os
from dataclasses import replace

from ..changes import CannotChange
from ..context import Context
from ..service import ServiceSpec
from ..unknown import CannotTell
from . import NotDefined
from .commands import run
from .managers import of
from .systemd import is_reloaded, processes_of, show, state_of
from .unit import find, name_of
from .unwell import log_of

_RELOAD_S = 60.0


class UnitControl:
    """See ``Control``. Units of the system are meant, not a user's."""

    def __init__(self, ctx: Context, spec: ServiceSpec) -> None:
        self._ctx = ctx
        self._spec = spec
        self._name = name_of(spec)

    def problem(self) -> str | None:
        if not os.path.isdir("/run/systemd/system"):
            return "systemd does not run here"
        return None if os.geteuid() == 0 else f"only root may start and stop {self._name}"

    def state(self) -> str:
        shown = self._shown()
        return "absent" if shown.get("LoadState") in ("not-found", "masked") else state_of(shown)

    def start(self) -> None:
        self._forget_failures(self._shown())
        self._do("start", "--no-block", self._name)

    def stop(self) -> None:
        self._do("stop", "--no-block", self._name)

    def restart(self) -> bool:
        shown = self._shown()
        if self._spec.container or shown.get("KillMode") not in ("control-group", "mixed"):
            return False  # what it leaves behind has to be waited for
        self._forget_failures(shown)
        self._do("restart", "--no-block", self._name)
        return True

    def pids(self) -> list[int]:
        found = processes_of(self._shown().get("ControlGroup", ""))
        if self._spec.container:
            behind = replace(self._spec, manager="docker")
            found += of(behind.manager).control(self._ctx, behind).pids()
        return found

    def log(self) -> list[str]:
        return log_of(self._spec, self._name, None, self._shown())

    def is_reloaded(self) -> bool:
        """Whether systemd works with the unit's files as they are now."""
        try:
            return is_reloaded(self._shown(), find(self._name))
        except NotDefined:
            return False

    def reload(self) -> None:
        """Let systemd read all units anew."""
        self._do("daemon-reload", patience_s=_RELOAD_S)

    def _forget_failures(self, shown: dict[str, str]) -> None:
        """It may have been tried too often; and a unit that waits to be started again would keep its count."""
        if state_of(shown) == "failed" or shown.get("NRestarts", "0") != "0":
            self._do("reset-failed", self._name)

    def _shown(self) -> dict[str, str]:
        try:
            return show(self._name)
        except CannotTell as err:
            raise CannotChange(str(err)) from err

    def _do(self, *words: str, patience_s: float = 30.0) -> None:
        try:
            status, out, err = run("systemctl", *words, patience_s=patience_s)
        except CannotTell as unknown:
            raise CannotChange(str(unknown)) from unknown
        if status:
            raise CannotChange(f"`systemctl {' '.join(words)}` failed: {(err or out).strip()}")
