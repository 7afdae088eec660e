"""What the YAML parser says, in words for whoever wrote the file."""

from __future__ import annotations

import yaml

from autoglm_fix.authored.problems import Position, Problem, quoted

_WORDS = {
    "mapping values are not allowed in this context": (
        "a ':' where no key can stand",
        "Indent this line like its neighbours, or put quotes around a value that contains ': '.",
    ),
    "block sequence entries are not allowed in this context": (
        "a '-' where no list can begin",
        "Begin the list on a line of its own, below its key.",
    ),
    "did not find expected '-' indicator": ("this line is neither part of the list above it nor a new item", ""),
    "did not find expected key": (
        "a key is expected here",
        "Indent it like its neighbours, and put quotes around a value that begins with '{{'.",
    ),
    "could not find expected ':'": ("this key has no ':'", ""),
    "did not find expected ',' or ']'": ("this '[' has no ']'", ""),
    "did not find expected ',' or '}'": ("this '{' has no '}'", ""),
    "found unknown escape character": (
        "an unknown escape in a text in double quotes",
        "Double the backslash, or use single quotes.",
    ),
}
# For these the place where the thing began says more than the place where the parser gave up.
_BEGAN = ("did not find expected ',' or ']'", "did not find expected ',' or '}'", "could not find expected ':'")


def explain(err: yaml.YAMLError | UnicodeEncodeError, text: str, file: str) -> Problem:
    """The one problem of a text that isn't YAML; the parser in C does not even take half of a character."""
    if isinstance(err, yaml.MarkedYAMLError):
        return _explain_marked(err, text, file)
    if isinstance(err, (yaml.reader.ReaderError, UnicodeEncodeError)):
        return _explain_character(text, file)
    return Position(file).problem(f"not valid YAML: {err}")


def _explain_marked(err: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    said = err.problem or ""
    mark, began = err.problem_mark or err.context_mark, err.context_mark
    if "quoted scalar" in (err.context or "") and "end of stream" in said and began is not None:
        return _at(began, file).problem("this quote is never closed")
    if mark is None:
        return Position(file).problem(f"not valid YAML: {said}")
    at = _at(mark, file)
    line = _line(text, at.line)
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        tab = Position(file, at.line, indentation.index("\t") + 1)
        return tab.problem("a tab in the indentation", "YAML is indented with spaces.")
    if said == "found character that cannot start any token":
        character = line[at.column - 1 : at.column]
        return at.problem(f"a value cannot begin with {quoted(character)}", "Put quotes around the value.")
    if said in _BEGAN and began is not None:
        at = _at(began, file)
    message, hint = _WORDS.get(said, (f"not valid YAML: {said}", ""))
    return at.problem(message, hint)


def _explain_character(text: str, file: str) -> Problem:
    """A ReaderError carries an offset that counts bytes in one parser and characters in the other."""
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if not yaml.reader.Reader.NON_PRINTABLE.search(character):
                continue
            return Position(file, number, column).problem(f"the character {quoted(character)} is not allowed in YAML")
    return Position(file).problem("a character that is not allowed in YAML")


def _at(mark: yaml.Mark, file: str) -> Position:
    return Position(file, mark.line + 1, mark.column + 1)


def _line(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number - 1] if number <= len(lines) else ""
