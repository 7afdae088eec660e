"""tokenizer: the files beside the vocabulary, the chat templates, and what both do when tried."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..context import Context
from ..formats import clean
from ..proof import tokenizer_probe
from ..service_run.call import call
from ..unknown import CannotTell
from .generation_settings import asked_for_chats, launched_with
from .text_file import TextFile
from .text_files import TextFiles
from .vocabulary import named, tokenizer_files

_TIMEOUT_S = 60.0
_ROLES = ("bos_token", "eos_token", "pad_token", "unk_token")
_FILES = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.json", "added_tokens.json")
_VOCABULARIES = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tekken.json",
)


@dataclass(frozen=True)
class SettingsFile:
    """One JSON file of the tokenizer. ``state`` as a TextFile's, or ``broken`` with where (1-based)."""

    name: str
    inside: str
    host: str | None
    state: str
    problem: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Template:
    """A chat template and what it did for one user's turn.

    ``source`` is the file's name (``--chat-template`` for the launch command's), ``host`` its path;
    ``used`` is whether engines take it. ``turn``: ``opens`` (it opens the assistant's turn when asked),
    ``ready`` (it needs no opening), ``none`` (it does not; ``header`` is what would open it), ``unclear``
    or empty where it was not tried. ``split`` are markers of turns that the tokenizer takes apart,
    ``end`` is the end of the prompt, ``tokens`` its length.
    """

    source: str
    inside: str
    host: str | None
    used: bool
    error: str = ""
    line: int = 0
    turn: str = ""
    header: str = ""
    end: str = ""
    tokens: int = 0
    split: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RoundTrip:
    """A text encoded and decoded. ``state``: ``same``, ``close``, ``unknown`` (no tokens for it) or ``lost``."""

    name: str
    length: int
    tokens: int
    state: str
    detail: str = ""


@dataclass(frozen=True)
class Behaviour:
    """What the tokenizer did in the service's Python.

    ``problem`` says why (part of) it was not tried, empty where all was. ``error`` is what loading the
    tokenizer raised. ``versions`` are those of the libraries there. ``kind`` is that of a ``NoAnswer``.
    """

    problem: str
    error: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    round_trips: list[RoundTrip] = field(default_factory=list)
    kind: str = ""


@dataclass(frozen=True)
class Tokenizer:
    """The tokenizer of a service's model, apart from its vocabulary (see ``Vocabulary``).

    ``names`` are the special tokens by role (``eos_token``), as the settings write them. ``kind`` is
    their ``tokenizer_class``, ``extra`` the shape of ``extra_special_tokens`` (``list``, ``dict``,
    empty). ``others`` are the vocabulary files that are there, with their sizes in bytes. ``chat`` is
    whether the service is asked for chats, as far as its endpoint and its model's name tell.
    """

    folder: str
    engine: str
    settings: list[SettingsFile]
    names: dict[str, str]
    kind: str
    extra: str
    others: dict[str, int]
    templates: list[Template]
    chat: bool
    behaviour: Behaviour
    reads: list[str] = field(default_factory=list)

    slow: ClassVar[bool] = True

    @classmethod
    def collect(cls, ctx: Context, *, longest: int = 100_000) -> Tokenizer:
        """Read the files, and try them in the service's Python on texts of up to ``longest`` characters.

        CannotTell where the model's folder is not there. A Python that cannot try them only leaves
        the behaviour open.
        """
        files = tokenizer_files(ctx)
        texts = {name: files.read(name) for name in _FILES}
        said = {name: _parsed(file) for name, file in texts.items()}
        settings: Any = said["tokenizer_config.json"][1]
        symbols: Any = said["special_tokens_map.json"][1]
        names = {role: clean(named(settings.get(role)) or named(symbols.get(role))) for role in _ROLES}
        names = {role: text for role, text in names.items() if text}
        sources = _templates(ctx, files, settings, said["chat_template.json"][1])
        others = {name: files.size(name) for name in _VOCABULARIES}
        there = {name: size for name, size in others.items() if size is not None}
        templates, behaviour = _tried(ctx, files, sources, names, there, longest)
        return cls(
            files.inside,
            ctx.service.engine,
            [each for each, _ in said.values()],
            names,
            clean(str(settings.get("tokenizer_class") or "")),
            type(settings["extra_special_tokens"]).__name__ if "extra_special_tokens" in settings else "",
            there,
            templates,
            asked_for_chats(ctx.service),
            behaviour,
            [file.host for file in [*texts.values(), *(file for file, _ in sources.values())] if file.host],
        )

    # For the controller.
    def file(self, name: str) -> SettingsFile | None:
        """The settings file of that name."""
        return next((each for each in self.settings if each.name == name), None)

    # For the controller.
    @property
    def template(self) -> Template | None:
        """The template that engines take, None where there is none."""
        return next((each for each in self.templates if each.used), None)


def _parsed(file: TextFile) -> tuple[SettingsFile, dict[str, Any]]:
    place = file.name, file.inside, file.host
    if file.state == "ok":
        try:
            said = json.loads(file.text)
        except (ValueError, RecursionError) as err:
            from .faults import fault

            return SettingsFile(*place, "broken", **fault(err)), {}
        if isinstance(said, dict):
            return SettingsFile(*place, "ok"), said
        return SettingsFile(*place, "broken", "it is no table"), {}
    return SettingsFile(*place, file.state, file.detail), {}


def _templates(
    ctx: Context, files: TextFiles, settings: dict[str, Any], processor: dict[str, Any]
) -> dict[str, tuple[TextFile, str]]:
    """The templates by source, the one that engines take first."""
    found: dict[str, tuple[TextFile, str]] = {}
    given = launched_with(ctx.service.command, "--chat-template")
    if given and given.startswith("/"):
        inside, _, name = given.rpartition("/")
        try:
            file = TextFiles(ctx, inside or "/").read(name)
        except CannotTell:
            file = TextFile(name, given, given, "missing")
        found["--chat-template"] = file, file.text
    for name in ["chat_template.jinja", *files.names("additional_chat_templates", ".jinja")]:
        file = files.read(name)
        if file.state in ("ok", "empty"):
            found[name] = file, file.text
    text = settings.get("chat_template")
    if isinstance(text, list):
        texts = {each.get("name"): each.get("template") for each in text if isinstance(each, dict)}
        text = texts.get("default") or next(iter(texts.values()), None)
    for name, value in (("tokenizer_config.json", text), ("chat_template.json", processor.get("chat_template"))):
        if isinstance(value, str) and value.strip():
            found[name] = files.read(name), value
    return found


def _tried(
    ctx: Context,
    files: TextFiles,
    sources: dict[str, tuple[TextFile, str]],
    names: dict[str, str],
    there: dict[str, int],
    longest: int,
) -> tuple[list[Template], Behaviour]:
    arguments = {
        "folder": ctx.view.ahead(files.inside),
        "templates": {source: text for source, (_, text) in sources.items()},
        "names": names,
        "longest": longest,
    }
    said: dict[str, Any] = {"problem": "there is no tokenizer to try"}
    if there or sources:
        try:
            said = call(ctx, "proof.tokenizer_probe", tokenizer_probe.probe.__name__, arguments, timeout_s=_TIMEOUT_S)
        except CannotTell as err:
            said = {"problem": str(err), "kind": getattr(err, "kind", "")}
    done = said.get("templates", {})
    order = ("--chat-template", "chat_template.jinja", "tokenizer_config.json")
    used = next((source for source in order if source in sources), None)
    templates = [
        Template(source, file.inside, file.host, source == used, **done.get(source, {}))
        for source, (file, _) in sources.items()
    ]
    trips = [RoundTrip(**each) for each in said.get("round_trips", [])]
    return templates, Behaviour(
        said["problem"], said.get("error", ""), said.get("versions", {}), trips, said.get("kind", "")
    )
