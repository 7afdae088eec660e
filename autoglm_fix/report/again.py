"""The commands that a report offers next, ready to paste."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_SETS = re.compile(r"-e (\w+)=")
# These stand before all others that are typed again.
_WITH_A_VALUE = ("-i", "-l", "-e", "--service")
# Options of `run` that an advice may name alone, to be added to the same run. Others are an engine's or a program's.
OPTIONS = frozenset(
    ("--accept-new-host-keys", "--allow", "--ask-become-pass", "--ask-pass", "--become", "--even-if-working", "--limit")
)
_GIVES_A_PASSWORD = re.compile(r"-[KkJ]|--[a-z-]*(?:pass|vault)[a-z-]*")


@dataclass(frozen=True)
class Again:
    """How this run was asked for: the playbook and the options that a next run needs as well.

    ``options`` are those that choose hosts and values (``-i``, ``-l``, ``-e`` without secrets), each with its
    value, and behind them those that say how hosts are reached, as typed; ``choices`` are those that choose
    steps and changes (``-t``, ``--allow``).
    """

    playbook: str
    options: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    def run(self, *more: str) -> str:
        """A run of all steps, with more options; a limit among them takes the place of this run's."""
        options = self._without({"-l"}) if "-l" in more else self.options
        return shlex.join(("autoglm-fix", "run", self.playbook, *options, *more))

    def failed(self, run: str) -> str:
        """The same run again, on the hosts on which it did not end well."""
        return self.run(*self.choices, "-l", f"@failed:{run}")

    def same(self, option: str = "", *, dry_run: bool = False) -> str:
        """The same run, with an option as it is written in a sentence (``--allow kill``).

        What a dry-run advises is a ``dry_run`` as well: pasted, it changes nothing.
        """
        choices, words = list(self.choices), shlex.split(option)
        if words[:1] == ["--allow"] and "--allow" in choices:
            at = choices.index("--allow") + 1
            choices[at], words = ",".join((choices[at], *words[1:])), []
        return self.run(
            *choices, *(word for word in words if word not in choices), *(("--dry-run",) if dry_run else ())
        )

    def completed(self, command: str) -> str:
        """An offered command of ours with the options of this run, which its sentence cannot know."""
        for offered, verb in (("autoglm-fix run no-output", "run"), ("autoglm-fix verify", "verify")):
            if command == offered or command.startswith(f"{offered} "):
                playbook = () if verb == "verify" and self.playbook == "no-output" else (self.playbook,)
                rest = command[len(offered) :]
                start = shlex.join(("autoglm-fix", verb, *playbook, *self._without(variables=set(_SETS.findall(rest)))))
                return start + rest
        return command

    def _without(self, names: Collection[str] = (), variables: Collection[str] = ()) -> tuple[str, ...]:
        """The options but for those of these names, and for the variables that the offered command sets anew."""
        kept, left = [], list(self.options)
        while left:
            own = left[:2] if left[0] in _WITH_A_VALUE else left[:1]
            del left[: len(own)]
            set_anew = own[0] == "-e" and own[1].partition("=")[0] in variables
            if own[0] not in names and not set_anew:
                kept += own
        return tuple(kept)

    def completed_in(self, text: str) -> str:
        """A sentence with each command of ours in it completed."""
        return re.sub(r"`([^`]+)`", lambda found: f"`{self.completed(found[1])}`", text)

    def look(self, hosts: Sequence[str]) -> str:
        """A closer look at some hosts, which changes nothing."""
        limit = () if tuple(hosts) in ((), ("localhost",)) else ("-l", ",".join(hosts))
        return self.run(*limit, "--dry-run", "-v")

    def on(self, hosts: str, *, dry_run: bool) -> str:
        """The same run on some of its hosts, as ``-l`` takes them; on all of them where none are named."""
        return self.run(*self.choices, *(("-l", hosts) if hosts else ()), *(("--dry-run",) if dry_run else ()))

    def undo(self, run: str) -> str:
        """What takes the changes of a run back: with what passwords come from, which no record keeps."""
        return shlex.join(("autoglm-fix", "undo", run, *self._passwords()))

    def _passwords(self) -> tuple[str, ...]:
        """The inventories and the options of reaching hosts, where one of these gives a password."""
        kept = self._without({"-e", "-l", "--service"})
        return kept if any(_GIVES_A_PASSWORD.fullmatch(word) for word in kept) else ()
