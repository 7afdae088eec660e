"""The real Ansible beside ours: both asked about the same inventory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.inventory import Inventory, listing, load_inventory

_PROGRAM = Path(__file__).parent / "ansible_program.py"


@dataclass(frozen=True)
class Asked:
    """An inventory, and what to tell of it. ``selected`` are pairs of a pattern and a limit."""

    sources: Sequence[str]
    hosts: Sequence[str] = ()
    selected: Sequence[tuple[str | list[str], str | None]] = ()
    playbook: str | None = None
    more: dict[str, bool] = field(default_factory=lambda: {"list": True, "graph": True})


class Ansible:
    """A process with the real Ansible in it. It takes any inventory file that it cannot read for a mistake."""

    def __init__(self, home: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        (home / "ansible.cfg").write_text("[defaults]\n")
        settings = {
            "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
            "ANSIBLE_DEPRECATION_WARNINGS": "false",
            "LC_ALL": "C.UTF-8",
        }
        self._complaints = (home / "stderr").open("w")
        self._process = subprocess.Popen(
            [sys.executable, str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**kept, **settings},
            text=True,
        )

    def says(self, asked: Asked) -> dict[str, Any] | None:
        """What it answers; None where it refuses the inventory."""
        assert self._process.stdin and self._process.stdout
        request = {"sources": asked.sources, "hosts": asked.hosts, "selected": asked.selected, **asked.more}
        self._process.stdin.write(json.dumps({**request, "playbook": asked.playbook}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] | None = json.loads(self._process.stdout.readline())
        if answer and "list" in answer:
            answer["list"] = json.loads(answer["list"])
            answer["list"]["_meta"].pop("profile", None)
        return answer

    def end(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._complaints.close()


def ours(asked: Asked) -> dict[str, Any] | None:
    """The same from our inventory; an entry that we refuse is null, and so is the whole where we refuse a source."""
    try:
        inventory = load_inventory(asked.sources, playbook_folder=Path(asked.playbook) if asked.playbook else None)
    except BadInput as err:
        sys.stderr.write(f"{err}\n")
        return None
    found: dict[str, Any] = {}
    if asked.more.get("list"):
        found["list"] = json.loads(json.dumps(listing.listed(inventory, inventory.hosts)))
        found["list"]["_meta"].pop("profile")
    if asked.more.get("graph"):
        for key, with_variables in (("graph", False), ("graph-vars", True)):
            found[key] = "\n".join(listing.graph(inventory, "all", with_variables=with_variables)) + "\n"
    found["hosts"] = {host: _host(inventory, host) for host in asked.hosts}
    found["selected"] = [_selected(inventory, pattern, limit) for pattern, limit in asked.selected]
    return found


def _host(inventory: Inventory, name: str) -> str | None:
    try:
        (host,) = inventory.select(name)
    except (BadInput, ValueError):
        return None
    return json.dumps(listing.variables(host), indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def _selected(inventory: Inventory, pattern: str | list[str], limit: str | None) -> list[str] | None:
    try:
        return [host.name for host in inventory.select(pattern, limit)]
    except BadInput as err:
        sys.stderr.write(f"{err}\n")
        return None
