"""A command understood: which server it starts, with which options. On plain words, wherever they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import basename

from autoglm_fix.json_text import Json

from .tables import Engine, engines, words
from .wrappers import Front, front

_NUMBER = re.compile(r"-(?:\d+(?:\.\d*)?|\.\d+)\Z")
_SPEAKS = re.compile(r"--?[A-Za-z]")


@dataclass(frozen=True)
class Given:
    """An option as it stands: words ``first`` to ``end`` (not included), as ``written`` before any value.

    ``key`` is the path behind a dot (``--limit-mm-per-prompt.image``), and ``joined`` that the value is in
    the same word.
    """

    name: str
    value: str | bool
    first: int
    end: int
    written: str
    key: str = ""
    joined: bool = False


@dataclass(frozen=True)
class Command:
    """A command's words, understood. ``begin`` is the first argument of the server's own, ``stop`` where options end.

    ``model_at`` is the word that names the model where that is no option. ``program`` is the word that
    names what is started.
    """

    words: tuple[str, ...]
    front: Front
    engine: str
    program: int
    begin: int
    stop: int
    given: tuple[Given, ...] = ()
    model_at: int | None = None
    options: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def model(self) -> str | None:
        """The model as the command names it."""
        if self.model_at is not None:
            return self.words[self.model_at]
        return self._first(engines()[self.engine].model)

    @property
    def served_model_name(self) -> str | None:
        """The (first) name that the model is served under."""
        name = self._first(engines()[self.engine].name)
        return name.split()[0] if name and name.split() else None

    @property
    def variables(self) -> dict[str, str]:
        """The variables that the command's own words set."""
        return {name: self.words[number][begin:].partition("=")[2] for name, (number, begin) in self.front.sets.items()}

    def _first(self, names: Sequence[str]) -> str | None:
        found = (self.options.get(name) for name in names)
        return next((value for value in found if isinstance(value, str)), None)


def understand(argv: Sequence[str], image_starts: Sequence[str] = ()) -> Command:
    """What a command starts. ``image_starts`` is what a container's image starts by itself, where that is known.

    A command that starts no known server is a ``custom`` one, its options judged by what follows them.
    """
    found = front(argv)
    taken = tuple(argv)
    before = tuple(image_starts)
    if found.container is not None and not before:
        image = words().image(argv[found.container.image])
        before = () if image is None else tuple(image.entrypoint)
        if found.container.entrypoint is not None:
            before = (argv[found.container.entrypoint].rpartition("=")[2],)
    elif found.container is None:
        before = ()
    engine, begin = _server(before + taken[found.at :])
    begin = max(found.at, found.at + begin - len(before))
    rows = engines()[engine]
    given, stop, positional = _given(taken, begin, rows)
    model_at = positional if rows.positional and _serves(before + taken[found.at : begin]) else None
    return Command(taken, found, engine, found.at, begin, stop, given, model_at, _options(given, rows))


def takes_more(command: Command, live: Command | None) -> bool:
    """Whether the program is known to take options that it was not given.

    One that nobody knows does where a server runs (``live``) that got all of its options.
    """
    programs = command.words[command.program : command.begin]
    if command.engine != "custom" or any(basename(word) in words().programs for word in programs):
        return True
    if live is None or live.engine == "custom" or not command.options:
        return False
    given = {engines()[live.engine].named(name): value for name, value in command.options.items()}
    return given.items() <= live.options.items()


def json_of(value: str) -> Json:
    """A value as JSON, or itself where it is none."""
    try:
        read: Json = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return read


def _serves(before: Sequence[str]) -> bool:
    return bool(before) and before[-1] == "serve"


def _server(argv: Sequence[str]) -> tuple[str, int]:
    """The server that plain words start, and where its own arguments begin."""
    if not argv or argv[0].startswith("-"):
        return "custom", 0
    at, program = 0, argv[0]
    if re.fullmatch(words().pythons, basename(program)):
        at, program = _python(argv)
    engine, needs_serve = _named(program)
    if not needs_serve:
        return engine, at + 1
    if at + 1 < len(argv) and argv[at + 1] in needs_serve:
        return engine, at + 2
    return "custom", at + 1


def _python(argv: Sequence[str]) -> tuple[int, str]:
    """The number of the word that says what Python runs, and that as a name: a module's, a script's path."""
    at = 1
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "-":
        option = argv[at]
        if option in ("-m", "-c") or (not option.startswith("--") and option.endswith("m")):
            number = min(at + 1, len(argv) - 1)
            return number, "" if option == "-c" else f"module {argv[number]}"
        at += 2 if option in words().python_values else 1
    number = min(at, len(argv) - 1)
    return number, argv[number] if at < len(argv) else ""


def _named(program: str) -> tuple[str, tuple[str, ...]]:
    """The server of that name, and the words of which one must follow."""
    name = basename(program)
    module = program.removeprefix("module ") if program.startswith("module ") else ""
    if not module and program.endswith(".py"):
        module = program.removesuffix(".py").replace("/", ".")
    if module:
        if re.search(r"(?:^|\.)vllm\.entrypoints\.(?:openai\.)?api_server$", module):
            return "vllm", ()
        if re.search(r"(?:^|\.)sglang\.(?:launch_server|srt\.server)$", module):
            return "sglang", ()
        if module == "llama_cpp.server":
            return "llama.cpp", ()
        name = module.partition(".")[0]
    if name in ("vllm", "sglang"):
        return name, ("serve",)
    if name in ("transformers", "transformers-cli"):
        return "transformers", ("serve",)
    if name == "ollama":
        return name, ("serve", "start", "runner")
    if name.startswith("llama-server") or (name == "server" and "llama" in program):
        return "llama.cpp", ()
    return "custom", ()


def _given(argv: tuple[str, ...], begin: int, engine: Engine) -> tuple[tuple[Given, ...], int, int | None]:
    """The options from a word on, where they end, and the first word that is none."""
    given: list[Given] = []
    positional = None
    at = begin
    while at < len(argv):
        if argv[at] == "--":
            rest = at + 1 if at + 1 < len(argv) else None
            return tuple(given), at, rest if positional is None else positional
        if not _SPEAKS.match(argv[at]):
            positional = at if positional is None else positional
            at += 1
            continue
        option = _option(argv, at, engine)
        given.append(option)
        at = option.end
    return tuple(given), at, positional


def _option(argv: tuple[str, ...], at: int, engine: Engine) -> Given:
    written, equals, value = argv[at].partition("=")
    key = ""
    if engine.dotted and "." in written[2:]:
        written, _, key = written.partition(".")
    name = engine.named(written)
    if equals:
        return Given(name, value, at, at + 1, argv[at].partition("=")[0], key, True)
    switch = engine.denied_by(written)
    if switch is not None:
        return Given(switch, False, at, at + 1, argv[at])
    kind = "value" if key else engine.kind(name)
    attached = _attached(argv[at], engine) if kind is None else None
    if attached is not None:
        return Given(engine.named(attached), argv[at][len(attached) :], at, at + 1, attached, joined=True)
    follows = at + 1 < len(argv) and (not argv[at + 1].startswith("-") or _NUMBER.match(argv[at + 1]) is not None)
    if kind == "flag" and follows and argv[at + 1].lower() in ("true", "false"):
        kind = None
    if kind in ("flag", "switch") or not follows:
        return Given(name, True, at, at + 1, argv[at], key)
    end = at + 2
    while kind == "values" and end < len(argv) and not _SPEAKS.match(argv[end]) and argv[end] != "--":
        end += 1
    return Given(name, " ".join(argv[at + 1 : end]), at, end, argv[at], key)


def _attached(word: str, engine: Engine) -> str | None:
    """The one-letter option to which a value is stuck (``-O3``)."""
    short = word[:2]
    if word.startswith("--") or len(word) < 3 or engine.kind(engine.named(short)) != "value":
        return None
    return short


def _options(given: Sequence[Given], engine: Engine) -> dict[str, str | bool]:
    """The options by name: the last of each; keys of one that were set singly are put together."""
    options: dict[str, str | bool] = {}
    singly: dict[str, dict[str, Json]] = {}
    for each in given:
        if each.key:
            _set(singly.setdefault(each.name, {}), each.key.split("."), each.value)
        else:
            options[each.name] = each.value
    # What is set key by key is put behind everything else, and so wins.
    for name, value in singly.items():
        options[name] = json.dumps(value, ensure_ascii=False)
    return options


def _set(into: dict[str, Json], path: list[str], value: str | bool) -> None:
    for name in path[:-1]:
        inner = into.get(name)
        if not isinstance(inner, dict):
            inner = into[name] = {}
        into = inner
    name, read = path[-1], json_of(value) if isinstance(value, str) else value
    if name.endswith("+"):
        earlier = into.get(name[:-1])
        items = [json_of(item) for item in value.split(",")] if isinstance(value, str) else [read]
        into[name[:-1]] = [*(earlier if isinstance(earlier, list) else []), *items]
    else:
        into[name] = read
