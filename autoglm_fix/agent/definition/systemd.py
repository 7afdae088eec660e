"""systemd: the unit as its files say on the disk, and what the manager says of its life."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

from ..context import Context
from ..facts.service import Definition
from ..kernel import text
from ..service import ServiceSpec
from ..unknown import CannotTell
from . import Looked, NotDefined
from .control import Control
from .start import starts_a_container
from .unit import Unit, find, name_of
from .units import words

_SHOWN = (
    "LoadState,LoadError,ActiveState,SubState,Result,UnitFileState,NeedDaemonReload,DropInPaths,ControlGroup,KillMode,"
    "MainPID,ExecMainPID,ExecMainCode,ExecMainStatus,NRestarts,ExecMainStartTimestampMonotonic,"
    "ExecMainExitTimestampMonotonic,StateChangeTimestampMonotonic"
)
_PATIENCE_S = 15.0
_STATES = {
    "active": "running",
    "reloading": "running",
    "refreshing": "running",
    "activating": "starting",
    "deactivating": "stopping",
    "failed": "failed",
    "maintenance": "failed",
}


def defined(ctx: Context, spec: ServiceSpec) -> Definition:
    """The unit's files, read from the disk. Raises NotDefined."""
    return find(name_of(spec)).definition()


def look(ctx: Context, spec: ServiceSpec) -> Looked:
    """The unit's files and state. CannotTell where systemd runs and does not answer."""
    name = name_of(spec)
    unit: Unit | None = None
    undefined, near = "", []
    try:
        unit = find(name)
    except NotDefined as err:
        undefined, near = str(err), err.near
    definition = unit.definition() if unit else None
    if not os.path.isdir("/run/systemd/system"):
        from .by_hand import found

        return replace(found(ctx, spec), defined=definition, undefined=undefined, near=near)
    shown = show(name)
    loaded = shown.get("LoadState", "")
    if loaded in ("not-found", "masked", "bad-setting", "error"):
        from .unwell import log_of

        wrong = undefined if loaded == "not-found" else loaded
        return Looked("absent", definition, wrong or loaded, near, log=log_of(spec, name, unit))
    if definition is not None:
        definition = replace(definition, enabled=_enabled(shown.get("UnitFileState", "")))
    looked = Looked(
        state_of(shown),
        definition,
        undefined,
        near,
        int(shown.get("MainPID") or 0),
        processes_of(shown.get("ControlGroup", "")),
        reloaded=is_reloaded(shown, unit),
    )
    if looked.state != "running" or shown.get("NRestarts", "0") != "0":
        from .unwell import ended, log_of

        # Where it has been started again, it is the log of the start before that tells.
        since = None if looked.state in ("running", "starting") else shown
        log = log_of(spec, name, unit, since)
        looked = replace(looked, ended=ended(shown, log, name), log=log)
    container = spec.container or spec.compose or starts_a_container(definition)
    if container and looked.state not in ("failed", "restarting"):
        from .front_end import behind

        return behind(ctx, spec, looked)
    return looked


def show(name: str) -> dict[str, str]:
    """What the manager says of a unit now, by property."""
    argv = ["systemctl", "show", name, "--property=" + _SHOWN]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            env={**os.environ, "LC_ALL": "C"},
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as err:
        raise CannotTell(f"systemctl cannot be run: {err.strerror}") from err
    except subprocess.TimeoutExpired as err:
        raise CannotTell(f"systemd does not answer within {_PATIENCE_S:g} s") from err
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise CannotTell(f"systemd does not answer: {said}")
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def is_reloaded(shown: dict[str, str], unit: Unit | None) -> bool:
    """Whether the manager has read the files as they are now. Of new drop-in folders it does not notice by itself."""
    known = words(shown.get("DropInPaths", ""))
    there = [path for kind, path in unit.files if kind == "drop-in"] if unit else known
    return shown.get("NeedDaemonReload") != "yes" and sorted(known) == sorted(there)


def state_of(shown: dict[str, str]) -> str:
    """The state in the words of ``Service``."""
    active, sub = shown.get("ActiveState", ""), shown.get("SubState", "")
    if sub.startswith("auto-restart"):
        return "restarting"
    if active == "active" and sub == "exited" and not processes_of(shown.get("ControlGroup", "")):
        return "stopped"
    return _STATES.get(active, "stopped")


def _enabled(word: str) -> bool | None:
    if word.startswith("enabled") or word in ("static", "indirect", "generated", "alias"):
        return True
    return False if word.startswith("disabled") else None


def processes_of(group: str) -> list[int]:
    """The processes in a control group of systemd's."""
    if not group.strip("/"):
        return []
    found: list[int] = []
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"):
        for folder, _below, _files in os.walk(root + group):
            found += map(int, text(os.path.join(folder, "cgroup.procs")).split())
        if found:
            break
    return found


def control(ctx: Context, spec: ServiceSpec) -> Control:
    """What starts and stops the unit."""
    from .unit_control import UnitControl

    return UnitControl(ctx, spec)
