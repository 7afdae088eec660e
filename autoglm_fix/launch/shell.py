"""The command in a shell's text or in a script, found without running anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from os.path import isabs, join, normpath

from .command import understand
from .place import Start, Word
from .shell_fill import Variables
from .shell_run import Walk
from .shell_text import NotUnderstood
from .tables import words as known_words
from .texts import Text, Texts, worst
from .traced import Traced, written

_FIRST_LINE = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-\S+\s+)*)?(?:\S*/)?([a-z]+)")
_DEEPEST = 5


def opened(start: Start, texts: Texts) -> Start:
    """The start with its shells opened: the command that their text starts in the end."""
    for _ in range(_DEEPEST):
        inner = _opened(start, texts)
        if inner is start:
            return start
        start = inner
    return start


def _opened(start: Start, texts: Texts) -> Start:
    """One shell less; the same start where there is none, or nothing is known of its script."""
    command = understand(start.argv)
    shell = command.front.shell
    folder = command.front.working_dir or start.working_dir
    script: Text | None = None
    if shell is not None and shell.is_text:
        raw, arguments = start.words[shell.at].value, start.words[shell.at + 1 :]
    else:
        at = shell.at if shell is not None else command.front.at
        script = _script(start.argv[at], folder, texts) if at < len(start.argv) else None
        if script is None or (shell is None and not _is_shell(script)):
            return start
        if script.trouble:
            start = replace(start, unclear=worst([start.unclear, script.trouble]))
        if script.trouble == "unreadable":
            return start
        raw, arguments = written(script.key, script.text), start.words[at:]
    return _started(start, raw, arguments, texts, folder)


def _started(start: Start, raw: Traced, arguments: Sequence[Word], texts: Texts, folder: str | None) -> Start:
    command = understand(start.argv)
    environment = dict(start.environment)
    for name, (number, begin) in command.front.sets.items():
        word = start.words[number]
        environment[name] = Word(word.value[begin + len(name) + 1 :], word.places if not begin else ())

    def source(path: str) -> Traced | None:
        text = texts.at(normpath(path), "env-file", "script")
        return written(text.key, text.text) if text is not None and text.trouble != "unreadable" else None

    def is_script(path: str) -> bool:
        return _script(path, folder, texts) is not None

    zero = arguments[0] if arguments else None
    variables = Variables(dict(environment), set(environment), list(arguments[1:]), zero)
    try:
        found = Walk(variables, source, is_script).started(raw, folder)
    except NotUnderstood:
        return replace(start, words=(), shell=True, unclear="not-found-in-text")
    return Start(
        words=found.words,
        environment=found.variables,
        user=command.front.user or start.user,
        working_dir=found.working_dir,
        shell=True,
        unclear=start.unclear,
    )


def _script(path: str, folder: str | None, texts: Texts) -> Text | None:
    """The text of a script that a command names, where it is one of the definition's."""
    exact = texts.at(path if isabs(path) else join(folder or "/", path), "script")
    if exact is not None or "/" in path:
        return exact
    scripts = texts.kind("script")
    return next((text for text in scripts if text.file.inside.rpartition("/")[2] == path), None)


def _is_shell(script: Text) -> bool:
    first = _FIRST_LINE.match(script.text)
    return first is not None and first[1] in known_words().shells
