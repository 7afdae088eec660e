"""A run on a real terminal: one question before changes, a no changes nothing, Ctrl-C ends in order."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from tests import shards

from .command import inventory

QUESTION = "[y/N]"


class Terminal:
    """A command in a terminal of its own, 100 columns wide."""

    def __init__(self, *arguments: str | Path) -> None:
        pid, self._handle = pty.fork()
        if pid == 0:
            os.environ.update(COLUMNS="100", LINES="50", TERM="xterm-256color", LANG="C.UTF-8")
            os.execv(sys.executable, [sys.executable, "-m", "autoglm_fix", *map(str, arguments)])
        self._pid = pid
        self.screen = ""

    def wait_for(self, text: str, timeout_s: float = 120.0) -> None:
        deadline = time.monotonic() + timeout_s
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen
            self._read()

    def wait_until_it_reads(self, timeout_s: float = 120.0) -> None:
        """Readline loses a signal that comes while it begins to read: a person comes when it has done nothing since."""
        deadline, quiet, before = time.monotonic() + timeout_s, 0, ""
        while quiet < 6:
            assert time.monotonic() < deadline, self.screen
            time.sleep(0.05)
            status = Path(f"/proc/{self._pid}/status").read_text()
            seen = "".join(line for line in status.splitlines() if line.startswith(("State", "voluntary", "nonvol")))
            quiet = quiet + 1 if seen == before and "(sleeping)" in seen else 0
            before = seen

    def type(self, keys: str) -> None:
        os.write(self._handle, keys.encode())

    def end(self, timeout_s: float = 120.0) -> int:
        """Wait for the command to end; its exit code. One that does not is killed."""
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(OSError):  # Linux says so when the other side is closed
            while self._read():
                if time.monotonic() > deadline:
                    os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        os.close(self._handle)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._handle], [], [], 0.2)
        if ready:
            data = os.read(self._handle, 65536)
            self.screen += data.decode("utf-8", "replace")
            return bool(data)
        return True


@pytest.fixture
def run(tmp_path: Path) -> list[str | Path]:
    """A run over a model with one shard cut off, and a source of good files."""
    model = shards.model(tmp_path / "models" / "name")
    shard = model / shards.shard_name(2)
    shard.write_bytes(shard.read_bytes()[:1000])
    source = shards.model(tmp_path / "mirror" / "name")
    hosts = inventory(tmp_path, model)
    return ["run", "no-output", "-i", hosts, "-t", "weights", "--no-verify", "-e", f"weights_source={source}"]


def shard_of(tmp_path: Path) -> Path:
    return tmp_path / "models" / "name" / shards.shard_name(2)


def test_yes_makes_the_changes_that_were_shown(tmp_path: Path, run: list[str | Path]) -> None:
    terminal = Terminal(*run)
    terminal.wait_for(QUESTION)
    assert "weights.shard-truncated" in terminal.screen
    assert shard_of(tmp_path).stat().st_size == 1000
    terminal.type("y\n")
    assert terminal.end() == 0, terminal.screen
    assert shard_of(tmp_path).stat().st_size > 1000


def test_no_changes_nothing_and_leaves_no_record(tmp_path: Path, run: list[str | Path], state_dir: Path) -> None:
    terminal = Terminal(*run)
    terminal.wait_for(QUESTION)
    terminal.type("n\n")
    terminal.end()
    assert "Nothing was changed" in terminal.screen
    assert shard_of(tmp_path).stat().st_size == 1000
    assert not (state_dir / "runs").exists()


@pytest.mark.parametrize("keys", ["\x03", "\x03\x03", "\x04"], ids=["Ctrl-C", "Ctrl-C twice", "end of input"])
def test_an_interrupted_question_is_an_interrupted_run(tmp_path: Path, run: list[str | Path], keys: str) -> None:
    terminal = Terminal(*run)
    terminal.wait_for(QUESTION)
    terminal.wait_until_it_reads()
    terminal.type(keys)
    assert terminal.end() == 130, terminal.screen
    assert shard_of(tmp_path).stat().st_size == 1000
