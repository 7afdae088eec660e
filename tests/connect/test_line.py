"""The line that starts an agent: small, and the same words to every shell."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from autoglm_fix.connect.become import FORGET, becoming
from autoglm_fix.connect.line import ASKING, line_of, ready, starting
from autoglm_fix.connect.route import Become

MARKER = "0123456789abcdef"
WORDS = [
    "plain",
    "two words",
    "it's",
    "''",
    "$HOME",
    "`id`",
    "$(id)",
    'a "b"',
    "*",
    "~",
    "=ls",
    "a;b",
    "a&b",
    "%1",
    "",
    "-n",
    "#c",
    "{a,b}",
]
LINES = {"": line_of(starting(MARKER, ""))} | {
    method: becoming(Become(method), starting(MARKER, "", clean=FORGET), MARKER, password=True).line
    for method in ("sudo", "su", "doas")
}


@pytest.mark.parametrize("method", LINES)
def test_the_whole_line_stays_under_a_kibibyte(method: str) -> None:
    assert len(LINES[method].encode()) < 1024


@pytest.mark.parametrize("method", LINES)
def test_nothing_in_it_means_something_to_one_shell_alone(method: str) -> None:
    line = LINES[method].replace("'\\''", "")
    assert not set("!\n\\") & set(line)


@pytest.mark.parametrize("method", LINES)
def test_a_shell_that_prints_the_line_gives_no_sign_of_life(method: str) -> None:
    assert ready(MARKER) not in LINES[method].encode()
    assert f"{MARKER} {ASKING}" not in LINES[method].replace(f"echo {MARKER} {ASKING};", "").splitlines()


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "ksh", "tcsh", "fish"])
def test_every_shell_reads_the_same_words(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} on this machine")
    line = line_of(["printf", "<%s>", *WORDS])
    done = subprocess.run([program, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "".join(f"<{word}>" for word in WORDS)
