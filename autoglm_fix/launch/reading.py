"""A service's definition by its manager, and the launch that it prescribes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from autoglm_fix.agent.facts.service import Service

from . import env_file
from .command import Command, understand
from .compose import Project
from .config_file import configured
from .place import Start
from .record import ARGV, Record, recorded
from .shapes import Launch
from .shell import opened
from .supervisor import Program
from .systemd import Unit
from .tables import words as known_words
from .texts import Texts, texts_of


class Manager(Protocol):
    """A definition as one manager reads it. What gives texts gives the ways to make one edit, the best first."""

    @property
    def texts(self) -> Texts: ...

    @property
    def rest(self) -> object: ...

    @property
    def type(self) -> str: ...

    def start(self) -> Start: ...

    def limits(self) -> Mapping[str, float]: ...

    def settled(self, edited: Texts) -> Iterator[Texts]: ...

    def loosened(self) -> Iterator[Texts]: ...

    def with_variable(self, name: str, value: str | None) -> Iterator[Texts]: ...

    def with_limit(self, name: str, value: float) -> Iterator[Texts]: ...

    def with_type(self, value: str) -> Iterator[Texts]: ...


@dataclass(frozen=True)
class Reading:
    """What a definition says: the start, shells opened, and its command understood.

    Options of a ``--config`` file stand among the words, ``of_file`` says which; ``argv`` is the command without them.
    """

    manager: Manager
    start: Start
    command: Command
    argv: tuple[str, ...] = ()
    of_file: range = range(0)

    @property
    def is_clear(self) -> bool:
        return bool(self.start.words) and not self.start.unclear

    def environment(self) -> dict[str, str]:
        """What the server starts with."""
        return {**{name: word.text for name, word in self.start.environment.items()}, **self.command.variables}


def definition(service: Service) -> Reading:
    """The definition as it is on the disk."""
    return reading(service, _texts(service))


def reading(service: Service, texts: Texts) -> Reading:
    """A definition of these texts."""
    manager = _manager(service, texts)
    start = opened(manager.start(), texts)
    command = understand(start.argv)
    container = command.front.container
    if container is not None:
        # Into a container goes only what its front end passes on.
        files = [texts.at(path, "env-file") for path in container.env_files]
        passed = [env_file.variables(text.key, text.text, "docker") for text in files if text is not None]
        variables = {each.name: each.word for variables in passed for each in variables}
        start = replace(start, environment=variables)
    return _with_file(Reading(manager, start, command, start.argv), texts)


def _with_file(found: Reading, texts: Texts) -> Reading:
    """With the options of its ``--config`` file, where that was read."""
    added = configured(found.command, found.start, texts)
    if added is None:
        return found
    at, words = added
    start = replace(found.start, words=(*found.start.words[:at], *words, *found.start.words[at:]))
    command = understand(start.argv)
    options = {name: value for name, value in command.options.items() if name != "--config"}
    return replace(found, start=start, command=replace(command, options=options), of_file=range(at, at + len(words)))


def live(service: Service) -> Reading | None:
    """The live process, read as if its command were its definition."""
    running = service.running
    if running is None or not running.argv:
        return None
    files = {text.key: text for text in texts_of(service).kind("config")}
    manager = Record(service, recorded(Texts(files), running.argv, running.environment or {}, False))
    start = opened(manager.start(), manager.texts)
    return _with_file(Reading(manager, start, understand(start.argv), start.argv), manager.texts)


def launch(found: Reading, service: Service) -> Launch:
    """What a reading comes to."""
    command, start = found.command, found.start
    defined = service.defined
    user, folder = command.front.user, command.front.working_dir
    if command.front.container is None:
        user = user or start.user or (defined.user if defined is not None else None)
        folder = folder or start.working_dir or (defined.working_dir if defined is not None else None)
    return Launch(
        argv=found.argv,
        environment=found.environment(),
        engine=command.engine,
        options=command.options,
        model=command.model,
        served_model_name=command.served_model_name,
        user=user,
        working_dir=folder,
        shell=start.shell,
    )


def _texts(service: Service) -> Texts:
    """The texts of the definition, or its record where there are none."""
    texts = texts_of(service)
    defined = service.defined
    if defined is None or _kind(service, texts) in ("supervisor", "compose"):
        return texts
    if _kind(service, texts) == "record":
        changeable = defined.manager == "docker" and defined.container is not None
        return recorded(texts, defined.argv or [], defined.environment or {}, changeable)
    container = defined.container
    if container is None or not _starts_container([word.text for word in Unit(service, texts).start().words]):
        return texts
    config, args = container.record.get("Config"), container.record.get("Args")
    variables = config.get("Env") if isinstance(config, dict) else None
    argv = [str(container.record.get("Path") or ""), *map(str, args if isinstance(args, list) else [])]
    named = [str(each).partition("=") for each in variables] if isinstance(variables, list) else []
    return recorded(Texts(), argv if argv[0] else [], {name: value for name, _, value in named}, True)


def _starts_container(argv: Sequence[str]) -> bool:
    """Whether a command starts a container that is there (``docker start -a NAME``): its record is what counts."""
    program = argv[0].rpartition("/")[2] if argv else ""
    return program in known_words().containers.commands and "start" in argv[1:3]


def _manager(service: Service, texts: Texts) -> Manager:
    kind = _kind(service, texts)
    if kind == "systemd":
        return Unit(service, texts)
    if kind == "compose":
        return Project(service, texts)
    return Program(service, texts) if kind == "supervisor" else Record(service, texts)


def _kind(service: Service, texts: Texts) -> str:
    manager = service.defined.manager if service.defined is not None and ARGV not in texts.of else ""
    if manager == "systemd" and texts.kind("unit"):
        return manager
    if manager == "supervisor" and texts.kind("program"):
        return manager
    return "compose" if manager in ("compose", "docker") and texts.kind("compose") else "record"
