"""A command and variables that stand in no file: a container's record, the inventory, a live process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.json_text.edit import scan

from .place import Place, Start, Word, plain_word
from .shell_text import LONGEST
from .texts import Text, Texts
from .traced import Traced, read_as, written

ARGV = "record of the command"
VARIABLES = "record of the variables"
_PIECE = re.compile(r"[^\\]+|\\u.{4}|\\.")


@dataclass(frozen=True)
class Record:
    """A launch by its record. ``changeable``: there is a way to make it otherwise (a container made anew)."""

    service: Service
    texts: Texts

    def start(self) -> Start:
        """The command and the variables, as recorded."""
        argv, variables = self.texts.of.get(ARGV), self.texts.of.get(VARIABLES)
        if argv is None or variables is None:
            return Start(unclear="no-definition")
        if len(argv.text) > LONGEST:
            return Start(unclear="unreadable")
        environment: dict[str, str] = json.loads(variables.text)
        defined, running = self.service.defined, self.service.running
        return Start(
            words=_words(argv.key, argv.text),
            environment={name: plain_word(value) for name, value in environment.items()},
            user=defined.user if defined is not None else (running.user or None if running is not None else None),
            working_dir=defined.working_dir if defined is not None else running.working_dir if running else None,
        )

    def limits(self) -> Mapping[str, float]:
        """None that could be changed."""
        return {}

    def settled(self, edited: Texts) -> Iterator[Texts]:
        """Nothing: a record that may not be edited has no other place."""
        return iter(())

    def loosened(self) -> Iterator[Texts]:
        """Nothing: what stands there can hold every word."""
        return iter(())

    def with_variable(self, name: str, value: str | None) -> Iterator[Texts]:
        """Texts with a variable set or taken out."""
        text = self.texts.of.get(VARIABLES)
        if text is not None:
            environment: dict[str, str] = json.loads(text.text)
            environment.pop(name, None)
            environment |= {name: value} if value is not None else {}
            yield self.texts.having(replace(text, text=json.dumps(environment, ensure_ascii=False)))

    def with_limit(self, name: str, value: float) -> Iterator[Texts]:
        """Nothing: nobody waits."""
        return iter(())

    @property
    def type(self) -> str:
        """Nothing: only systemd has types."""
        return ""

    def with_type(self, value: str) -> Iterator[Texts]:
        """Nothing: only systemd has types."""
        return iter(())

    @property
    def rest(self) -> object:
        """Nothing beside what is read."""
        return None


def recorded(texts: Texts, argv: Sequence[str], environment: Mapping[str, str], changeable: bool) -> Texts:
    """The texts of a definition and the two of a record."""
    for key, value in ((ARGV, list(argv)), (VARIABLES, dict(environment))):
        text = json.dumps(value, ensure_ascii=False)
        file = TextFile(key, key, None, "ok", text)
        texts = texts.having(Text(key, "record", text, file, ours=changeable))
    return texts


# One command is read by every diagnostic and fix in turn.
@lru_cache(maxsize=64)
def _words(key: str, text: str) -> tuple[Word, ...]:
    found = [written(key, text, item.start, item.end) for item in scan(text).items]
    return tuple(Word(_value(raw), (Place(raw, _quoted, between=", "),)) for raw in found)


def _value(raw: Traced) -> Traced:
    """A JSON string, escape by escape and as it stands between them."""
    pieces = []
    for found in _PIECE.finditer(raw.text, 1, len(raw) - 1):
        text = found[0]
        pieces.append((str(json.loads(f'"{text}"')) if text[0] == "\\" else text, *found.span(), _wrote))
    return read_as(raw, pieces)


def _wrote(text: str) -> str | None:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _quoted(word: str, like: str) -> str | None:
    return json.dumps(word, ensure_ascii=False)
