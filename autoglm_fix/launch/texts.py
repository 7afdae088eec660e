"""The texts that a service is defined by, as edits go through them, and the changes that come of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from os.path import normpath

from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.service import Service, Source
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.json_text.edit import splices

from .traced import Splice, spliced

# A definition is some lines; a text longer than this, in letters, is something else.
_LONGEST = 1 << 18
# What packages install or the running system makes: their drop-ins are not for people to edit.
_OF_PACKAGES = ("/usr/", "/lib/", "/run/")


@dataclass(frozen=True)
class Text:
    """One text: its ``kind`` as ``Source`` has it, what it is now, the file it was read from.

    ``trouble`` is why it is no base of a write: ``unreadable``, or ``masked`` where the host's own text holds what
    this one hides. ``ours`` may be edited: a definition of
    the operator's that is never replaced (a unit) may not.
    """

    key: str
    kind: str
    text: str
    file: TextFile
    trouble: str = ""
    ours: bool = True

    def is_at(self, path: str) -> bool:
        """Whether this is the file of that path, as the service or the host sees it."""
        return normpath(path) in (normpath(self.file.inside), normpath(self.file.host or self.file.inside))


@dataclass(frozen=True)
class Texts:
    """All texts of a definition, by key, in the order of the fact: the one that outranks the others last."""

    of: Mapping[str, Text] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Text]:
        return iter(self.of.values())

    def __getitem__(self, key: str) -> Text:
        return self.of[key]

    def kind(self, *kinds: str) -> list[Text]:
        """Those of a kind, in order."""
        return [text for text in self if text.kind in kinds]

    def at(self, path: str, *kinds: str) -> Text | None:
        """The one with this path."""
        return next((text for text in self if text.kind in kinds and text.is_at(path)), None)

    def edited(self, splices: Iterable[Splice]) -> Texts:
        """These texts with splices made. KeyError for a splice of another text."""
        by_key: dict[str, list[tuple[int, int, str]]] = {}
        for key, start, end, new in splices:
            by_key.setdefault(key, []).append((start, end, new))
        changed = {key: replace(self.of[key], text=spliced(self.of[key].text, of)) for key, of in by_key.items()}
        return Texts({**self.of, **changed})

    def having(self, text: Text) -> Texts:
        """These texts and another, or another state of one."""
        return Texts({**self.of, text.key: text})

    def differing(self, before: Texts) -> list[Text]:
        """Those that are not as they were."""
        return [text for text in self if text.key not in before.of or before[text.key].text != text.text]


def texts_of(service: Service) -> Texts:
    """The sources of a service's definition."""
    sources = service.defined.sources if service.defined is not None else []
    texts = [_text(source) for source in sources]
    return Texts({text.key: text for text in texts})


def write(text: Text, says: str, values: Mapping[str, str], like: str = "") -> WriteFile:
    """The change that gives a file this text, or makes it; ``like`` the file whose words it may repeat."""
    file, digest = text.file, _digest(text.text)
    like = like if file.sha256 is None else ""
    return WriteFile(text.key, splices(file.text, text.text), file.sha256, digest, says, dict(values), "restart", like)


def worst(troubles: Iterable[str]) -> str:
    """The worst of what is wrong with several texts."""
    found = set(troubles)
    return next((each for each in ("unreadable", "masked") if each in found), "")


def _text(source: Source) -> Text:
    file = source.file
    trouble = ""
    if file.state not in ("ok", "empty", "missing") or len(file.text) > _LONGEST:
        trouble = "unreadable"
    elif file.state != "missing" and (file.sha256 is None or _digest(file.text) != file.sha256):
        trouble = "masked"
    ours = source.kind != "unit" and file.host is not None
    if source.kind == "drop-in" and file.inside.startswith(_OF_PACKAGES):
        ours = False
    text = file.text if trouble != "unreadable" else ""
    return Text(file.host or f"inside {file.inside}", source.kind, text, file, trouble, ours)


def _digest(text: str) -> str:
    # Half a character (a lone surrogate) is in no file: what holds one matches no file's digest.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
