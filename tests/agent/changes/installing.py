"""Wheels, an environment and a state directory, and the change that puts the one into the other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from autoglm_fix.agent import apply
from autoglm_fix.agent.changes import to_wire
from autoglm_fix.agent.changes.install import Install
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.state import State
from tests.environments import Snapshot, pin
from tests.wheelhouse import wheel

Wheel = tuple[str, bytes]

OLD = wheel("lib", "1.0", files={"lib/__init__.py": "version = '1.0'\n", "lib/old.py": "", "lib/deep/er.py": "x = 1\n"})
NEW = wheel(
    "lib",
    "2.0",
    files={
        "lib/__init__.py": "version = '2.0'\n",
        "lib/new/part.py": "x = 2\n",
        "lib-2.0.data/scripts/lib-tool": "#!python\nimport lib\nprint(lib.version)\n",
        "lib-2.0.data/data/share/lib/notes.txt": "notes\n",
        "lib-2.0.data/headers/lib.h": "/* */\n",
        "lib-2.0.data/purelib/lib_extra.py": "x = 3\n",
    },
    commands={"lib-say": "lib.new.part:main"},
)
OTHER = wheel("other", "1.0", files={"other.py": "version = '1.0'\n", "shared/__init__.py": ""})


def context(state: State) -> Context:
    ctx = Context()
    ctx.parcels = state.parcels
    return ctx


def site_of(env: Path) -> Path:
    (site,) = env.glob("lib/python*/site-packages")
    return site


def change(env: Path, *pins: dict[str, Any], **more: Any) -> Install:
    values = {"source": "parcels", **more}
    return Install(str(env), str(site_of(env)), str(env / "bin" / "python"), list(pins), **values)


def send(state: State, *wheels: Wheel) -> None:
    """As the controller does, over the channel."""
    os.makedirs(state.parcels, mode=0o700, exist_ok=True)
    for each in wheels:
        Path(state.parcels, pin(each)["sha256"]).write_bytes(each[1])


def make(state: State, *changes: Install, run: str = "run") -> list[dict[str, Any]]:
    return apply.apply(context(state), state, run, "step", [to_wire(each) for each in changes])


def undo(state: State, **more: Any) -> list[dict[str, Any]]:
    values = {"run": "run", "force": False, "dry_run": False, **more}
    return apply.undo(context(state), state, **values)


def files(shot: Snapshot) -> Snapshot:
    return {path: seen for path, seen in shot.items() if seen[0] != "folder"}
