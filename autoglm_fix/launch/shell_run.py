"""What a shell's text would start: its statements followed one by one, nothing run.

Branches are taken to be possible, all of them: what is set in one is unknown behind it, and where
several would start a server, nobody can say which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import basename, isabs, join

from .command import understand
from .place import Word
from .shell_fill import Variables, fill, value
from .shell_state import Started, State
from .shell_text import LONGEST, NotUnderstood, Token, tokens
from .traced import Traced

# Files that a script sources to find its tools: they set PATH and the like, and no launch options.
_TOOLS = ("activate", "conda.sh", ".bashrc", ".bash_profile", ".profile", "profile", "setvars.sh", "nvm.sh")
_SERVERS = ("vllm", "sglang", "transformers", "llama", "ollama", "python")
_OPENS = ("then", "else", "do")
_CLOSES = ("fi", "done", "elif", "else")
_KEEPS = ("if", "while", "until", "!", "time", "{", "}")
_DEEPEST = 20


class Walk:
    """One walk through a script.

    ``source`` gives the text of a file that the script reads, None for one unknown; ``is_script`` says
    whether a command is a script that is known.
    """

    def __init__(
        self, variables: Variables, source: Callable[[str], Traced | None], is_script: Callable[[str], bool]
    ) -> None:
        self._state = State(variables)
        self._source = source
        self._is_script = is_script
        self._depth = 0

    def started(self, raw: Traced, working_dir: str | None) -> Started:
        """The one command that matters in this text. Raises NotUnderstood where there is none, or several."""
        self._state.working_dir = working_dir
        self._text(raw)
        # What a function sees is what is set when it is called, which is mostly at the end.
        for name, (body_raw, body) in self._state.functions.items():
            calls = self._state.called.get(name, [])
            before = self._state.variables
            self._state.variables = before.copy()
            self._state.variables.arguments = calls[0] if len(calls) == 1 else None
            self._row(body_raw, body)
            self._state.variables = before
        found = self._state.found or self._state.others
        if len(found) != 1:
            raise NotUnderstood(f"{len(found)} commands that may be the one")
        return found[0]

    def _text(self, raw: Traced) -> None:
        if len(raw) > LONGEST:
            raise NotUnderstood("too long")
        self._row(raw, tokens(raw.text))

    def _row(self, raw: Traced, found: Sequence[Token]) -> None:
        """Follow a row of words and signs."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotUnderstood("nested too deep")
        frames: list[Variables] = []
        statement: list[Token] = []
        perhaps = False
        at = 0
        while at < len(found):
            token = found[at]
            behind = at if statement else self._compound(raw, found, at, frames)
            if behind > at:
                at = behind
                continue
            at += 1
            if not token.sign:
                statement.append(token)
            elif "<" in token.sign or ">" in token.sign:
                if statement and statement[-1].end == token.start and _written(raw, statement[-1]).isdecimal():
                    statement.pop()
                at += 1
            else:
                self._statement(raw, statement, perhaps)
                statement, perhaps = [], token.sign in ("&&", "||")
                if token.sign == ")" and frames:
                    self._state.leave(frames.pop())
        self._statement(raw, statement, perhaps)
        self._depth -= 1

    def _compound(self, raw: Traced, found: Sequence[Token], at: int, frames: list[Variables]) -> int:
        """Take in what is no simple command: returns where it goes on, or the same place."""
        word = _written(raw, found[at])
        if word == "case":
            return self._case(raw, found, at + 1)
        name = _function(raw, found, at)
        if name:
            begin = next((n for n in range(at + 1, len(found)) if _written(raw, found[n]) == "{"), len(found))
            end = _closing(raw, found, begin, "{", "}")
            self._state.functions[name] = (raw, list(found[begin + 1 : end]))
            return end + 1
        if word in _CLOSES and frames:
            self._state.leave(frames.pop())
        if word in _OPENS or found[at].sign == "(":
            frames.append(self._state.variables.copy())
        return at + 1 if word in (*_OPENS, *_CLOSES, *_KEEPS) or found[at].sign == "(" else at

    def _case(self, raw: Traced, found: Sequence[Token], at: int) -> int:
        """Follow the branches of ``case``; returns where it ends."""
        end = _closing(raw, found, at - 1, "case", "esac")
        while at < end and _written(raw, found[at]) != "in":
            at += 1
        at += 1
        while at < end:
            while at < end and found[at].sign != ")":
                at += 1
            stop, depth = at + 1, 0
            while stop < end and (depth or found[stop].sign not in (";;", ";&", ";;&")):
                depth += {"case": 1, "esac": -1}.get(_written(raw, found[stop]), 0)
                stop += 1
            before = self._state.variables.copy()
            self._row(raw, found[at + 1 : stop])
            self._state.leave(before)
            at = stop + 1
        return end + 1

    def _statement(self, raw: Traced, statement: Sequence[Token], perhaps: bool) -> None:
        sets = 0
        while sets < len(statement) and statement[sets].name:
            sets += 1
        if sets == len(statement):
            for token in statement:
                self._state.assign(raw, token, perhaps)
            return
        words = [word for token in statement[sets:] for word in fill(raw, token, self._state.variables)]
        if not words or self._state.declare(raw, statement[sets:], [word.text for word in words], perhaps):
            return
        if not self._state.builtin(words, self._sourced):
            self._command(raw, words, statement[:sets])

    def _sourced(self, path: str) -> None:
        raw = self._source(path if isabs(path) else join(self._state.working_dir or "", path))
        if raw is not None:
            self._text(raw)
        elif basename(path) not in _TOOLS:
            self._state.forget()

    def _command(self, raw: Traced, words: Sequence[Word], sets: Sequence[Token]) -> None:
        state = self._state
        passed = {name: state.variables.get(name) for name in state.variables.passed_on}
        passed |= {token.name: value(raw, token, state.variables) for token in sets}
        executes = words[0].text == "exec"
        words = words[1:] if executes else words
        if not words:
            return
        variables = {name: held for name, held in passed.items() if isinstance(held, Word)}
        started = Started(tuple(words), variables, state.working_dir)
        command = understand([word.text for word in words])
        shell = command.front.shell
        program = basename(command.words[command.program]) if command.program < len(words) else ""
        inner = shell is not None and (not shell.is_text or any(name in words[shell.at].text for name in _SERVERS))
        if command.engine != "custom" or inner:
            state.found.append(started)
        elif executes or self._is_script(words[0].text) or program.startswith(("python", "torchrun", "accelerate")):
            state.others.append(started)


def _written(raw: Traced, token: Token) -> str:
    """A word as it is written; empty for a sign."""
    return "" if token.sign else raw.text[token.start : token.end]


def _function(raw: Traced, found: Sequence[Token], at: int) -> str:
    """The name of a function that begins here, empty where none does."""
    if _written(raw, found[at]) == "function" and at + 1 < len(found):
        return _written(raw, found[at + 1])
    signs = [token.sign for token in found[at + 1 : at + 3]]
    return _written(raw, found[at]) if signs == ["(", ")"] else ""


def _closing(raw: Traced, found: Sequence[Token], at: int, opens: str, closes: str) -> int:
    """The token that closes what opens at this one."""
    depth = 0
    for number in range(at, len(found)):
        here = _written(raw, found[number])
        depth += (here == opens) - (here == closes)
        if not depth:
            return number
    raise NotUnderstood(f"{opens} is never closed")
