"""The commands that a report offers next, ready to paste."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

_SETS = re.compile(r"-e (\w+)=")


@dataclass(frozen=True)
class Again:
    """How this run was asked for: the playbook and the options that a next run needs as well.

    ``options`` are those that choose hosts and values (``-i``, ``-e`` without secrets), each with its
    value, as typed; ``choices`` those that choose steps and changes (``-t``, ``--allow``).
    """

    playbook: str
    options: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    def run(self, *more: str) -> str:
        """A run of all steps, with more options."""
        return shlex.join(("autoglm-fix", "run", self.playbook, *self.options, *more))

    def failed(self, run: str) -> str:
        """The same run again, on the hosts on which it did not end well."""
        return self.run(*self.choices, "-l", f"@failed:{run}")

    def same(self, option: str = "") -> str:
        """The same run, with an option as it is written in a sentence (``--allow kill``)."""
        choices, words = list(self.choices), shlex.split(option)
        if words[:1] == ["--allow"] and "--allow" in choices:
            at = choices.index("--allow") + 1
            choices[at], words = ",".join((choices[at], *words[1:])), []
        return self.run(*choices, *(word for word in words if word not in choices))

    def completed(self, command: str) -> str:
        """An offered command of ours with the options of this run, which its sentence cannot know."""
        for offered, verb in (("autoglm-fix run no-output", "run"), ("autoglm-fix verify", "verify")):
            if command == offered or command.startswith(f"{offered} "):
                playbook = () if verb == "verify" and self.playbook == "no-output" else (self.playbook,)
                rest = command[len(offered) :]
                start = shlex.join(("autoglm-fix", verb, *playbook, *self._without(set(_SETS.findall(rest)))))
                return start + rest
        return command

    def _without(self, names: set[str]) -> tuple[str, ...]:
        """The options but for the variables that the offered command sets anew."""
        kept: list[str] = []
        for option, value in zip(self.options[::2], self.options[1::2], strict=False):
            if option != "-e" or value.partition("=")[0] not in names:
                kept += [option, value]
        return tuple(kept)

    def completed_in(self, text: str) -> str:
        """A sentence with each command of ours in it completed."""
        return re.sub(r"`([^`]+)`", lambda found: f"`{self.completed(found[1])}`", text)

    def look(self, hosts: Sequence[str]) -> str:
        """A closer look at one of some hosts, which changes nothing."""
        host = hosts[0] if hosts else "localhost"
        limit = () if tuple(hosts) == ("localhost",) else ("-l", host)
        return self.run(*limit, "--dry-run", "-v")

    @staticmethod
    def undo(run: str) -> str:
        """What takes the changes of a run back."""
        return shlex.join(("autoglm-fix", "undo", run))
