"""A compose service: what its files say that it starts, and its keys put otherwise in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os.path import dirname, join, normpath

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.authored.yaml_source import Value, YamlMapping, YamlNode, YamlScalar, YamlSequence, plain

from . import compose_edit, env_file
from .compose_fill import Filled, NotFilled, fill
from .compose_layers import Layer, in_list, layers, lines_of, name_of, root_of
from .durations import seconds
from .place import Place, Start, Word, plain_word
from .plain_words import quoted, words
from .tables import words as known_words
from .texts import Text, Texts, worst
from .traced import Spot, made
from .yaml_text import Quoted, line_begin, raw_of, value_of

# What an edit may touch; everything else of the project must stay as it was.
_TOUCHED = ("command", "entrypoint", "environment", "env_file", "stop_grace_period", "healthcheck")
_HEALTH = {"interval": 30.0, "retries": 3.0, "start_period": 0.0}


@dataclass(frozen=True)
class Project:
    """A compose project by its texts, and the service in question."""

    service: Service
    texts: Texts

    def start(self) -> Start:
        """What the service starts: its entrypoint and command as compose fills and splits them."""
        layers = self.layers
        if not layers:
            return Start(unclear=worst(text.trouble for text in self.texts.kind("compose")) or "not-found-in-text")
        try:
            entrypoint, command = self._words("entrypoint"), self._words("command")
            environment, unclear = self._environment()
            user, folder = self._text("user"), self._text("working_dir")
        except NotFilled:
            return Start(unclear="not-found-in-text")
        unclear = worst([unclear, *(text.trouble for text in self.texts.kind("compose"))])
        starts, otherwise = self._of_image()
        if entrypoint is None:
            entrypoint = [plain_word(word) for word in starts]
            command = [plain_word(word) for word in otherwise] if command is None else command
        return Start(
            words=(*entrypoint, *(command or [])),
            environment=environment,
            user=user,
            working_dir=folder,
            unclear=unclear,
        )

    def limits(self) -> Mapping[str, float]:
        """How long compose and the health check wait, in seconds, where the files say so."""
        found: dict[str, float] = {}
        stop = self._seconds("stop_grace_period")
        if stop is not None:
            found["stop_s"] = stop
        health = self.health()
        if "start_period" in health:
            found["probe_s"] = health["start_period"] + health["interval"] * health["retries"]
        return found

    def health(self) -> dict[str, float]:
        """The health check's waiting times in seconds and its number of retries, where one is described."""
        if not any(layer.get("healthcheck") for layer in self.layers):
            return {}
        given = {key: self._seconds("healthcheck", key) for key in _HEALTH}
        return {key: _HEALTH[key] if value is None else value for key, value in given.items()}

    def settled(self, edited: Texts) -> Iterator[Texts]:
        """Nothing: all that compose reads may be edited."""
        return iter(())

    def loosened(self) -> Iterator[Texts]:
        """Texts that say the same, with a command in quotes: a bare one can hold less."""
        for layer in self.layers:
            for key in ("entrypoint", "command"):
                node = layer.get(key)
                if isinstance(node, YamlScalar):
                    yield from compose_edit.in_quotes(self.texts, layer.text, node)

    def with_variable(self, name: str, value: str | None) -> Iterator[Texts]:
        """Texts in which the service's ``environment`` sets a variable."""
        if value is None:
            return
        for layer in reversed(self.layers):
            yield from compose_edit.with_variable(self.texts, layer.text, layer.service, name, value)

    def with_limit(self, name: str, value: float) -> Iterator[Texts]:
        """Texts with another waiting time."""
        for layer in reversed(self.layers):
            key, health = "stop_grace_period", self.health()
            if name == "probe_s" and health:
                key, value = "healthcheck.start_period", max(0.0, value - health["interval"] * health["retries"])
            elif name != "stop_s":
                return
            yield from compose_edit.with_duration(self.texts, layer.text, layer.service, key.split("."), value)

    @property
    def type(self) -> str:
        """Nothing: only systemd has types."""
        return ""

    def with_type(self, value: str) -> Iterator[Texts]:
        """Nothing: only systemd has types."""
        return iter(())

    @property
    def rest(self) -> object:
        """All that the project says beside what an edit may touch, filled in."""
        found: list[object] = []
        for text in self.texts.kind("compose"):
            root = root_of(text)
            if root is None:
                found.append(text.text)
                continue
            for key, entry in root.entries.items():
                if key.startswith("x-"):
                    continue  # there for its anchors alone
                if key != "services" or not isinstance(entry.value, YamlMapping):
                    found.append((key, self._filled(plain(entry.value))))
                    continue
                for name, each in entry.value.entries.items():
                    said = plain(each.value)
                    if name == self.name and isinstance(said, dict):
                        said = {key: value for key, value in said.items() if key not in _TOUCHED}
                        health = plain(each.value)
                        check = health.get("healthcheck") if isinstance(health, dict) else None
                        if isinstance(check, dict):
                            said["healthcheck"] = {k: v for k, v in check.items() if k != "start_period"}
                    found.append((name, self._filled(said)))
        return found

    @cached_property
    def name(self) -> str:
        """The service's name in the files."""
        return name_of(self.service, self.texts)

    @cached_property
    def layers(self) -> list[Layer]:
        """The mappings that describe the service, the one that outranks the others last."""
        return [layer for text in self.texts.kind("compose") for layer in layers(self.texts, text, self.name)]

    @cached_property
    def variables(self) -> dict[str, Word]:
        """What ``.env`` sets for the files."""
        first = next(iter(self.texts.kind("compose")), None)
        container = self.service.defined.container if self.service.defined else None
        labels = container.compose if container else {}
        folder = labels.get("working_dir") or (dirname(first.file.inside) if first else "")
        paths = [each for each in labels.get("environment_file", "").split(",") if each] or [".env"]
        found: dict[str, Word] = {}
        for path in paths:
            text = self.texts.at(join(folder, path), "env-file")
            found = found if text is None else _with_file(text, found)
        return found

    def _words(self, key: str) -> list[Word] | None:
        """The words of ``command`` or ``entrypoint``, None where no file has it."""
        for layer in reversed(self.layers):
            node = layer.get(key)
            if isinstance(node, YamlSequence):
                return [self._item(layer.text, item, node) for item in node.items]
            if isinstance(node, YamlScalar) and node.value is not None:
                return _split(self._value(layer.text, node))
        return None

    def _item(self, text: Text, item: YamlNode, node: YamlSequence) -> Word:
        if not isinstance(item, YamlScalar):
            raise NotFilled("a command is a list of words")
        value, raw = self._value(text, item), raw_of(text.key, text.text, item)
        return Word(value.inner, () if raw is None else (in_list(text, node, raw, Quoted()),))

    def _environment(self) -> tuple[dict[str, Word], str]:
        """The variables of the service, and why these may not be all."""
        found: dict[str, Word] = {}
        files = [self._env_file(layer, path) for layer in self.layers for path in self._env_files(layer)]
        for text in files:
            if text is not None:
                found = _with_file(text, found)
        for layer in self.layers:
            found |= self._entries(layer)
        return found, worst("unreadable" if text is None else text.trouble for text in files)

    def _entries(self, layer: Layer) -> dict[str, Word]:
        """What ``environment`` of one layer sets; names without a value are passed on, and nobody knows theirs."""
        node = layer.get("environment")
        found: dict[str, Word] = {}
        if isinstance(node, YamlMapping):
            for name, entry in node.entries.items():
                if isinstance(entry.value, YamlScalar) and not _is_none(entry.value):
                    found[name] = self._entry(layer.text, entry.value, entry.at.line)
        elif isinstance(node, YamlSequence):
            for item in node.items:
                word = self._item(layer.text, item, node)
                name, equals, _ = word.text.partition("=")
                if equals:
                    places = tuple(replace(place, quote=Quoted(name)) for place in word.places)
                    found[name] = Word(word.value[len(name) + 1 :], places)
        return found

    def _entry(self, text: Text, node: YamlScalar, line: int) -> Word:
        value, raw = self._value(text, node), raw_of(text.key, text.text, node)
        if raw is None:
            return Word(value.inner)
        spot = raw.spot()
        whole = None if spot is None else lines_of(text, Spot(text.key, line_begin(text.text, line), spot.end))
        return Word(value.inner, (Place(raw, Quoted(numbers=True), whole),))

    def _env_files(self, layer: Layer) -> Iterator[str]:
        node = layer.get("env_file")
        for item in node.items if isinstance(node, YamlSequence) else [node] if node is not None else []:
            path = item.entries["path"].value if isinstance(item, YamlMapping) and "path" in item.entries else item
            if isinstance(path, YamlScalar):
                yield self._value(layer.text, path).text

    def _env_file(self, layer: Layer, path: str) -> Text | None:
        first = next(iter(self.texts.kind("compose")), layer.text)
        # Beside its own file for one version of compose, in the project's folder for another.
        folders = (dirname(layer.text.file.inside), dirname(first.file.inside))
        found = (self.texts.at(normpath(join(folder, path)), "env-file") for folder in folders)
        return next((text for text in found if text is not None), None)

    def _value(self, text: Text, node: YamlScalar) -> Filled:
        value = value_of(text.key, text.text, node)
        written = node.raw if isinstance(node.value, (int, float, bool)) else str(node.value or "")
        return fill(made(written) if value is None else value, self.variables)

    def _text(self, key: str) -> str | None:
        for layer in reversed(self.layers):
            node = layer.get(key)
            if isinstance(node, YamlScalar) and node.value is not None:
                return self._value(layer.text, node).text
        return None

    def _seconds(self, *keys: str) -> float | None:
        for layer in reversed(self.layers):
            node = layer.get(*keys)
            if isinstance(node, YamlScalar) and node.value is not None:
                try:
                    return seconds(self._value(layer.text, node).text)
                except NotFilled:
                    return None
        return None

    def _of_image(self) -> tuple[Sequence[str], Sequence[str]]:
        """What the image starts by itself: its entrypoint and its command, as far as is known."""
        container = self.service.defined.container if self.service.defined else None
        config = container.record.get("Config") if container else None
        if isinstance(config, dict) and not any(layer.get("entrypoint") for layer in self.layers):
            return _list(config.get("Entrypoint")), _list(config.get("Cmd"))
        image = known_words().image(self._text("image") or "")
        return (image.entrypoint, image.command) if image else ((), ())

    def _filled(self, value: Value) -> Value:
        if isinstance(value, str):
            try:
                return fill(made(value), self.variables).text
            except NotFilled:
                return value
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        return {key: self._filled(each) for key, each in value.items()} if isinstance(value, dict) else value


def _with_file(text: Text, before: Mapping[str, Word]) -> dict[str, Word]:
    """Variables and those of one more file."""
    found = dict(before)
    for each in env_file.variables(text.key, text.text, "compose"):
        found[each.name] = _nested(each.word, found)
    return found


def _nested(word: Word, earlier: Mapping[str, Word]) -> Word:
    """The value of a variable that may name others before it."""
    raw = word.places[0].raw.text if word.places else ""
    if "${" not in word.text or raw.startswith("'"):
        return word
    try:
        return plain_word(fill(word.value, earlier).text)
    except NotFilled:
        return word


def _split(value: Filled) -> list[Word]:
    """The words of a command: each stands where its letters do, and where the variable is used that holds them."""
    inner, outer = words(value.inner, quoted), words(value.outer, quoted)
    if inner is None or outer is None:
        raise NotFilled(value.text)
    return [Word(each.value, (*each.places, *used.places)) for each, used in zip(inner, outer, strict=True)]


def _is_none(node: YamlScalar) -> bool:
    return node.value is None and not node.raw.strip("\"' ")


def _list(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
