"""Where a compose service is described: the mappings of the files, in the order in which they count."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from os.path import dirname, join

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.authored.yaml_source import YamlMapping, YamlNode, YamlScalar, YamlSequence, parse_yaml

from .place import Place
from .texts import Text, Texts
from .traced import Spot, Traced
from .yaml_text import Quoted, begin_of


@dataclass(frozen=True)
class Layer:
    """One mapping that describes the service, in the text that it stands in. Later ones outrank earlier ones."""

    text: Text
    service: YamlMapping

    def get(self, *keys: str) -> YamlNode | None:
        node: YamlNode | None = self.service
        for key in keys:
            entry = node.entries.get(key) if isinstance(node, YamlMapping) else None
            node = entry.value if entry is not None else None
        return node


def name_of(service: Service, texts: Texts) -> str:
    """The service's name in the files; empty where none of them has it."""
    defined = service.defined
    container = defined.container if defined else None
    names = [container.compose.get("service", "") if container else "", defined.name if defined else ""]
    names += [names[-1].rpartition("/")[2], service.name]
    there = [name for text in texts.kind("compose") for name in _services(root_of(text))]
    return next((name for name in names if name in there), there[0] if len(set(there)) == 1 else "")


def layers(texts: Texts, text: Text, name: str, depth: int = 0) -> list[Layer]:
    """The mappings of one file that describe a service, what it extends first."""
    root = root_of(text)
    services = root.entries.get("services") if root is not None else None
    mapping = services.value if services is not None else root
    entry = mapping.entries.get(name) if isinstance(mapping, YamlMapping) else None
    if entry is None or not isinstance(entry.value, YamlMapping) or depth > len(texts.of):
        return []
    own = Layer(text, entry.value)
    base, file = own.get("extends"), text
    if isinstance(base, YamlMapping):
        other = own.get("extends", "file")
        if isinstance(other, YamlScalar):
            found = texts.at(join(dirname(text.file.inside), str(other.value)), "compose")
            file = found if found is not None else text
        base = own.get("extends", "service")
    if isinstance(base, YamlScalar) and str(base.value) != name:
        return [*layers(texts, file, str(base.value), depth + 1), own]
    return [own]


def root_of(text: Text) -> YamlMapping | None:
    """The document of a file, None where it is none."""
    root = _parsed(text.text.removeprefix("\ufeff"))
    return root if isinstance(root, YamlMapping) else None


@lru_cache(maxsize=32)
def _parsed(text: str) -> YamlNode | None:
    return parse_yaml(text, "", [])


def _services(root: YamlMapping | None) -> list[str]:
    entry = root.entries.get("services") if root is not None else None
    return list(entry.value.entries) if entry is not None and isinstance(entry.value, YamlMapping) else []


def in_list(text: Text, node: YamlSequence, raw: Traced, quote: Quoted) -> Place:
    """An item's place: lines of its own in a list of lines, a row in brackets."""
    begin, spot = begin_of(text.text, node), raw.spot()
    if text.text[begin : begin + 1] == "[" or spot is None:
        return Place(raw, quote, between=", ")
    whole = lines_of(text, spot)
    dash = text.text[whole.start : spot.start]
    if dash.strip() != "-":
        return Place(raw, quote, between=", ")
    newline = "\r\n" if "\r\n" in text.text else "\n"
    ends = text.text[whole.start : whole.end].endswith("\n")
    return Place(raw, quote, whole, (dash, newline) if ends else (newline + dash, ""))


def lines_of(text: Text, spot: Spot) -> Spot:
    """The lines that something stands on."""
    start = text.text.rfind("\n", 0, spot.start) + 1
    end = text.text.find("\n", max(spot.end - 1, spot.start))
    return Spot(spot.source, start, len(text.text) if end < 0 else end + 1)
