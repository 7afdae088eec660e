"""The table of batches and failures, as the real ansible-playbook decides it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_fleet import AS_ANSIBLE

ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
# One call takes a second: those in which something decides.
TOLD_APART = [case for case in AS_ANSIBLE if case[0] and "." in case[3]][::2] + AS_ANSIBLE[9:10]


@pytest.mark.slow
@pytest.mark.skipif(not ANSIBLE.exists(), reason="ansible-core is not installed")
@pytest.mark.parametrize(("serial", "outcomes", "most", "started"), TOLD_APART)
def test_ansible_starts_the_same_hosts(
    tmp_path: Path, serial: tuple[int | str, ...], outcomes: str, most: float | None, started: str
) -> None:
    names = [f"gpu{number}" for number in range(1, len(outcomes) + 1)]
    hosts = {
        name: {"ansible_connection": "local", "works": outcome == "+"}
        for name, outcome in zip(names, outcomes, strict=True)
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "serial": list(serial),
        "tasks": [{"assert": {"that": ["works"]}}],
        **({} if most is None else {"max_fail_percentage": most}),
    }
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    said = subprocess.run(
        [ANSIBLE, "-i", tmp_path / "hosts.yml", "-f", "9", tmp_path / "play.yml"],
        env={**os.environ, "HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    seen = set(re.findall(r"^(?:ok|fatal): \[(\w+)\]", said.stdout, re.MULTILINE))
    assert "".join("x" if name in seen else "." for name in names) == started, said.stdout + said.stderr
