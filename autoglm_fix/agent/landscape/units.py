"""systemd's units that may serve a model, with what systemd says of their life: failed and inactive ones too."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import replace
from typing import Iterable, Iterator

from ..definition import NotDefined
from ..definition.commands import run
from ..definition.near import files
from ..definition.processes import tree
from ..definition.systemd import processes_of, show, state_of
from ..definition.texts import source
from ..definition.unit import find
from ..definition.unwell import ended
from ..facts.landscape import Managed
from ..facts.service import Service
from ..unknown import CannotTell
from ..view import View
from .words import ENGINES, python_and_program

_MOST = 40
_STARTS = re.compile(r"^\s*ExecStart\s*=\s*[-@:+!|]*(\S+)", re.MULTILINE)
# Programs that packages bring serve no model, but these start whatever they are given.
_OF_PACKAGES = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/bin/", "/sbin/", "/lib/", "systemctl")
_ANYTHING = re.compile(
    r"(?:python|pypy)[\d.]*|(?:ba|da|z|k)?sh|env|docker|podman|nerdctl|docker-compose|podman-compose|conda|mamba|uv|nohup|numactl"
    r"|screen|tmux|sudo|runuser|su|taskset|nice|flock|uvicorn|gunicorn"
)
# Whoever is below these was started by somebody else's definition.
_OTHERS = re.compile(
    r"(?:ssh|sshd|cron|crond|atd|docker|containerd|podman|crio|cri-o|kubelet|k3s|rke2\S*|supervisor|supervisord|slurmd|nomad"
    r"|jupyter\S*|code-server\S*|getty@\S*|user@\S*|ollama-\S*|display-manager|gdm|lightdm|libvirtd|monit|snap\S*)\.service"
)


def units(groups: Iterable[str], unseen: list[str]) -> list[Managed]:
    """Those whose texts name an engine or a program of one's own, and those that ``groups`` belong to.

    What systemd does not say of their state is told in ``unseen``.
    """
    there = files()
    worth = {name: _worth(name, path) for name, path in there.items()}
    named = [name for name in worth if worth[name] and not name.endswith("@.service")]
    named += _instances([name for name in worth if worth[name] and name.endswith("@.service")])
    named.sort(key=lambda name: -worth.get(name, 2))
    names = list(dict.fromkeys([*(name for group in groups for name in _units_of(group)), *named]))
    if len(names) > _MOST:
        unseen.append(f"{len(names) - _MOST} units that name no engine")
    silent: list[str] = []
    managed = [_managed(name, silent) for name in names[:_MOST]]
    unseen += silent
    return [each for each in managed if each is not None]


def is_up() -> bool:
    """Whether systemd is what this machine runs on."""
    return os.path.isdir("/run/systemd/system")


def _units_of(group: str) -> Iterator[str]:
    """The system's service that a control group belongs to."""
    part = next((each for each in group.split("/") if each.endswith(".service")), "")
    if part and "/user.slice/" not in f"{group}/" and not _OTHERS.fullmatch(part):
        yield part


def _worth(name: str, path: str) -> int:
    """How much a unit is worth a look: 2 where it speaks of an engine, 1 where it starts a program of one's own."""
    # systemd-run's and generators' units are texts like any other.
    text = name + "\n" + "\n".join(source("unit", each).file.text for each in [path, *_drop_ins(name)])
    if ENGINES.search(text):
        return 2
    programs = _STARTS.findall(text)
    own = [
        each for each in programs if not each.startswith(_OF_PACKAGES) or _ANYTHING.fullmatch(os.path.basename(each))
    ]
    return 1 if own else 0


def _drop_ins(name: str) -> list[str]:
    return [
        path for root in ("/etc", "/run", "/usr/lib") for path in glob.glob(f"{root}/systemd/system/{name}.d/*.conf")
    ]


def _instances(templates: list[str]) -> Iterator[str]:
    """Instances of these templates (``vllm@8000.service``), which have no file of their own."""
    if not templates:
        return
    links = glob.glob("/etc/systemd/system/*.wants/*@*.service")
    seen = {os.path.basename(path) for path in links}
    if is_up():
        out = _listed()
        seen |= {line.split()[0] for line in out.splitlines() if line.split()}
    for name in sorted(seen):
        if f"{name.partition('@')[0]}@.service" in templates and not name.endswith("@.service"):
            yield name


def _listed() -> str:
    """The instances that systemd knows, one a line; nothing where it does not answer."""
    try:
        return run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service", "*@*")[1]
    except CannotTell:
        return ""


def _managed(name: str, unseen: list[str]) -> Managed | None:
    """A unit with its state; where systemd does not answer once, it is not asked again."""
    try:
        definition = find(name).definition()
    except NotDefined:
        return None
    argv = definition.argv
    if not argv:
        return None
    if any(word.startswith("--config") for word in argv):
        from ..definition.config_file import config_sources

        added = config_sources(View(), definition.user, definition, None)
        definition = replace(definition, sources=[*definition.sources, *added])
    service = Service(name[: -len(".service")], "systemd", "unknown", definition, handle={"unit": name})
    pids: list[int] = []
    if is_up() and not unseen:
        try:
            shown = show(name)
        except CannotTell as err:
            unseen.append(str(err))
            shown = {}
        if shown.get("LoadState") in ("not-found", "masked"):
            return None
        if shown:
            state = state_of(shown)
            main = int(shown.get("MainPID") or 0)
            pids = tree(*{*processes_of(shown.get("ControlGroup", "")), *([main] if main else [])})
            over = ended(shown) if state not in ("running", "starting") else None
            service = replace(service, state=state, ended=over)
    return Managed(service, pids, *python_and_program(argv, definition.working_dir))
