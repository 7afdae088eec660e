"""Which texts of variables are secrets: passwords, and of encrypted files all but what says how a host is reached."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator

from autoglm_fix.authored.templating import has_templates
from autoglm_fix.authored.variables import Authored, Layer
from autoglm_fix.authored.yaml_source import YamlMapping, YamlScalar, YamlSequence

from .route_names import heeded

# Shorter ones are words of every language, and reports without them could not be read.
_SHORTEST = 4
_SERVICES = frozenset({"service", "services"})


def sealed_texts(layers: Iterable[Layer], files: Collection[str]) -> set[str]:
    """The secrets among some variables: texts that stood in one of the encrypted files."""
    if not files:
        return set()
    open_to_all = _SERVICES | heeded() - _password_names()
    found: set[str] = set()
    for layer in layers:
        for name, written in layer.items():
            if name not in open_to_all:
                found.update(_texts(written, files))
    return found


def plain_passwords(layers: Iterable[Layer]) -> set[str]:
    """The passwords among some variables that are written out, also where nobody will need them."""
    found: set[str] = set()
    for layer in layers:
        for name in _password_names() & layer.keys():
            written = layer[name]
            text = written.value if isinstance(written, YamlScalar) else written
            if isinstance(text, (str, int)) and not isinstance(text, bool) and not has_templates(str(text)):
                found.add(str(text))
    return found


@functools.cache
def _password_names() -> frozenset[str]:
    return frozenset(name for name in heeded() if "pass" in name)


def _texts(written: Authored, files: Collection[str]) -> Iterator[str]:
    if isinstance(written, YamlScalar):
        text = written.value
        if written.at.file in files and isinstance(text, str) and len(text) >= _SHORTEST and not has_templates(text):
            yield text
    elif isinstance(written, YamlSequence):
        for item in written.items:
            yield from _texts(item, files)
    elif isinstance(written, YamlMapping):
        for entry in written.entries.values():
            yield from _texts(entry.value, files)
