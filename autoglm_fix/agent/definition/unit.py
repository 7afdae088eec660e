"""A systemd unit by its files on the disk: the unit file, its template, its drop-ins, its environment files."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from typing import Iterator

from ..facts.service import Definition, Limits, Source
from ..service import ServiceSpec
from . import NotDefined
from .start import script_of
from .texts import source
from .units import assignments, entries, environment_file, seconds, substituted, words

# systemd.unit(5), "Unit File Load Path": the first that has a file of a name wins.
PATHS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
_COLLECTED = ("ExecStart", "Environment", "EnvironmentFile", "UnsetEnvironment", "PassEnvironment")
_DEFAULT_START_S = _DEFAULT_STOP_S = 90.0
# Of these types a start counts as done before the model is loaded, so no limit ends it, unless something that runs
# afterwards waits for the model.
_AT_ONCE = ("simple", "exec", "idle")


def name_of(spec: ServiceSpec) -> str:
    """The unit's name with its type."""
    name = spec.unit or spec.name
    return name if name.endswith(".service") else name + ".service"


@dataclass
class Unit:
    """A unit's merged settings. ``settings`` holds for each key its values with the file that gave each."""

    name: str
    files: list[tuple[str, str]]
    sources: list[Source] = field(default_factory=list)
    settings: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def read(self) -> Unit:
        """Read the files in their order."""
        for kind, path in self.files:
            if os.path.realpath(path) == "/dev/null":
                continue  # it only keeps another of its name away
            found = source(kind, path)
            self.sources.append(found)
            for key, value in entries(found.file.text, "Service"):
                for each in ("TimeoutStartSec", "TimeoutStopSec") if key == "TimeoutSec" else (key,):
                    known = self.settings.setdefault(each, [])
                    if not value or each not in _COLLECTED:
                        known.clear()
                    if value:
                        known.append((value, path))
        return self

    def definition(self) -> Definition:
        """What the unit says. Variables and command as the main process gets them."""
        variables, unread = self._environment()
        argv = self._argv(variables)
        sources = list(self.sources)
        script = script_of(argv, self.one("WorkingDirectory"))
        if script:
            sources.append(source("script", script))
        return Definition(
            manager="systemd",
            name=self.name,
            argv=argv or None,
            environment=None if unread else variables,
            user=self._user(),
            working_dir=self._folder(),
            sources=sources,
            limits=self._limits(),
            restart=self.one("Restart") or "no",
            group=self.one("Group") or None,
            type=self._type(),
            unread=unread,
        )

    def one(self, key: str) -> str:
        """The last value of a setting, its specifiers filled; empty for none."""
        values = self.settings.get(key)
        return self._filled(values[-1][0]) if values else ""

    def _filled(self, text: str) -> str:
        """A text with its specifiers filled, which most have not."""
        if "%" not in text:
            return text
        from .specifiers import specified, specifiers

        return specified(text, specifiers(self.name))

    def _environment(self) -> tuple[dict[str, str], str]:
        """What it starts with beside the system's own, and why that could not all be read."""
        unread = ""
        found: dict[str, str] = {}
        for value, _path in self.settings.get("Environment", []):
            # Specifiers are filled word by word: what they give is not split again.
            for name, text in assignments(value).items():
                found[name] = self._filled(text)
        for value, _path in self.settings.get("EnvironmentFile", []):
            optional = value.startswith("-")
            wanted = self._filled(value[1:] if optional else value)
            for path in sorted(glob.glob(wanted)) or [wanted]:
                read = source("env-file", path, optional=optional)
                self.sources.append(read)
                if read.file.state == "unreadable":
                    unread = f"{path}: {read.file.detail}"
                found.update(environment_file(read.file.text))
        for value, _path in self.settings.get("UnsetEnvironment", []):
            for word in words(value):
                name, equals, text = word.partition("=")
                if not equals or found.get(name) == text:
                    found.pop(name, None)
        return found, unread

    def _argv(self, variables: dict[str, str]) -> list[str]:
        commands = self.settings.get("ExecStart")
        if not commands:
            return []
        parts = words(commands[0][0])
        if not parts:
            return []
        program = parts[0].lstrip("@-:+!|")
        marks = parts[0][: len(parts[0]) - len(program)]
        argv = [program, *parts[1:]]
        if ";" in argv:
            argv = argv[: argv.index(";")]
        if "@" in marks and len(argv) > 1:
            del argv[1]  # the name that the process is given in place of its own
        argv = [self._filled(word) for word in argv]
        return argv if ":" in marks else substituted(argv, variables)

    def _user(self) -> str | None:
        if self.one("DynamicUser").lower() in ("1", "yes", "true", "on"):
            return None
        return self.one("User") or "root"

    def _folder(self) -> str:
        folder = self.one("WorkingDirectory").lstrip("-")
        if folder == "~":
            return os.path.expanduser("~" + (self._user() or ""))
        return folder or "/"

    def _type(self) -> str:
        return self.one("Type") or ("simple" if "ExecStart" in self.settings else "oneshot")

    def _limits(self) -> Limits:
        set_by: dict[str, str] = {}
        start = self._span("TimeoutStartSec", "start_s", "DefaultTimeoutStartSec", _DEFAULT_START_S, set_by)
        stop = self._span("TimeoutStopSec", "stop_s", "DefaultTimeoutStopSec", _DEFAULT_STOP_S, set_by)
        waited_for = "ExecStartPost" in self.settings if self._type() in _AT_ONCE else True
        at_once = not waited_for or (self._type() == "oneshot" and "start_s" not in set_by)
        watchdog = self._span("WatchdogSec", "watchdog_s", "", None, set_by)
        runtime = self._span("RuntimeMaxSec", "runtime_s", "", None, set_by)
        return Limits(None if at_once else start, stop, None, set_by, watchdog or None, runtime or None)

    def _span(self, key: str, name: str, default: str, otherwise: float | None, set_by: dict[str, str]) -> float | None:
        values = self.settings.get(key)
        if values:
            set_by[name] = values[-1][1]
            return seconds(values[-1][0]) or None  # 0 is for ever, too
        for value in _of_the_manager(default) if default else ():
            return seconds(value) or None
        return otherwise


def find(name: str) -> Unit:
    """The unit of that name. Raises NotDefined."""
    template = ""
    if "@" in name:
        prefix, _, rest = name.partition("@")
        template = f"{prefix}@{rest[rest.rindex('.') :]}"
    path = _first(name) or (template and _first(template))
    if not path:
        from .near import near, of_users

        files = of_users(name)
        raise NotDefined("user-unit" if files else f"there is no unit {name}", files or near(name))
    names = [name, template] if template else [name]
    end = os.path.realpath(path)
    if os.path.basename(end) not in names and end.endswith(".service"):
        names.insert(0, os.path.basename(end))  # an alias: drop-ins of either name count
    if end == "/dev/null" or (os.path.exists(end) and not os.path.getsize(end)):
        raise NotDefined("masked")
    drop_ins = [("drop-in", each) for each in _drop_ins(names)]
    return Unit(name, [("unit", path), *drop_ins]).read()


def _first(name: str) -> str:
    return next((path for path in (os.path.join(each, name) for each in PATHS) if os.path.lexists(path)), "")


def _drop_ins(names: list[str]) -> list[str]:
    """The drop-ins of a unit in the order in which they count; of one file name the most specific."""
    folders = []
    for name in names:
        folders.append(name)
        stem = name[: -len(".service")]
        parts = stem.split("-")
        folders += ["-".join(parts[:count]) + "-.service" for count in range(len(parts) - 1, 0, -1)]
    folders.append("service")
    found: dict[str, str] = {}
    for folder in dict.fromkeys(folders):
        for path in PATHS:
            try:
                inside = os.listdir(os.path.join(path, folder + ".d"))
            except OSError:
                continue
            for file in inside:
                if file.endswith(".conf"):
                    found.setdefault(file, os.path.join(path, folder + ".d", file))
    return [path for _file, path in sorted(found.items())]


def _of_the_manager(key: str) -> Iterator[str]:
    """The value that the manager's own configuration gives a setting, where it does."""
    found: dict[str, str] = {}
    files = [f"{root}/systemd/system.conf" for root in ("/etc", "/run", "/usr/lib")]
    main = [path for path in files if os.path.exists(path)][:1]
    for folder in reversed(files):
        for path in glob.glob(folder + ".d/*.conf"):
            found[os.path.basename(path)] = path
    values = [
        value
        for path in [*main, *(found[name] for name in sorted(found))]
        for name, value in entries(source("unit", path).file.text, "Manager")
        if name == key and value
    ]
    yield from values[-1:]
