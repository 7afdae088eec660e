"""What a shell keeps while its text is followed: variables, folder, functions, and what its own commands do to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os.path import isabs, join

from .place import Word
from .shell_fill import Variables, value
from .shell_text import Token
from .traced import Traced, made

_SETS = ("export", "declare", "typeset", "readonly", "local")
_READS = ("read", "mapfile", "readarray", "getopts")
_LOOPS = ("for", "select")


@dataclass(frozen=True)
class Started:
    """A command that the text starts, with the variables that it gets."""

    words: tuple[Word, ...]
    variables: dict[str, Word]
    working_dir: str | None


@dataclass
class State:
    """The shell at one point of its text. ``found`` are commands that start a server, ``others`` that may."""

    variables: Variables
    working_dir: str | None = None
    exports_all: bool = False
    found: list[Started] = field(default_factory=list)
    others: list[Started] = field(default_factory=list)
    functions: dict[str, tuple[Traced, list[Token]]] = field(default_factory=dict)
    called: dict[str, list[list[Word]]] = field(default_factory=dict)

    def assign(self, raw: Traced, token: Token, perhaps: bool) -> None:
        """``NAME=value``. ``perhaps``: it may not be reached."""
        held = value(raw, token, self.variables)
        if token.appends:
            old = self.variables.get(token.name)
            if isinstance(old, list) and isinstance(held, list):
                held = [*old, *held]
            elif isinstance(old, Word) and isinstance(held, Word):
                held = Word(old.value + held.value)
            else:
                held = None
        self.variables.held[token.name] = None if perhaps else held
        if self.exports_all:
            self.variables.passed_on.add(token.name)

    def declare(self, raw: Traced, statement: Sequence[Token], words: Sequence[str], perhaps: bool) -> bool:
        """``export NAME=value`` and its like; False for any other command."""
        if words[0] not in _SETS:
            return False
        exports = words[0] == "export" or "-x" in words
        for token in statement[1:]:
            if token.name:
                self.assign(raw, token, perhaps)
            name = token.name or raw.text[token.start : token.end]
            if exports and not name.startswith("-"):
                self.variables.passed_on.add(name)
        return True

    def builtin(self, words: Sequence[Word], sourced: Callable[[str], None]) -> bool:
        """Whether the shell does this by itself; what it does to the variables is done."""
        name, rest = words[0].text, words[1:]
        if name in ("source", ".") and rest:
            sourced(rest[0].text)
        elif name in self.functions:
            self.called.setdefault(name, []).append(list(rest))
        elif name == "cd":
            self._change(rest[-1].text if rest else "")
        elif name == "shift":
            self._shift(rest[0].text if rest else "1")
        else:
            return self._set(name, rest)
        return True

    def leave(self, before: Variables) -> None:
        """Forget what was set in a branch that may not have been taken."""
        now = self.variables.held
        changed = [name for name, held in now.items() if name not in before.held or held is not before.held[name]]
        before.held.update(dict.fromkeys(changed))
        self.variables = before

    def forget(self) -> None:
        """Something was read that may have set anything."""
        self.variables.sealed = False
        self.variables.held.update(dict.fromkeys(self.variables.held))

    def _set(self, name: str, rest: Sequence[Word]) -> bool:
        held = self.variables.held
        if name in _READS:
            held.update({word.text: None for word in rest})
        elif name in _LOOPS:
            held.update({word.text: None for word in rest[:1]})
        elif name == "unset":
            held.update({word.text: Word(made("")) for word in rest})
            self.variables.passed_on.difference_update(word.text for word in rest)
        elif name == "set":
            self._options(rest)
        else:
            return False
        return True

    def _options(self, rest: Sequence[Word]) -> None:
        texts = [word.text for word in rest]
        if "--" in texts:
            self.variables.arguments = list(rest[texts.index("--") + 1 :])
        for flag in texts:
            if flag[:1] in ("-", "+") and flag != "--" and ("a" in flag or ("allexport" in texts and "o" in flag)):
                self.exports_all = flag.startswith("-")

    def _shift(self, count: str) -> None:
        if self.variables.arguments is not None:
            self.variables.arguments = self.variables.arguments[int(count) :] if count.isdecimal() else None

    def _change(self, target: str) -> None:
        known = isabs(target) or (self.working_dir is not None and target not in ("", "-") and "$" not in target)
        self.working_dir = join(self.working_dir or "", target) if known else None
