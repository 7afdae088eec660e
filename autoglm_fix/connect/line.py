"""The one line of shell that starts an agent: any login shell takes it, and it finds a Python by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .bundle import BOOTSTRAP

# The system's own first: it is whole, and no version manager's shim, which takes a tenth of a second to say no.
PYTHONS = (
    "/usr/bin/python3",
    *(f"python3.{minor}" for minor in (13, 12, 11, 10, 9, 8)),
    "python3",
    "/usr/libexec/platform-python",
)
# What our part of the line says, each after the marker: of a Python that did not start its exit code, its path and
# what it calls itself; that there is no other; that the other user is being asked for.
TOO_OLD = 9
NO_MORE = "."
ASKING = "+"

# It says on descriptor 4 that this Python will do, and on its output that frames may come. Bytes pass a terminal
# unharmed once it is raw; whatever would be said on stderr there would land between frames. A terminal that is hung
# up ends its processes before they have ended theirs, so that signal is taken and the end of the input waited for.
_STARTED = (
    f"import os,sys;sys.version_info<(3,8)and os._exit({TOO_OLD});"
    'os.write(4,b"y");os.close(4);'
    'os.isatty(0)and(__import__("tty").setraw(0),os.dup2(os.open("/dev/null",1),2),'
    '__import__("signal").signal(1,lambda*a:0));'
    "os.write(1,bytes([0])+sys.argv[1].encode()+bytes([0]));"
)
# $0 is the marker, $1 the code, the rest are names to try. A Python is not given the shell's place, because one that
# cannot start must give way to the next; whether it started is what it says on descriptor 4. On a terminal the shell
# itself is mute: it would call a Python that was killed "Killed" between two frames.
_FIND = (
    "c=$1;shift;exec 3>&1 5>&2;[ -t 2 ]&&exec 2>/dev/null;"
    'for p;do command -v "$p">/dev/null||continue;'
    's=$("$p" -IBXutf8 -c "$c" $0 4>&1 >&3 2>&5 3>&- 5>&-);e=$?;'
    '[ "$s" ]&&exit $e;'
    'echo "$0 $e $(command -v "$p")|$("$p" -V 2>&1)";done;'
    f"echo $0 {NO_MORE}"
)
_PLAIN = re.compile(r"[\w/.,+-][\w/.,+:@-]*\Z", re.ASCII)


def quoted(word: str) -> str:
    """A word as sh, bash, zsh, ksh, csh and fish alike read it; no ``!``, newline or backslash may be in it."""
    return word if _PLAIN.match(word) else "'" + word.replace("'", "'\\''") + "'"


def line_of(words: Iterable[str]) -> str:
    """Words as one line for a shell."""
    return " ".join(quoted(word) for word in words)


def ready(marker: str) -> bytes:
    """What the started agent says first. No shell that prints the line itself, as it runs it, can have said it."""
    return b"\0" + marker.encode() + b"\0"


def starting(marker: str, python: str, *, clean: str = "") -> list[str]:
    """The words that start an agent with the first of the host's Pythons that will do, or with ``python`` alone.

    ``clean`` is shell text to begin with.
    """
    return ["sh", "-c", clean + _FIND, marker, _STARTED + BOOTSTRAP, *([python] if python else PYTHONS)]
