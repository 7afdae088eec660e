"""What commands say: heard while they run, in little memory, and neither the beginning nor the end is lost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from autoglm_fix.agent.definition.commands import run
from autoglm_fix.agent.output import Kept
from autoglm_fix.agent.unknown import CannotTell
from tests.pythons import python_3_8

# 1 GB between the first line and the last one.
MUCH = "echo first; yes | head -c 1000000000; echo last"

MEASURED = """
import getpass, json, sys
from autoglm_fix.agent.context import Context
{script}
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps([said, int(peak.split()[1])]))
"""
OF_THE_OPERATOR = """
from autoglm_fix.agent.changes.commanded import commanded
said = []
ctx = Context(emit=lambda event: said.append(event["line"]) if event["event"] == "log" else None)
commanded(ctx, "draining", ["/bin/sh", "-c", sys.argv[1]], getpass.getuser(), 600)
"""
OF_A_MANAGER = """
from autoglm_fix.agent.definition.commands import run
said = run("/bin/sh", "-c", sys.argv[1], patience_s=600)[1].splitlines()[-1:]
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", [OF_THE_OPERATOR, OF_A_MANAGER])
@pytest.mark.parametrize("python", ["this", "3.8"])
def test_a_gigabyte_of_output_costs_a_host_little_memory(script: str, python: str) -> None:
    program = sys.executable if python == "this" else python_3_8()
    words = [program, "-c", MEASURED.format(script=script), MUCH]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    said, peak_kib = json.loads(done.stdout)
    assert peak_kib < 64 * 1024
    assert said[-1] == "last"
    if script == OF_THE_OPERATOR:
        assert said[0] == "first"
        assert said[1] == "... 999999986 bytes are left out here ..."


def test_the_first_and_the_last_bytes_are_kept_and_the_others_counted() -> None:
    kept = Kept(4, 4)
    for piece in (b"ab", b"cdef", b"gh", b"ijklmnop", b"qr"):
        kept.add(piece)
    assert (kept.head, kept.tail, kept.left_out) == (b"abcd", b"opqr", 10)


def test_little_is_kept_whole() -> None:
    kept = Kept(4, 4)
    kept.add(b"abcdefg")
    assert (kept.head + kept.tail, kept.left_out) == (b"abcdefg", 0)


def test_a_command_says_both_its_output_and_its_errors() -> None:
    assert run("/bin/sh", "-c", "echo out; echo wrong >&2; exit 3") == (3, "out\n", "wrong\n")


def test_what_is_left_in_the_background_is_not_waited_for() -> None:
    assert run("/bin/sh", "-c", "sleep 60 & echo out", patience_s=30) == (0, "out\n", "")


def test_a_command_that_says_much_and_never_ends_is_ended() -> None:
    with pytest.raises(CannotTell, match=r"did not end within 0\.2 s"):
        run("yes", patience_s=0.2)
