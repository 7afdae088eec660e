"""Processes that end with the test, whatever they leave behind."""

from __future__ import annotations

import contextlib
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hosts.needs import control_group

HERE = Path(__file__).parent
# Joins the control group, which becomes the root of a namespace, before anything else runs.
JOIN = 'echo 0 >"$0/cgroup.procs" && exec unshare --cgroup "$@"'


@dataclass(frozen=True)
class Kept:
    """A command that runs: its outermost process, and the control group of those below it."""

    pid: int
    group: Path


@contextlib.contextmanager
def keep(console: Path, unshared: Sequence[str], argv: Sequence[str | Path]) -> Iterator[Kept]:
    """Run `argv` in new namespaces (`unshared`: options of unshare), until the context ends.

    It says "up", or "no ..." where the machine cannot run it: the test is then skipped. What it writes to its standard
    error is in the file `console`. All processes of its control group are killed in the end, or when this one dies.
    """
    group = control_group(f"lab-{uuid.uuid4().hex[:12]}")
    command = ["unshare", *unshared, "sh", "-c", JOIN, str(group), *argv]
    with console.open("wb") as log:
        keeper = subprocess.Popen(
            ["sh", HERE / "keep.sh", group, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    with keeper:
        assert keeper.stdin and keeper.stdout
        try:
            said = keeper.stdout.readline().decode().strip()
            if said.startswith("no "):
                pytest.skip(said)
            if said != "up":
                pytest.fail(f"{argv} did not start:\n{console.read_text()}")
            # The shell that keeps it has it as its only child.
            yield Kept(child(keeper.pid), group)
        finally:
            keeper.stdin.close()


def child(pid: int) -> int:
    """The first child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
