"""Keys that a compose service lacks, put where they belong: the rest of the file stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoglm_fix.authored.yaml_source import YamlEntry, YamlMapping, YamlScalar, YamlSequence

from .durations import span
from .texts import Text, Texts
from .yaml_text import Quoted, begin_of, end_of, line_begin, raw_of


def with_variable(texts: Texts, text: Text, service: YamlMapping, name: str, value: str) -> Iterator[Texts]:
    """Texts in which ``environment`` has one variable more: an entry of what is there, else a key of its own."""
    entry = service.entries.get("environment")
    node = entry.value if entry is not None else None
    as_item = Quoted(name)(value, "")
    as_value = Quoted()(value, "")
    if as_item is None or as_value is None:
        return
    if isinstance(node, YamlMapping) and node.entries:
        if name in node.entries:
            return
        yield from _appended(texts, text, list(node.entries.values()), f"{name}: {as_value}")
    elif isinstance(node, YamlSequence) and node.items:
        begin = begin_of(text.text, node)
        end = end_of(text.text, node)
        if text.text[begin] == "[":
            yield texts.edited([(text.key, end, end, f", {as_item}")])
        else:
            margin = _margin(text.text, begin_of(text.text, node.items[-1]))
            yield from _behind_line(texts, text, end, f"{margin}- {as_item}")
    elif node is None:
        yield from _new_key(texts, text, service, "environment:", (f"{name}: {as_value}",))


def with_duration(texts: Texts, text: Text, service: YamlMapping, path: Sequence[str], value: float) -> Iterator[Texts]:
    """Texts in which a key holds a span of time: where it stands, else as a new key."""
    written = span(value)
    mapping = service
    for key in path[:-1]:
        entry = mapping.entries.get(key)
        if entry is None or not isinstance(entry.value, YamlMapping):
            return
        mapping = entry.value
    entry = mapping.entries.get(path[-1])
    if entry is None:
        yield from _new_key(texts, text, mapping, f"{path[-1]}: {written}")
    elif isinstance(entry.value, YamlScalar):
        raw = raw_of(text.key, text.text, entry.value)
        spot = raw.spot() if raw is not None else None
        splice = spot.splice(Quoted()(written, raw.text if raw else "") or written) if spot is not None else None
        if splice is not None:
            yield texts.edited([splice])


def in_quotes(texts: Texts, text: Text, node: YamlScalar) -> Iterator[Texts]:
    """Texts in which a bare scalar stands in quotes."""
    raw = raw_of(text.key, text.text, node)
    spot = raw.spot() if raw is not None else None
    if raw is None or spot is None or raw.text[:1] in ("'", '"', "|", ">") or not isinstance(node.value, str):
        return
    quoted = Quoted(dollars=False)(node.value, '"')
    if quoted is not None:
        yield texts.edited([(text.key, spot.start, spot.end, quoted)])


def _new_key(texts: Texts, text: Text, mapping: YamlMapping, line: str, below: Sequence[str] = ()) -> Iterator[Texts]:
    """Texts in which a mapping has one more key at its end, with lines below it."""
    own = [entry for entry in mapping.entries.values() if entry.at.column == mapping.at.column]
    own = own or list(mapping.entries.values())
    if not own:
        return
    if text.text[begin_of(text.text, mapping)] == "{":
        if not below:
            end = _end(text, max(own, key=lambda entry: (entry.at.line, entry.at.column)))
            yield texts.edited([(text.key, end, end, f", {line}")])
        return
    margin = " " * (own[0].at.column - 1)
    step = margin + "  "
    lines = [f"{margin}{line}", *(f"{step}{each}" for each in below)]
    last = max(own, key=lambda entry: entry.at.line)
    yield from _behind_line(texts, text, _end(text, last), *lines)


def _appended(texts: Texts, text: Text, entries: Sequence[YamlEntry], line: str) -> Iterator[Texts]:
    """Texts in which a mapping has one more entry behind its last."""
    last = max(entries, key=lambda entry: (entry.at.line, entry.at.column))
    begin = _begin(text, last)
    margin = _margin(text.text, begin)
    if text.text[:begin].rsplit("\n", 1)[-1].strip():
        end = _end(text, last)
        yield texts.edited([(text.key, end, end, f", {line}")])
    else:
        yield from _behind_line(texts, text, _end(text, last), margin + line)


def _behind_line(texts: Texts, text: Text, at: int, *lines: str) -> Iterator[Texts]:
    """Texts with lines put behind the one that ends a value."""
    newline = "\r\n" if "\r\n" in text.text else "\n"
    end = at if text.text[at - 1 : at] == "\n" else text.text.find("\n", at) + 1
    body = newline.join(lines)
    if not end:
        end, body = len(text.text), newline + body
    else:
        body += newline
    yield texts.edited([(text.key, end, end, body)])


def _begin(text: Text, entry: YamlEntry) -> int:
    return line_begin(text.text, entry.at.line) + entry.at.column - 1


def _end(text: Text, entry: YamlEntry) -> int:
    begin = _begin(text, entry)
    return max(begin + len(entry.key) + 1, end_of(text.text, entry.value))


def _margin(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]
