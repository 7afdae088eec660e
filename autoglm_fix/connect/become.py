"""Becoming another user on a host: the words for it, its prompt, and what a refusal means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .line import ASKING, line_of
from .route import Become

# What they say must not depend on the host's language. The agent gets the user's own back, as far as can be known.
_PLAIN_WORDS = ("env", "LC_ALL=C")
FORGET = "unset LC_ALL;"
# What sudo is told to ask with; its modules may ask in their own words, as su and doas do.
_ASK = "sudo password for %p: "
# The same in what was heard: no word of the host's.
OUR_PROMPT = re.compile(r"sudo password for \S+: ?")
_PROMPT = re.compile(r"password[^\n]{0,200}:[ \t]*\Z", re.IGNORECASE)
_PROMPT_OF_SUDO = re.compile(r"(password for [^\n]{1,200}|\[sudo: [^\n]{1,200}):[ \t]*\Z", re.IGNORECASE)
# These of sudo's and doas' own options are ours to choose: whether, and where, a password is asked for; and a shell
# that sudo itself puts in between would expand what is not its own.
_OURS = frozenset({"-n", "-S", "-H", "-i", "-s", "--non-interactive", "--stdin", "--set-home", "--login", "--shell"})

# What they say in C's locale, the first that fits; Sudo 1.8 to 1.9, sudo-rs, util-linux' su, shadow's and BusyBox',
# OpenDoas, and PAM below them.
_REFUSALS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), code)
    for pattern, code in (
        (r"must have a tty|must be run from a terminal|a tty is required|PTY allocation", "needs-terminal"),
        (r"^env: ", "no-program"),
        (r"expired|required to change your password|password change required|account.*locked", "expired"),
        (r"unknown user|user \S+ does not exist|user '\S+' not found|no passwd entry", "no-user"),
        (r"not known to the underlying", "no-user"),
        (r"account is currently not available|nologin: ", "no-shell"),
        (r"must be owned by uid 0|effective uid is not 0|no new privileges|not installed setuid|nosuid", "no-setuid"),
        (r"is not in the sudoers file|may not run |not allowed to run sudo|afraid I can't do that", "not-allowed"),
        (r"not allowed to execute", "command-denied"),
        (r"(a password is|authentication is|authorization|authentication) required", "password-needed"),
        (r"a terminal is required", "password-needed"),
        (
            r"incorrect (password|authentication) attempt|try again|authentication fail|incorrect password",
            "wrong-password",
        ),
        (r"permission denied|operation not permitted|not enabled", "not-allowed"),
    )
)
NEEDS_TERMINAL = "become.needs-terminal"
# With these, more is asked for than the password.
MORE_IS_ASKED = frozenset({"expired"})


@dataclass(frozen=True)
class Becoming:
    """One way to another user. ``terminal``: it needs a pseudo-terminal from the start."""

    line: str
    terminal: bool


def becoming(become: Become, words: list[str], marker: str, *, password: bool) -> Becoming:
    """How these words are run as the other user; with a ``password``, it may ask for it."""
    argv, terminal = _way(become, words, password)
    # A login shell that got so far is not what failed, and it is not what asks for a password.
    return Becoming(f"echo {marker} {ASKING};{line_of((*_PLAIN_WORDS, *argv))}", terminal)


def _way(become: Become, words: list[str], password: bool) -> tuple[tuple[str, ...], bool]:
    program = become.program or become.method
    if become.method == "su":
        # It asks a terminal, where we know that it asks; the new user's own shell reads the line.
        return (program, *become.options, become.user, "-c", line_of(words)), True
    options = tuple(option for option in become.options if option not in _OURS)
    user = ("-u", become.user)
    if become.method == "doas":
        return (program, *options, *(() if password else ("-n",)), *user, *words), password
    return (program, *options, *(("-S", "-p", _ASK) if password else ("-n",)), "-H", *user, *words), False


def asks(heard: str, said: str) -> bool:
    """Whether it waits for a password. ``heard`` is what came on stdout since it was begun, ``said`` all of stderr.

    There, a login may have said something in front of it.
    """
    return bool(_PROMPT.search(heard) or _PROMPT_OF_SUDO.search(said))


def refusal(said: str) -> str:
    """The code of what was said instead of starting: what follows ``become.``."""
    return next((code for pattern, code in _REFUSALS if pattern.search(said)), "refused")
