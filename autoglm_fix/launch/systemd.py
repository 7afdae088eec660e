"""A systemd unit: what it starts, and its settings put otherwise by a drop-in of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cached_property
from os.path import basename, dirname

from autoglm_fix.agent.definition.specifiers import unescaped
from autoglm_fix.agent.definition.units import seconds
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.facts.text_file import TextFile

from . import env_file
from .place import Place, Start, Word
from .systemd_text import Quoted, Setting, filled, settings, specified, words
from .texts import Text, Texts, worst
from .traced import Traced

# The second is for a unit one of whose drop-ins comes behind the first.
_OURS = ("50-autoglm-fix.conf", "zz-autoglm-fix.conf")
_HEADER = "# By autoglm-fix. Without this file the unit is as it was.\n[Service]\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LIMITS = {
    "start_s": "TimeoutStartSec",
    "stop_s": "TimeoutStopSec",
    "watchdog_s": "WatchdogSec",
    "runtime_s": "RuntimeMaxSec",
}


@dataclass(frozen=True)
class Unit:
    """A unit by its texts."""

    service: Service
    texts: Texts

    def start(self) -> Start:
        """What the unit starts, its variables filled as systemd fills them."""
        found = self._in_order
        variables, unclear = self._variables(found)
        commands = _last(found, "ExecStart")
        if len(commands) != 1:
            return Start(unclear="not-found-in-text")
        marks, argv = _command(commands[0].value, self._names(found))
        if ":" not in marks:
            argv = filled(argv, variables)
        folder = self._one(found, "WorkingDirectory").lstrip("-")
        defined = self.service.defined
        return Start(
            words=tuple(argv),
            environment=variables,
            user=self._one(found, "User") or None,
            working_dir=folder if folder not in ("", "~") else defined.working_dir if defined else None,
            unclear=worst([unclear, *(text.trouble for text in self.texts.kind("unit", "drop-in"))]),
        )

    def limits(self) -> Mapping[str, float]:
        """How long systemd waits, in seconds, where the unit says so."""
        found = self._in_order
        spans = {name: self._span(found, key) for name, key in _LIMITS.items()}
        return {name: span for name, span in spans.items() if span is not None}

    def settled(self, edited: Texts) -> Iterator[Texts]:
        """Texts in which a command that was edited in a unit stands in a drop-in of ours instead."""
        changed = [text for text in edited.differing(self.texts) if not text.ours]
        now = Unit(self.service, edited)
        commands = _last(now._in_order, "ExecStart")
        if not all(text.kind in ("unit", "drop-in") for text in changed) or len(commands) != 1:
            return
        spot = commands[0].value.spot()
        if spot is None:
            return
        raw = edited[spot.source].text[spot.start : spot.end].replace("\r\n", "\n")
        kept = edited
        for text in changed:
            kept = kept.having(self.texts[text.key])
        for text in self._ours():
            yield kept.having(_set(text, "ExecStart", raw, fresh=True))

    def loosened(self) -> Iterator[Texts]:
        """Nothing: what stands there can hold every word."""
        return iter(())

    def with_variable(self, name: str, value: str | None) -> Iterator[Texts]:
        """Texts with a variable set or taken out by a drop-in of ours."""
        word = Quoted(fills=False)(f"{name}={value}" if value is not None else name, "")
        if word is None:
            return
        for text in self._ours():
            yield self.texts.having(_assigned(text, name, word, value is None))

    def with_limit(self, name: str, value: float) -> Iterator[Texts]:
        """Texts with another waiting time."""
        key = _LIMITS.get(name)
        if key is None:
            return
        span = "infinity" if value == float("inf") else f"{value:g}"
        standing = [each for each in self._in_order if each.key == key and self.texts[each.lines.source].ours]
        spot = standing[-1].value.spot() if standing else None
        splice = None if spot is None else spot.splice(span)
        if splice is not None:
            yield self.texts.edited([splice])
        for text in self._ours():
            yield self.texts.having(_set(text, key, span))

    @property
    def type(self) -> str:
        """When a start counts as done, as the unit says."""
        return self._one(self._in_order, "Type")

    def with_type(self, value: str) -> Iterator[Texts]:
        """Texts with another type."""
        for text in self._ours():
            yield self.texts.having(_set(text, "Type", value))

    @property
    def rest(self) -> object:
        """All that the unit says beside what an edit may touch."""
        touched = ("ExecStart", "Environment", "UnsetEnvironment", "Type", *_LIMITS.values())
        return [(each.key, each.value.text) for each in self._in_order if each.key not in touched]

    @cached_property
    def _in_order(self) -> list[Setting]:
        """The settings of the unit and its drop-ins, in the order in which they count."""
        drop_ins = sorted(self.texts.kind("drop-in"), key=lambda text: basename(text.file.inside))
        texts = [*self.texts.kind("unit"), *drop_ins]
        return [each for text in texts for each in settings(text.key, text.text) if each.section == "Service"]

    def _one(self, found: Sequence[Setting], key: str) -> str:
        values = [each.value for each in found if each.key == key]
        return specified(values[-1], self._names(())).text if values else ""

    def _span(self, found: Sequence[Setting], key: str) -> float | None:
        both = ("TimeoutSec",) if key.startswith("Timeout") else ()
        values = [each.value.text for each in found if each.key in (key, *both)]
        if not values:
            return None
        span = seconds(values[-1])
        return float("inf") if span is None or span == 0 else span

    def _names(self, found: Sequence[Setting]) -> dict[str, str]:
        """The specifiers that the unit's name and the machine's conventions give."""
        whole = self._name.removesuffix(".service")
        prefix, at, instance = whole.partition("@")
        prefix = prefix if at else whole
        user = self._one(found, "User") or "root"
        names = {"n": self._name, "N": whole, "p": prefix, "P": unescaped(prefix), "i": instance, "u": user}
        names |= {"I": unescaped(instance), "j": prefix.rpartition("-")[2], "h": "/root", "U": "0", "g": "root"}
        names |= {"t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp"}
        return {**names, "f": "/" + unescaped(instance or prefix).lstrip("/"), "V": "/var/tmp", "s": "/bin/bash"}

    @property
    def _name(self) -> str:
        name = self.service.defined.name if self.service.defined else self.service.name
        return name if name.endswith(".service") else f"{name}.service"

    def _variables(self, found: Sequence[Setting]) -> tuple[dict[str, Word], str]:
        """What the service starts with beside the system's own, and why that is not all."""
        names = self._names(found)
        variables: dict[str, Word] = {}
        unclear = ""
        for each in _last(found, "Environment"):
            for word in words(each.value, fills=False):
                name, equals, _ = word.text.partition("=")
                value = specified(word.value[len(name) + 1 :], names)
                if equals and _NAME.match(name):
                    place = Place(word.places[0].raw, Quoted(fills=False, name=name))
                    variables[name] = Word(value, (place,))
        for each in _last(found, "EnvironmentFile"):
            path = specified(each.value, names).text
            files = self._files(path.removeprefix("-"))
            missing = "" if files or path.startswith("-") else "unreadable"
            unclear = worst([unclear, missing, *(text.trouble for text in files)])
            for text in files:
                variables |= {each.name: each.word for each in env_file.variables(text.key, text.text, "systemd")}
        for each in _last(found, "UnsetEnvironment"):
            for word in words(each.value, fills=False):
                name, equals, text_value = word.text.partition("=")
                if name in variables and (not equals or variables[name].text == text_value):
                    del variables[name]
        return variables, unclear

    def _files(self, path: str) -> list[Text]:
        exact = self.texts.at(path, "env-file")
        if exact is not None:
            return [exact]
        known = self.texts.kind("env-file")
        return sorted((text for text in known if fnmatch(text.file.inside, path)), key=lambda text: text.file.inside)

    def _ours(self) -> Iterator[Text]:
        """The drop-in that is ours, or the ones that could become it."""
        there = [text for text in self.texts.kind("drop-in") if basename(text.file.inside) in _OURS]
        yield from there
        if "/" in self._name:  # no unit is called so
            return
        folder, root = self._folder()
        for name in _OURS:
            path = f"{folder}/{name}"
            if not any(text.is_at(path) for text in there):
                file = TextFile(name, path, f"{root}{path}", "missing")
                yield Text(f"{root}{path}", "drop-in", "", file)

    def _folder(self) -> tuple[str, str]:
        """The folder of the drop-ins, and the host's path of what the service sees as its root."""
        unit = next(iter(self.texts.kind("unit")), None)
        inside = unit.file.inside if unit is not None else ""
        host = (unit.file.host or "") if unit is not None else ""
        root = host.removesuffix(inside) if inside and host.endswith(inside) else ""
        if "/.config/systemd/user/" in inside:
            return f"{dirname(inside)}/{self._name}.d", root
        kind = "user" if "/systemd/user/" in inside else "system"
        return f"/etc/systemd/{kind}/{self._name}.d", root


def _last(found: Sequence[Setting], key: str) -> list[Setting]:
    """The values of a setting that is collected: those since it was last emptied."""
    values: list[Setting] = []
    for each in found:
        if each.key == key:
            values = [*values, each] if each.value.text else []
    return values


def _command(value: Traced, names: Mapping[str, str]) -> tuple[str, list[Word]]:
    """The marks before a command and its words, specifiers filled."""
    plain = value.text.lstrip("@-:+!|")
    marks = value.text[: len(value) - len(plain)]
    argv = words(value, fills=":" not in marks)
    if not argv:
        return marks, []
    argv[0] = Word(argv[0].value[len(marks) :], argv[0].places)
    stop = next((number for number, word in enumerate(argv) if word.places[0].raw.text == ";"), len(argv))
    argv = argv[:stop]
    if "@" in marks and len(argv) > 1:
        del argv[1]  # the name that the process is given in place of its own
    return marks, [Word(specified(word.value, names), word.places) for word in argv]


def _set(text: Text, key: str, value: str, *, fresh: bool = False) -> Text:
    """A drop-in with a setting. ``fresh``: what other files collected of it is emptied before."""
    lines = [each for each in settings(text.key, text.text) if (each.section, each.key) == ("Service", key)]
    if lines and lines[-1].value.text:
        spot = lines[-1].value.spot()
        if spot is not None:
            return _with(text, text.text[: spot.start] + value + text.text[spot.end :])
    emptied = f"{key}=\n" if fresh else ""
    return _with(text, _added(text, f"{emptied}{key}={value}\n"))


def _assigned(text: Text, name: str, word: str, unset: bool) -> Text:
    """A drop-in that sets a variable, or takes it out."""
    rest = _without(text, name)
    key = "UnsetEnvironment" if unset else "Environment"
    return _with(text, _added(rest, f"{key}={word}\n"))


def _without(text: Text, name: str) -> Text:
    """A drop-in without its own lines for one variable alone."""
    for each in reversed(list(settings(text.key, text.text))):
        if each.key not in ("Environment", "UnsetEnvironment") or each.section != "Service":
            continue
        found = words(each.value, fills=False)
        if len(found) == 1 and found[0].text.partition("=")[0] == name:
            text = _with(text, text.text[: each.lines.start] + text.text[each.lines.end :])
    return text


def _added(text: Text, lines: str) -> str:
    """The text of a drop-in with more lines at the end of its last section of that name."""
    own = [each for each in settings(text.key, text.text) if each.section == "Service"]
    if not own:
        before = text.text if not text.text or text.text.endswith("\n") else text.text + "\n"
        return (before or "") + (_HEADER if not before else "[Service]\n") + lines
    end = own[-1].lines.end
    head = text.text[:end] if text.text[:end].endswith("\n") else text.text[:end] + "\n"
    return head + lines + text.text[end:]


def _with(text: Text, new: str) -> Text:
    return replace(text, text=new)
