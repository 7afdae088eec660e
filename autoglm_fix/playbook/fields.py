"""One mapping of a playbook against its grammar: unknown keys, missing ones, wrong types, all at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from autoglm_fix.authored.problems import Position, Problem, did_you_mean, quoted
from autoglm_fix.authored.templating import templates_in
from autoglm_fix.authored.typed import mismatches
from autoglm_fix.authored.variables import position_in
from autoglm_fix.authored.yaml_source import YamlEntry, YamlMapping, YamlNode, YamlScalar, YamlSequence, is_empty, plain

from .grammar import FOREIGN, Grammar, Keyword


class Fields:
    """What a mapping says under each keyword. What was wrong, or not there, reads as absent.

    ``what`` is what messages call the mapping ("a step"); ``others`` are keys that someone else reads.
    """

    def __init__(
        self,
        mapping: YamlMapping,
        grammar: Grammar,
        what: str,
        problems: list[Problem],
        others: Collection[str] = (),
    ) -> None:
        self.at = mapping.at
        self._problems = problems
        self._entries: dict[str, YamlEntry] = {}
        for key, entry in mapping.entries.items():
            keyword = grammar.get(key)
            if keyword is not None:
                self._read(entry, keyword)
            elif key not in others:
                hint = FOREIGN.get(key) or did_you_mean(key, (*_known(grammar), *others))
                problems.append(entry.at.problem(f"{what} has no keyword {quoted(key)}", hint))
        for key, keyword in grammar.items():
            if keyword.required and (key not in mapping.entries or is_empty(mapping.entries[key].value)):
                problems.append(mapping.at.problem(f"{what} needs {quoted(key)}", keyword.about))

    def _read(self, entry: YamlEntry, keyword: Keyword) -> None:
        if not keyword.available:
            self._problems.append(entry.at.problem(f"{quoted(entry.key)} is not available in this version"))
            return
        if is_empty(entry.value):
            return
        if keyword.type is not None:
            found = self._wrong(entry, keyword)
            self._problems.extend(found)
            if found:
                return
        self._entries[entry.key] = entry

    def _wrong(self, entry: YamlEntry, keyword: Keyword) -> list[Problem]:
        templated = next(iter(templates_in(entry.value)), None)
        if templated is None:
            return misfits(entry.value, keyword.type, quoted(entry.key))
        return [] if keyword.templated else [templated[0].at.problem(f"{quoted(entry.key)} takes no templates")]

    def entry(self, key: str) -> YamlEntry | None:
        """The key with what was written for it."""
        return self._entries.get(key)

    def node(self, key: str) -> YamlNode | None:
        """What was written for a key."""
        return self._entries[key].value if key in self._entries else None

    def at_key(self, key: str) -> Position:
        """Where a key stands; the mapping's own place where it doesn't."""
        return self._entries[key].at if key in self._entries else self.at

    def text(self, key: str) -> str | None:
        """A text."""
        value = self._atom(key)
        return value if isinstance(value, str) else None

    def flag(self, key: str) -> bool:
        """True or false; false where nothing is written."""
        return self._atom(key) is True

    def number(self, key: str) -> int:
        """A whole number; 0 where nothing is written."""
        value = self._atom(key)
        return value if isinstance(value, int) else 0

    def words(self, key: str) -> tuple[str, ...]:
        """A list of words, or one word, or several with commas between them."""
        node = self.node(key)
        if node is None:
            return ()
        items = node.items if isinstance(node, YamlSequence) else (node,)
        texts = [str(item.value) for item in items if isinstance(item, YamlScalar)]
        return tuple(dict.fromkeys(word.strip() for text in texts for word in text.split(",") if word.strip()))

    def _atom(self, key: str) -> object:
        node = self.node(key)
        return node.value if isinstance(node, YamlScalar) else None


def misfits(node: YamlNode, wanted: object, what: str) -> list[Problem]:
    """Where a value without templates does not fit a type; ``what`` begins the message."""
    return [
        position_in(node, mismatch.path, node.at, of_key=mismatch.of_key).problem(
            f"{what} {mismatch.message}", mismatch.hint
        )
        for mismatch in mismatches(plain(node), wanted)
    ]


def _known(grammar: Mapping[str, Keyword]) -> list[str]:
    return [key for key, keyword in grammar.items() if keyword.available]
