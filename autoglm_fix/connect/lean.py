"""A module's source as it travels: the same program on the same lines, a third smaller.

By patterns, since parsing every module would take a tenth of a second of each run; they lean on the
formatter's habits, and a test compares the syntax trees of every module.
"""

from __future__ import annotations

import re

_LONG = r'"""(?:[^"]|"(?!""))*"""'
_DEEPER = r"[^\[\]]"
for _ in range(4):
    _DEEPER = rf"(?:[^\[\]]|\[{_DEEPER}*\])"
_NAMED = rf"[\w.]+(?:\[{_DEEPER}*\])?"
_TYPE = rf"{_NAMED}(?: \| {_NAMED})*"

# Triple quotes at the start of a line are docstrings, by the formatter's own rule.
_DOCSTRING = re.compile(rf"^([ \t]*){_LONG}$(?:\n+(?=(\1\S)))?", re.MULTILINE)
# What the agent itself never looks at is marked so.
_THEIRS = re.compile(r"^( *)# For the controller\.\n(?:\1@.*\n)*\1(?:def|class) .*\n(?:\1 .*\n|\n)*", re.MULTILINE)
_HEAD = re.compile(rf"^([ \t]*def \w+\((?:[^()]|\([^()]*\))*\))(?: -> {_TYPE})?:", re.MULTILINE)
_PARAMETER = re.compile(rf"(\w): {_TYPE}")
# A field needs some annotation; that of a class variable is read by dataclasses.
_FIELD = re.compile(rf"^([ \t]+[\w.]+|\w+): (?!ClassVar){_TYPE}(?= = |$)", re.MULTILINE)
_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n)+", re.MULTILINE)
_IMPORT = re.compile(r"^(from (?!__future__)[\w.]+ import )([\w, ]+)$", re.MULTILINE)
# What only annotations name.
_ALIAS = re.compile(r"^\w+ = (?:Callable|Dict|Literal|Tuple|TypeVar)[\[(].*$", re.MULTILINE)
_ALL = re.compile(r"^__all__ = \[[^\]]*\]", re.MULTILINE)  # nobody imports a star
_WORD = re.compile(r"\w")
_STRING = re.compile(rf"({_LONG}|" r'"(?:[^"\\\n]|\\.)*"|' r"'(?:[^'\\\n]|\\.)*'|#[^\n]*)")
# The importer from memory reads all annotations late.
_LATE = re.compile(r"^from __future__ import annotations$", re.MULTILINE)
_INSIDE = re.compile(r"([(\[{,]\n) +")
_INDENT = re.compile(r"^(?: {4})+", re.MULTILINE)
_SIGNS = ("=", "==", "!=", "+=", "<", ">", "+", "-", "*", "/", "|")
_HOLE = "\0"


def lean(source: str) -> str:
    """A module's source without docstrings, comments, annotations, what only those needed, and wide blanks.

    Functions and classes under the comment "For the controller." stay here, too. Line numbers are kept, so that
    a traceback from a host points to the right place here.
    """
    text = _THEIRS.sub(_empty_lines, source)
    text = _DOCSTRING.sub(_nothing, text)
    text = _HEAD.sub(lambda found: _PARAMETER.sub(r"\1", found[1]) + ":", text)
    text = _FIELD.sub(r"\1: 0", text)
    text = _TYPES.sub(_empty_lines, text)
    text = _ALIAS.sub("", text)
    text = _LATE.sub("", text)
    text = _IMPORT.sub(lambda found: _needed(found[1], found[2], text), text)
    text = _ALL.sub(_empty_lines, text)
    parts = _STRING.split(text)
    code = _HOLE.join(parts[::2]).replace(", ", ",").replace(": ", ":")
    for sign in _SIGNS:
        code = code.replace(f" {sign} ", sign)
    code = _INDENT.sub(lambda found: " " * (len(found[0]) // 4), _INSIDE.sub(r"\1", code))
    parts[::2] = code.split(_HOLE)
    for at in range(1, len(parts), 2):
        if parts[at][0] == "#":
            parts[at - 1 : at + 1] = parts[at - 1].rstrip(" "), ""
    return "".join(parts)


def _empty_lines(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _nothing(docstring: re.Match[str]) -> str:
    """Empty lines in its place, and an empty text where it is all that there is."""
    return ("" if docstring[2] else docstring[1] + '""') + "\n" * docstring[0].count("\n")


def _needed(head: str, names: str, text: str) -> str:
    """The import without those names that stand nowhere else; ``ClassVar`` is only ever read as a text."""
    kept = [name for name in names.split(", ") if name != "ClassVar" and _stands_elsewhere(name.split()[-1], text)]
    return head + ", ".join(kept) if kept else ""


def _stands_elsewhere(name: str, text: str) -> bool:
    """Whether the text has that word more than once."""
    found, at, end = 0, text.find(name), len(name)
    while at >= 0 and found < 2:
        found += not _WORD.search(text[at - 1 : at] + text[at + end : at + end + 1])
        at = text.find(name, at + 1)
    return found > 1
