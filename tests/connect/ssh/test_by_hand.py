"""The words behind ``ssh`` that advices offer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_fix.connect.route import Route
from autoglm_fix.connect.ssh.by_hand import by_hand
from autoglm_fix.connect.ssh.config import SshConfig
from autoglm_fix.connect.ssh.settings import SshSettings

JUMP = SshSettings("bastion", "10.0.0.1", 22, "ops")
FIRST = SshSettings("gate", "10.0.0.2", 2200, "me")


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([JUMP], "ops@bastion"),
        ([replace(JUMP, port=2222)], "-p 2222 ops@bastion"),
        ([replace(JUMP, config="/etc/fleet.ssh")], "-F /etc/fleet.ssh ops@bastion"),
        ([replace(JUMP, config="/my fleet/ssh")], "-F '/my fleet/ssh' ops@bastion"),
        ([replace(JUMP, config="none")], "-F none ops@bastion"),
        ([FIRST, JUMP], "-J me@gate:2200 ops@bastion"),
        ([replace(FIRST, name="fe80::1"), FIRST, JUMP], "-J 'me@[fe80::1]:2200,me@gate:2200' ops@bastion"),
    ],
)
def test_a_host_is_reached_as_the_tool_reaches_it(chain: list[SshSettings], words: str) -> None:
    assert by_hand(chain) == words


def test_a_file_is_named_so_that_any_folder_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleet.ssh").write_text("Host bastion\n  Port 2222\n  User ops\nHost gpu*\n  ProxyJump bastion\n")
    monkeypatch.chdir(tmp_path)
    found = SshConfig().settings("gpu01", Route("ssh", "gpu01", options={"configfile": "fleet.ssh"}))
    assert by_hand(found.jumps) == f"-F {tmp_path}/fleet.ssh -p 2222 ops@bastion"
