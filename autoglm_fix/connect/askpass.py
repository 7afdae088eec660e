"""Answering the system's ssh when it asks for a password: nothing on its command line, in its environment or on a disk.

ssh runs the program that `SSH_ASKPASS` names for each of its questions. Here that program is a few lines of shell in
this process's memory, and the answers lie in pipes of this process: each is given once. The environment says where the
program is, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from .route import Credentials

# The ssh that a jump host is reached with is a child of ours, and asks with the same environment: what the host's
# password is must not be told to the jump host. Nor does a host get the passphrase of a key by asking for it: what a
# server asks begins with who it is.
_PROGRAM = """#!/bin/sh
read -r _ _ _ parent _ <"/proc/$PPID/stat"
[ "$parent" = {pid} ] || exit 1
case $1 in
"Enter passphrase for key "*) answer={passphrase} ;;
*"'s password: " | "("* | [Pp]assword*) answer={password} ;;
*) exit 1 ;;
esac
IFS= read -r line <"$answer" && printf '%s\\n' "$line"
"""


def can_answer() -> bool:
    """Whether this machine has what it takes: programs that are in memory alone, and Linux's /proc."""
    return hasattr(os, "memfd_create") and os.path.exists("/proc/self/fd")


@contextlib.contextmanager
def answering(credentials: Credentials) -> Iterator[dict[str, str]]:
    """What ssh's environment must say, for as long as it may ask. Raises OSError."""
    if credentials.password is None and credentials.passphrase is None:
        # Without a terminal it would open a window, where it can: on a fleet, one for each host.
        yield {"SSH_ASKPASS_REQUIRE": "never"}
        return
    with contextlib.ExitStack() as ours:
        pid = os.getpid()
        passphrase = _in_a_pipe(credentials.passphrase, ours)
        password = _in_a_pipe(credentials.password, ours)
        program = os.memfd_create("autoglm-fix-askpass")
        ours.callback(os.close, program)
        os.write(program, _PROGRAM.format(pid=pid, passphrase=passphrase, password=password).encode())
        # Before OpenSSH 8.4 only a display, and no terminal, made it ask this way.
        display = os.environ.get("DISPLAY") or "none:0"
        yield {"SSH_ASKPASS": f"/proc/{pid}/fd/{program}", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": display}


def _in_a_pipe(secret: str | None, ours: contextlib.ExitStack) -> str:
    """Where it can be read once."""
    if secret is None:
        return "/dev/null"
    far, near = os.pipe()
    ours.callback(os.close, far)
    try:
        os.write(near, f"{secret}\n".encode())
    finally:
        os.close(near)
    return f"/proc/{os.getpid()}/fd/{far}"
