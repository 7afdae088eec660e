"""The whole corrected command, ready to be pasted, where there is no definition that could be edited."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from autoglm_fix.agent.facts.service import Service

from .change import edited_words, option_edits, variable_edits
from .command import understand
from .reading import Reading, launch
from .shapes import ByHand, Edit, Launch
from .tables import words

_NAME = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_SECRET = re.compile(
    r"-{0,2}(?:[\w.-]*[_-])?(?:api[_-]?key|token|secret|secret[_-]?key|access[_-]?key|password|passwd|credentials?|key)\Z",
    re.IGNORECASE | re.ASCII,
)
_HIDDEN = ("***",)


def answer(service: Service, found: Reading, running: Reading | None, edit: Edit, reason: str) -> ByHand:
    """What a person is told where no definition could be edited."""
    best = found if found.start.words else running
    in_image = any(text.file.host is None and text.kind == "script" for text in found.manager.texts)
    in_container = service.defined is not None and service.defined.container is not None
    if not found.start.shell and any(text.kind == "record" and not text.ours for text in found.manager.texts):
        reason = "no-definition"
    elif reason == "not-found-in-text" and (in_image or in_container) and not found.manager.texts.kind("compose"):
        reason = "image"
    return ByHand("" if best is None else command(launch(best, service), edit), reason)


def command(of: Launch, edit: Edit) -> str:
    """The command of a launch after an edit. Secrets are their variables' names; only what matters is set."""
    argv: Sequence[str] = of.argv
    for name, value in edit.options.items():
        argv = edited_words(argv, option_edits(understand(argv), name, value))
    environment = {name: text for name, text in of.environment.items() if name not in _own(argv)}
    unset = []
    for name, text in edit.environment.items():
        edits = variable_edits(understand(argv), name, text)
        if edits is not None:
            argv = edited_words(argv, edits)
        elif text is None:
            environment.pop(name, None)
            unset.append(name)
        else:
            environment[name] = text
    matters = {
        name: text
        for name, text in environment.items()
        if _NAME.match(name) and (name in edit.environment or name.startswith(tuple(words().variables)))
    }
    sets = [f"{name}={_quoted(name, text)}" for name, text in matters.items()]
    folder = of.working_dir
    before = [f"cd {shlex.quote(folder)} &&"] if folder and folder != "/" else []
    without = ["env", *(f"-u {name}" for name in unset)] if unset else []
    return " ".join([*before, *without, *sets, plainly(argv)])


def plainly(argv: Sequence[str]) -> str:
    """A command for a person, quoted for a shell. A secret is its variable's name."""
    return " ".join(_words(argv))


def _own(argv: Sequence[str]) -> Mapping[str, str]:
    return understand(argv).variables


def _words(argv: Sequence[str]) -> Iterator[str]:
    """The words quoted; what follows an option that asks for a secret, or sets one, is a variable's name."""
    secret = ""
    for word in argv:
        name, equals, value = word.partition("=")
        if secret and not word.startswith("-"):
            yield f'"${secret}"'
        elif equals and _SECRET.match(name) and value:
            yield f'{name}="${_variable(name)}"'
        else:
            yield _plain(word)
        secret = _variable(word) if word.startswith("--") and not equals and _SECRET.match(word) else ""


def _quoted(name: str, value: str) -> str:
    return f'"${name}"' if _SECRET.match(name) or value in _HIDDEN else _plain(value)


def _plain(word: str) -> str:
    """A word as a shell takes it, on one line: what no terminal shows as it is, as bash and zsh write it."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(map(_letter, word)) + "'"


def _letter(letter: str) -> str:
    point = ord(letter)
    if letter.isprintable() and letter not in "'\\":
        return letter
    if 0xDC80 <= point <= 0xDCFF:  # a byte that is no text
        return f"\\x{point - 0xDC00:02x}"
    return f"\\x{point:02x}" if point < 0x80 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _variable(name: str) -> str:
    return re.sub(r"\W", "_", name.lstrip("-").upper())
