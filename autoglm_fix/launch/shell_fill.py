"""The words of a shell's text with their variables filled, each letter traced to where it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from .place import Place, Word
from .shell_text import NotUnderstood, Part, Token, default_parts, quoted, tokens, unsplit
from .traced import Spot, Traced, joined, made, read_as

_DEEPEST = 20
# What a variable holds: a value, the words of an array, or None for what only the shell could tell.
Held: TypeAlias = "Word | list[Word] | None"


@dataclass
class Variables:
    """The variables of a shell at one point of its text, and the arguments that it was given.

    ``zero`` is what ``$0`` is. ``passed_on`` are those that its commands get. ``sealed`` is False once a text was
    read that may have set others.
    """

    held: dict[str, Held] = field(default_factory=dict)
    passed_on: set[str] = field(default_factory=set)
    arguments: list[Word] | None = field(default_factory=list)
    zero: Word | None = None
    sealed: bool = True

    def copy(self) -> Variables:
        return replace(self, held=dict(self.held), passed_on=set(self.passed_on))

    def get(self, name: str) -> Held:
        """What a name holds; an empty word for one that nobody set, None for what nobody can know."""
        if name == "0":
            return self.zero
        if name.isdecimal():
            number = int(name) - 1
            if self.arguments is None:
                return None
            return self.arguments[number] if number < len(self.arguments) else Word(made(""))
        if name in self.held:
            return self.held[name]
        return Word(made("")) if self.sealed else None


@dataclass(frozen=True)
class _Field:
    """A part of a word: traced text, and the places where all of it stands."""

    text: Traced
    places: tuple[Place, ...] = ()


def fill(raw: Traced, token: Token, variables: Variables, depth: int = 0) -> list[Word]:
    """The words that one word becomes. What only the shell could tell stays as it is written."""
    own = Place(raw[token.start : token.end], quoted)
    fields: list[list[_Field]] = [[]]
    for part in token.parts:
        if part.kind == "text" and not part.text:
            continue
        listed = _list(part, variables)
        if listed is not None:
            _spread(fields, [_Field(word.value, word.places) for word in listed], bool(part.quote))
            continue
        filled = _piece(raw, part, variables, depth)
        if filled is None:
            return [Word(made(raw.text[token.start : token.end]), (own,))]
        if part.kind == "name" and not part.quote:
            _split(fields, filled)
        else:
            fields[-1].append(filled)
    words = [_word(each) for each in fields if each]
    if words:
        # Of several words, the last ends where the one ends that they come from.
        return [*words[:-1], Word(words[-1].value, (*words[-1].places, own))]
    if re.search("['\"]", raw.text[token.start : token.end]):
        whole = next((part for part in token.parts if part.kind == "array" or part.text == "@"), None)
        return [] if whole is not None else [Word(made(""), (own,))]
    return words


def value(raw: Traced, token: Token, variables: Variables) -> Held:
    """What an assignment's word holds."""
    if token.array is not None:
        return [word for each in token.array for word in fill(raw, each, variables)]
    begin = token.value_at
    parts: list[Traced] = []
    for part in token.parts:
        if part.end <= begin:
            continue
        filled = _piece(raw, part, variables, 0)
        if filled is None:
            return None
        parts.append(filled.text)
    place = Place(raw[begin : token.end], quoted, _alone(raw, token))
    return Word(joined(parts), (place,) if token.end > begin else ())


def _alone(raw: Traced, token: Token) -> Spot | None:
    """The lines of an assignment that has them for itself."""
    start = raw.text.rfind("\n", 0, token.start) + 1
    end = raw.text.find("\n", token.end)
    end = len(raw) if end < 0 else end + 1
    before, behind = raw.text[start : token.start].strip(), raw.text[token.end : end].strip()
    if before not in ("", "export") or (behind not in ("", ";") and not behind.startswith("#")):
        return None
    return raw[start:end].spot()


def _piece(raw: Traced, part: Part, variables: Variables, depth: int) -> _Field | None:
    """One piece of a word as text; None for what only the shell could tell."""
    if part.kind == "text":
        if not part.text:
            return _Field(made(""))
        here = raw[part.start : part.end]
        return _Field(read_as(here, [(part.text, 0, len(here), part.writer)]))
    if part.kind != "name" or part.text in ("@", "*", "#", "?", "$", "!", "-"):
        return None
    held = variables.get(part.text)
    if isinstance(held, list):
        held = held[0] if held else Word(made(""))
    if part.operator:
        return _default(raw, part, held, variables, depth)
    return None if held is None else _Field(held.value, held.places)


def _default(raw: Traced, part: Part, held: Word | None, variables: Variables, depth: int) -> _Field | None:
    """``${name:-default}`` and its like."""
    if held is None or depth > _DEEPEST:
        return None
    # Unset and empty are told apart by the colon; what the script's caller left unset is empty here.
    is_set = bool(held.text) or (not part.operator.startswith(":") and part.text in variables.held)
    if part.operator[-1] == "+":
        is_set = not is_set
    if is_set:
        return _Field(made("")) if part.operator[-1] == "+" else _Field(held.value, held.places)
    if part.operator[-1] == "?":
        return None
    begin, end = part.default
    try:
        quoted_parts = default_parts(raw.text, begin, end) if part.quote else ()
        found = [Token(begin, end, quoted_parts)] if part.quote else tokens(raw.text, begin, end)
    except NotUnderstood:
        return None
    words = [word for token in found for word in fill(raw, token, variables, depth + 1)]
    several = part.quote or re.search(r"['\"\\]", raw.text[begin:end])
    if any(token.sign for token in found) or (len(words) > 1 and several):
        return None
    text = words[0].value if words else made("")
    for word in words[1:]:
        text = text + made(" ") + word.value
    if part.operator[-1] == "=":
        variables.held[part.text] = Word(text)
    return _Field(text)


def _list(part: Part, variables: Variables) -> Sequence[Word] | None:
    """The words of ``"$@"`` and ``"${array[@]}"``; None for every other piece."""
    if part.kind == "name" and part.text in ("@", "*") and not part.operator:
        return variables.arguments
    if part.kind == "array":
        held = variables.get(part.text)
        return held if isinstance(held, list) else None if held is None else [held]
    return None


def _split(fields: list[list[_Field]], filled: _Field) -> None:
    """Put a value into words, split at its blanks."""
    text = filled.text.text
    found = list(re.finditer(r"\S+", text))
    if text[:1].isspace() and fields[-1]:
        fields.append([])
    for number, each in enumerate(found):
        piece = filled.text[each.start() : each.end()]
        places = (Place(piece, unsplit), *(filled.places if len(piece) == len(text) else ()))
        if number:
            fields.append([])
        fields[-1].append(_Field(piece, places))
    if text[-1:].isspace() and found:
        fields.append([])


def _spread(fields: list[list[_Field]], listed: Sequence[_Field], quoted: bool) -> None:
    """Put the words of a list into words: the first and the last may have text beside them."""
    for number, each in enumerate(listed):
        if number and fields[-1]:
            fields.append([])
        if quoted:
            fields[-1].append(each)
        else:
            _split(fields, each)


def _word(fields: Sequence[_Field]) -> Word:
    letters = [each for each in fields if len(each.text) or each.places]
    places = letters[0].places if len(letters) == 1 else ()
    return Word(joined([each.text for each in fields]), places)
