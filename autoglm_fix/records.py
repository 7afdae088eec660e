"""What the controller remembers of runs: one folder a run, for ``undo``, ``history``, ``show`` and ``report``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from autoglm_fix.agent.state import default_state_dir

_MACHINES = "machines.json"


class NoSuchRun(LookupError):
    """No record of a run by that id; ``known`` holds the newest ids there are."""

    def __init__(self, run: str, known: tuple[str, ...]) -> None:
        super().__init__(run)
        self.run = run
        self.known = known


@dataclass(frozen=True)
class Record:
    """One run: how its hosts are reached, and its document (None while it runs, or was killed).

    ``changed`` says whether it changed something, or may have: it never came to its end.
    """

    run: str
    playbook: str
    hosts: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any] | None
    changed: bool
    reason: str | None = None


def state_dir() -> str:
    """The state directory of this machine: ``$AUTOGLM_FIX_STATE_DIR``, else the user's default."""
    return os.environ.get("AUTOGLM_FIX_STATE_DIR") or default_state_dir()


def place_of(host: str, route: Mapping[str, Any]) -> str:
    """Where a host's name leads by a route as it is recorded: other inventories may call other machines the same."""
    options = route.get("options") or {}
    way = [str(options[name]) for name in ("proxyjump", "proxycommand", "host") if name in options]
    port = f":{route['port']}" if route.get("port") else ""
    return " ".join((host, str(route.get("connection", "")), f"{route.get('address', '')}{port}", *way)).rstrip()


class Records:
    """The records below one state directory. Folders 0700, files 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "records"

    def start(self, run: str, playbook: str, hosts: Mapping[str, Mapping[str, Any]], reason: str | None = None) -> None:
        """Note, before anything is changed, which hosts a run is about, how they are reached, and why it is made."""
        self._write(run, "start.json", {"run": run, "playbook": playbook, "hosts": hosts, "reason": reason})

    def finish(self, run: str, document: Mapping[str, Any], *, changed: bool) -> None:
        """Keep what the run said at its end."""
        self._write(run, "end.json", {"changed": changed, "document": document})

    def machines(self, places: Mapping[str, str]) -> dict[str, str]:
        """The id of the machine that each of these hosts was when it was last reached. ``places``: as ``place_of``."""
        known = self._machines()
        # Before places were noted, names were.
        found = {host: known.get(place, known.get(host, "")) for host, place in places.items()}
        return {host: machine for host, machine in found.items() if machine}

    def note_machines(self, places: Mapping[str, str], machines: Mapping[str, str]) -> None:
        """Keep the ids of the machines that hosts are."""
        kept = {place: machine for place, machine in self._machines().items() if place not in machines}
        noted = {places.get(host, host): machine for host, machine in machines.items()}
        _write(self._folder.parent, _MACHINES, {**kept, **noted})

    def _machines(self) -> dict[str, str]:
        try:
            found = _read(self._folder.parent / _MACHINES)
        except (OSError, ValueError):
            return {}  # it only serves a note
        return {str(place): str(machine) for place, machine in found.items()} if isinstance(found, dict) else {}

    def load(self, run: str) -> Record:
        """The record of a run. NoSuchRun where there is none."""
        folder = self._folder / Path(run).name
        start = _read(folder / "start.json")
        if start is None:
            raise NoSuchRun(run, tuple(self.runs()[-5:]))
        end = _read(folder / "end.json") or {"changed": True, "document": None}
        return Record(run, start["playbook"], start["hosts"], end["document"], end["changed"], start.get("reason"))

    def runs(self) -> list[str]:
        """The ids of all runs that were noted, oldest first. A folder without a start is of one that never began."""
        return sorted(path.parent.name for path in self._folder.glob("*/start.json"))

    def newest_change(self) -> Record:
        """The newest run that changed something and has not been undone. NoSuchRun where there is none."""
        for run in reversed(self.runs()):
            record = self.load(run)
            if record.changed and not self.is_undone(run):
                return record
        raise NoSuchRun("", ())

    def is_undone(self, run: str) -> bool:
        """Whether all that a run changed was brought back."""
        return (self._folder / run / "undone.json").exists()

    def mark_undone(self, run: str, document: Mapping[str, Any]) -> None:
        """Note that a run was undone, and with what outcome."""
        self._write(run, "undone.json", document)

    def _write(self, run: str, name: str, value: Mapping[str, Any]) -> None:
        _write(self._folder / run, name, value)


def _write(folder: Path, name: str, value: Mapping[str, Any]) -> None:
    """Write a file whole or not at all: an undo must find how hosts are reached, whenever this process is killed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(value), indent=1)
    new = folder / f".{name}-{os.getpid()}"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(text)
    os.replace(new, folder / name)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
