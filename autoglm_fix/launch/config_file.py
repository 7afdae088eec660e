"""The options that stand in a server's ``--config`` file, as words of its command.

vLLM puts them in front of the options of the command line, which therefore win; SGLang makes them the defaults of its
options, which comes to the same. Sources: FlexibleArgumentParser of vllm/utils/argparse_utils.py (0.12),
sglang/srt/server_args_config_parser.py (0.5), https://docs.vllm.ai/en/latest/configuration/serve_args.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from os.path import isabs, join

from autoglm_fix.authored.problems import Problem
from autoglm_fix.authored.yaml_source import (
    YamlEntry,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    parse_yaml,
    plain,
)

from .command import Command, json_of
from .place import Place, Quote, Start, Word
from .tables import engines
from .texts import Text, Texts
from .traced import Spot, Traced, joined, made, written
from .yaml_text import Quoted, begin_of, end_of, line_begin, raw_of, value_of

_OPTION = "--config"
_READERS = ("vllm", "sglang")


@dataclass(frozen=True)
class _After:
    """How a value is written of which the word names the option, too (``--port=8000``)."""

    prefix: str

    def __call__(self, word: str, like: str) -> str | None:
        if not word.startswith(self.prefix):
            return None
        return Quoted(dollars=False, numbers=True)(word[len(self.prefix) :], like)


def configured(command: Command, start: Start, texts: Texts) -> tuple[int, tuple[Word, ...]] | None:
    """Where in a command its file's options belong, and these as words; None where there is no file, or it is not read.

    They belong behind a model that the command names first, and in front of its options.
    """
    given = [each for each in command.given if each.name == _OPTION]
    if command.engine not in _READERS or len(given) != 1 or not isinstance(given[0].value, str):
        return None
    path = given[0].value
    container = command.front.container
    folder = command.front.working_dir or (start.working_dir if container is None else None)
    text = texts.at(path if isabs(path) else join(folder or "/", path), "config")
    root = None if text is None or text.trouble == "unreadable" else _root(text.text)
    if text is None or root is None:
        return None
    at = command.begin + (1 if command.model_at == command.begin else 0)
    kinds = engines()[command.engine]
    found: list[Word] = []
    for name, entry in root.entries.items():
        option = "--" + name.replace("_", "-")
        several = kinds.kind(kinds.named(option)) == "values"
        found += _words(text, option, entry, several)
    return at, tuple(found)


@lru_cache(maxsize=32)
def _root(text: str) -> YamlMapping | None:
    problems: list[Problem] = []
    root = parse_yaml(text.removeprefix("\ufeff"), "", problems)
    return root if isinstance(root, YamlMapping) and not problems else None


def _words(text: Text, option: str, entry: YamlEntry, several: bool) -> Iterator[Word]:
    """An option of the file, its value in the same word; none for what is false or null, which both leave out."""
    node = entry.value
    if isinstance(node, YamlScalar):
        raw = raw_of(text.key, text.text, node)
        if node.value is True:
            yield Word(made(option), () if raw is None else (Place(raw, _unchanged, _line(text, entry, raw)),))
        elif node.value is not None and node.value is not False:
            value = _value(text, node)
            places = () if raw is None else (Place(raw, _After(f"{option}="), _line(text, entry, raw)),)
            yield Word(joined([made(f"{option}="), value]), places)
        return
    if isinstance(node, YamlSequence) and several:
        items = plain(node)
        shown = " ".join(map(str, items)) if isinstance(items, list) else ""
        yield from [Word(made(f"{option}={shown}"))] if shown else []
    elif not isinstance(node, YamlSequence) or node.items:
        shown = json.dumps(plain(node), ensure_ascii=False, separators=(",", ":"))
        raw = _table(text, node)
        places = () if raw is None else (Place(raw, _json_after(option), _line(text, entry, raw)),)
        yield Word(made(f"{option}={shown}"), places)


def _table(text: Text, node: YamlNode) -> Traced | None:
    """A table as it stands; None where a comment stands in it, which JSON in its place would not hold."""
    begin, end = begin_of(text.text, node), end_of(text.text, node)
    if text.text[begin : begin + 1] in ("{", "["):
        closing = re.compile(r"[\s,}\]]*[}\]]").match(text.text, end)
        end = begin if closing is None else closing.end()
    raw = written(text.key, text.text, begin, end)
    return None if "#" in raw.text or not raw.text else raw


def _json_after(option: str) -> Quote:
    def quote(word: str, like: str) -> str | None:
        name, equals, value = word.partition("=")
        return value if name == option and equals and isinstance(json_of(value), (dict, list)) else None

    return quote


def _value(text: Text, node: YamlScalar) -> Traced:
    """A value as the server gets it: a number that YAML reads in a way of its own is written anew."""
    value = value_of(text.key, text.text, node)
    if value is None:
        return made(str(node.value))
    if isinstance(node.value, (int, float)):
        try:
            return value if float(value.text) == node.value and "_" not in value.text else made(str(node.value))
        except ValueError:
            return made(str(node.value))
    return value


def _line(text: Text, entry: YamlEntry, raw: Traced) -> Spot | None:
    """The lines that an entry has for itself."""
    spot = raw.spot()
    begin = line_begin(text.text, entry.at.line)
    if spot is None or text.text[begin : begin + entry.at.column - 1].strip():
        return None
    end = text.text.find("\n", spot.end)
    end = len(text.text) if end < 0 else end + 1
    behind = text.text[spot.end : end].strip()
    return None if behind and not behind.startswith("#") else Spot(text.key, begin, end)


def _unchanged(word: str, like: str) -> str | None:
    """A flag's name is no value that could be written."""
    return None
