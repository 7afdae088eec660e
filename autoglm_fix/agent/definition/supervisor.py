"""supervisor: a program as its configuration files say on the disk, and what supervisord says of its life.

After the manual of supervisor 4.2, 2026-11-22.
"""

from __future__ import annotations

import configparser
import glob
import os
import shlex
from typing import Any

from ..context import Context
from ..facts.service import Definition, Ended, Limits, Source
from ..service import ServiceSpec
from ..unknown import CannotTell
from . import Looked, NotDefined
from .control import Control
from .logs import tail
from .processes import argvs, everyone, tree
from .start import script_of
from .texts import source

_PLACES = ("/etc/supervisor/supervisord.conf", "/etc/supervisord.conf", "/usr/local/etc/supervisord.conf")
STATES = {
    "RUNNING": "running",
    "STARTING": "starting",
    "BACKOFF": "restarting",
    "STOPPING": "stopping",
    "STOPPED": "stopped",
    "EXITED": "stopped",
    "FATAL": "failed",
    "UNKNOWN": "failed",
}
_RESTARTS = {"true": "always", "false": "no", "unexpected": "on-failure"}
_LINES = 80
_STOP_S = 10.0


class Configuration:
    """The files of one supervisord, the main one first."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.sources = [source("program", path)]
        self._read = _parsed(self.sources[0])
        folder = os.path.dirname(path)
        for pattern in self._read.get("include", "files", fallback="").split():
            wanted = self._filled(pattern, {})
            for each in sorted(glob.glob(os.path.join(folder, wanted))):
                self.sources.append(source("program", each))
                self._read.read_dict(_parsed(self.sources[-1]))

    def programs(self) -> list[str]:
        return [name.partition(":")[2] for name in self._read.sections() if name.startswith("program:")]

    def section(self, name: str) -> dict[str, str]:
        """A section's settings, empty where there is none."""
        return dict(self._read[name]) if name in self._read else {}

    def group_of(self, program: str) -> str:
        for name in self._read.sections():
            if name.startswith("group:") and program in self._read[name].get("programs", "").replace(",", " ").split():
                return name.partition(":")[2]
        return program

    def definition(self, program: str) -> Definition:
        """What the files say of a program."""
        names = {"program_name": program, "group_name": self.group_of(program), "process_num": "0"}
        settings = {key: self._filled(value, names) for key, value in self.section(f"program:{program}").items()}
        common = self.section("supervisord")
        variables = _variables(self._filled(common.get("environment", ""), names))
        variables.update(_variables(settings.get("environment", "")))
        folder = settings.get("directory") or None
        argv = shlex.split(settings.get("command", ""))
        of = [each for each in self.sources if f"[program:{program}]" in each.file.text] or self.sources[:1]
        script = script_of(argv, folder or "")
        return Definition(
            manager="supervisor",
            name=program,
            argv=argv or None,
            environment=variables,
            user=settings.get("user") or common.get("user") or None,
            working_dir=folder,
            sources=[*of, source("script", script)] if script else of,
            limits=_limits(settings, of[-1].file.inside),
            restart=_RESTARTS.get(settings.get("autorestart", "unexpected").lower(), ""),
            enabled=settings.get("autostart", "true").lower() not in ("false", "no", "off", "0"),
        )

    def log_files(self, program: str) -> list[str]:
        settings = self.section(f"program:{program}")
        names = {"program_name": program, "group_name": self.group_of(program), "process_num": "0"}
        named = [self._filled(settings.get(key, ""), names) for key in ("stdout_logfile", "stderr_logfile")]
        return [path for path in named if path.startswith("/")]

    def _filled(self, text: str, names: dict[str, str]) -> str:
        variables = {f"ENV_{name}": value for name, value in os.environ.items()}
        places = {"here": os.path.dirname(self.path), "host_node_name": os.uname().nodename, "numprocs": "1"}
        try:
            return text % {**variables, **places, **names}
        except (KeyError, ValueError, TypeError):
            return text


def _parsed(file: Source) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    try:
        parser.read_string(file.file.text)
    except configparser.Error as err:
        raise CannotTell(f"{file.file.inside} cannot be read as supervisor does: {err}") from err
    return parser


def _variables(text: str) -> dict[str, str]:
    """``A="b c",D=e`` as pairs."""
    lexer = shlex.shlex(text.replace("\n", ","))
    lexer.wordchars += "/.+-():"
    try:
        words = [word for word in lexer if word != ","]
    except ValueError:
        return {}
    found = {}
    for at in range(0, len(words) - 2, 3):
        value = words[at + 2]
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        found[words[at]] = value[1:-1] if quoted else value
    return found


def _limits(settings: dict[str, str], path: str) -> Limits:
    try:
        stop = float(settings.get("stopwaitsecs", _STOP_S))
    except ValueError:
        stop = _STOP_S
    return Limits(stop_s=stop, set_by={"stop_s": path} if "stopwaitsecs" in settings else {})


def name_of(spec: ServiceSpec) -> str:
    """The program's name, without its group."""
    return (spec.unit or spec.name).rpartition(":")[2]


def find(spec: ServiceSpec) -> Configuration:
    """The configuration that has the program. Raises NotDefined, CannotTell."""
    seen: list[Configuration] = []
    for path in places():
        if os.path.exists(path):
            seen.append(Configuration(path))
            if name_of(spec) in seen[-1].programs():
                return seen[-1]
    if not seen:
        raise NotDefined("no configuration of supervisor was found")
    unreadable = [each.file for found in seen for each in found.sources if each.file.state == "unreadable"]
    if unreadable:
        raise CannotTell(f"cannot read {unreadable[0].inside}: {unreadable[0].detail}")
    programs = sorted({name for found in seen for name in found.programs()})
    raise NotDefined(f"no [program:{name_of(spec)}] in {', '.join(found.path for found in seen)}", programs[:5])


def places() -> list[str]:
    """Where supervisors have their configuration: those that run, then the usual paths."""
    return list(dict.fromkeys([*_in_use(), *_PLACES]))


def supervisors() -> dict[int, list[str]]:
    """The supervisords that run, with their command lines."""
    named = []
    for pid in everyone():
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
                if comm.read().startswith("supervisord"):
                    named.append(pid)
        except OSError:
            continue
    return argvs(named)


def _in_use() -> list[str]:
    """The configurations that running supervisords were started with."""
    found = []
    for pid, argv in supervisors().items():
        for at, word in enumerate(argv):
            name, equals, value = word.partition("=")
            if word in ("-c", "--configuration") and at + 1 < len(argv):
                value, equals = argv[at + 1], "="
            elif name != "--configuration":
                continue
            if equals:
                try:
                    found.append(os.path.join(os.readlink(f"/proc/{pid}/cwd"), value))
                except OSError:
                    found.append(value)
    return [path for path in found if os.path.isabs(path)]


def defined(ctx: Context, spec: ServiceSpec) -> Definition:
    """The program's section, read from the disk."""
    return find(spec).definition(name_of(spec))


def look(ctx: Context, spec: ServiceSpec) -> Looked:
    """The program's section and state. CannotTell where supervisord runs and does not answer."""
    try:
        configuration = find(spec)
    except NotDefined as err:
        return Looked("absent", undefined=str(err), near=err.near)
    program = name_of(spec)
    definition = configuration.definition(program)
    reads = [each.file.inside for each in configuration.sources]
    from .supervisor_rpc import Fault, Gone, Rpc

    rpc = Rpc(configuration)
    try:
        info = rpc.info(program)
        memory = rpc.remembered(program)
    except Gone as err:
        files = configuration.log_files(program)
        log = [line for path in files for line in tail(path, _LINES)]
        ended = Ended(reason=str(err))
        return Looked("stopped", definition, undefined="manager-down", ended=ended, log=log, reads=reads)
    except Fault:
        # It is in the files, but supervisord has not read them.
        return Looked("stopped", definition, reloaded=False, reads=reads)
    state = STATES.get(str(info["statename"]), "failed")
    if state == "stopped" and info["statename"] == "EXITED" and info["exitstatus"]:
        state = "failed"
    pid = int(info["pid"])
    looked = Looked(
        state,
        definition,
        pid=pid,
        pids=tree(pid) if pid else [],
        ended=_ended(info),
        reloaded=_same(memory, definition),
        reads=reads,
    )
    if state == "running":
        return looked
    files = [str(info.get(key) or "") for key in ("stdout_logfile", "stderr_logfile")]
    files = spec.logs if isinstance(spec.logs, list) else [path for path in files if path]
    looked.log.extend(line for path in files for line in tail(path, _LINES))
    return looked


def _ended(info: dict[str, Any]) -> Ended | None:
    if not info["stop"] and not info["spawnerr"]:
        return None
    status = int(info["exitstatus"])
    return Ended(
        code=status if status > 0 or (status == 0 and not info["spawnerr"]) else None,
        signal="a signal" if status < 0 else "",
        reason=str(info["spawnerr"]),
        at=float(info["stop"]) or None,
    )


def _same(memory: dict[str, Any] | None, definition: Definition) -> bool:
    """Whether supervisord works with the command and folder of the files; True where it does not tell."""
    if memory is None:
        return True
    same = shlex.split(str(memory.get("command", ""))) == (definition.argv or [])
    folder = memory.get("directory") or None
    return same and (folder in (None, "none") or folder == definition.working_dir)


def control(ctx: Context, spec: ServiceSpec) -> Control:
    """What starts and stops the program."""
    from .supervisor_rpc import ProgramControl

    return ProgramControl(spec)
