"""The ten steps in each tool's own words, and how each is called. All get fifty hosts at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .lab import PORT, STEPS, Lab

FORKS = 50


@dataclass(frozen=True)
class Contender:
    """A command with its environment. ``upto`` is the most hosts that it is measured with: some take minutes."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    upto: int = 200
    changes: bool = True


def contenders(lab: Lab, peers: Path | None) -> list[Contender]:
    """All that can be measured: without the environment of the peers, this tool and the floor."""
    folder = lab.folder
    inventory = str(folder / "inventory.json")
    ours = _write(folder / "ours.yml", _OURS + "".join(_ours(number) for number in range(STEPS)))
    state = {"AUTOGLM_FIX_STATE_DIR": str(folder / "controller")}
    me = [sys.executable, "-m", "autoglm_fix", "run"]
    given = ["-i", inventory, "-y", "-f", str(FORKS)]
    found = [
        Contender("floor", (sys.executable, str(Path(__file__).with_name("floor.py")), str(folder)), changes=False),
        Contender("autoglm-fix", (*me, ours, *given), state),
        Contender("no-output, dry run", (*me, "no-output", *given, "-C", "-e", "require_gpu=false"), state, 200, False),
    ]
    return found if peers is None else found + _peers(lab, peers, inventory)


def _peers(lab: Lab, peers: Path, inventory: str) -> list[Contender]:
    folder = lab.folder
    book = _write(folder / "ansible.yml", _ANSIBLE + "".join(_ansible(number) for number in range(STEPS)))
    deploy = _write(folder / "deploy.py", _PYINFRA)
    names = "\n".join(f"    ({host!r}, {{'ssh_port': {PORT}}})," for host in lab.hosts)
    hosts = _write(folder / "pyinfra_hosts.py", f"hosts = ([\n{names}\n], {_pyinfra_data(folder)!r})\n")
    base = {
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "PATH": f"{peers}/bin:{os.environ['PATH']}",
    }
    ansible = (str(peers / "bin/ansible-playbook"), "-i", inventory, "-f", str(FORKS), book)
    strategy = next(peers.glob("lib/python3*/site-packages/ansible_mitogen/plugins/strategy"))
    mitogen = {"ANSIBLE_STRATEGY_PLUGINS": str(strategy), "ANSIBLE_STRATEGY": "mitogen_linear"}
    return [
        Contender("ansible", ansible, base, 10),
        Contender("ansible, pipelining", ansible, {**base, "ANSIBLE_PIPELINING": "True"}, 10),
        Contender("mitogen", ansible, {**base, **mitogen}, 50),
        Contender("pyinfra", (str(peers / "bin/pyinfra"), "-y", "--parallel", str(FORKS), hosts, deploy), base, 200),
    ]


def _write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


_OURS = """\
- name: ten small steps
  hosts: all
  steps:
"""


def _ours(number: int) -> str:
    return f"""\
    - name: step {number}
      diagnose: {{file: {{path: "{{{{ folder }}}}/{number}.env", line: STEP={number}}}}}
      fix: file
"""


_ANSIBLE = """\
- name: ten small steps
  hosts: all
  gather_facts: false
  tasks:
"""


def _ansible(number: int) -> str:
    return f"""\
    - name: step {number}
      ansible.builtin.lineinfile: {{path: "{{{{ folder }}}}/{number}.env", line: STEP={number}}}
"""


_PYINFRA = f"""\
from pyinfra import host
from pyinfra.operations import files

for number in range({STEPS}):
    files.line(
        name=f"step {{number}}",
        path=f"{{host.data.folder}}/{{host.name}}/{{number}}.env",
        line=f"STEP={{number}}",
    )
"""


def _pyinfra_data(folder: Path) -> dict[str, object]:
    return {
        "folder": f"{folder}/files",
        "ssh_user": "root",
        "ssh_key": str(folder / "key"),
        "ssh_config_file": str(folder / "ssh_config"),
        "ssh_known_hosts_file": str(folder / "known_hosts"),
    }
