"""The services of a host: what managers define, what compose files tell of and what runs, each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from autoglm_fix.agent.facts.landscape import Landscape, Process
from autoglm_fix.agent.facts.service import Definition, Service, Source
from autoglm_fix.authored.yaml_source import YamlMapping
from autoglm_fix.launch.compose_layers import root_of
from autoglm_fix.launch.texts import texts_of

from .describe import described
from .families import families
from .found import Composed, Draft, Found
from .fronts import compose_files, files_of, front_end, is_compose, made_by, named
from .judge import launch_of, reasons

# Whose word counts where two managers have the same process.
_NEAREST = ("docker", "compose", "supervisor", "systemd")
_RANKS = {"failed": 0, "restarting": 0, "stopped": 2, "never-started": 3, "absent": 3}


def services(landscape: Landscape) -> list[Found]:
    """All that serve a model or would, those that failed first. Names are unique."""
    drafts = [Draft(each.service, each, launch=launch_of(each.service)) for each in landscape.managed]
    drafts = _living(_behind_their_units(drafts), families(landscape.processes))
    drafts += _only_written(landscape.compose, drafts)
    judged = []
    for draft in drafts:
        whole = replace(draft, launch=launch_of(draft.service))
        why = reasons(whole)
        judged += [replace(whole, why=why)] if why else []
    found: list[Found] = []
    for draft in sorted(judged, key=lambda each: (_RANKS.get(each.service.state, 1), each.service.name)):
        found.append(described(draft, landscape.environments, [each.name for each in found]))
    return found


def _behind_their_units(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts with each container and the unit that starts it made one."""
    fronts: dict[int, Draft] = {}
    for unit in drafts:
        front = front_end(unit.launch) if unit.service.manager == "systemd" else None
        if front is None:
            continue
        folder = (unit.service.defined.working_dir if unit.service.defined is not None else None) or "/"
        files = compose_files(front, folder)
        for number, each in enumerate(drafts):
            if each.container is None:
                continue
            if made_by(each.labels, files, folder) if is_compose(front) else each.container.name == named(front):
                fronts.setdefault(number, unit)
    units = list(fronts.values())
    return [
        replace(each, front=fronts[number].managed) if number in fronts else each
        for number, each in enumerate(drafts)
        if not any(each is unit for unit in units)
    ]


def _living(drafts: Sequence[Draft], alive: Sequence[Sequence[Process]]) -> list[Draft]:
    """The drafts with their processes; processes of nobody's are drafts of their own."""
    owned: dict[int, list[Process]] = {}
    free = []
    for family in alive:
        owners = [number for number, each in enumerate(drafts) if _owns(each, family[0])]
        if owners:
            nearest = min(owners, key=lambda number: _NEAREST.index(drafts[number].service.manager))
            owned.setdefault(nearest, []).extend(family)
        else:
            free.append(Draft(Service("", "none", "by-hand", running=family[0].running), family=family))
    return [each.having(owned[number]) if number in owned else each for number, each in enumerate(drafts)] + free


def _owns(draft: Draft, process: Process) -> bool:
    if draft.container is not None and draft.container.id in process.group:
        return True
    return draft.managed is not None and process.running.pid in draft.managed.pids


def _only_written(projects: Iterable[Sequence[Source]], drafts: Sequence[Draft]) -> list[Draft]:
    """The services of compose files of which no container was made."""
    made = {(path, each.labels.get("service")) for each in drafts for path in files_of(each.labels)}
    found = []
    for sources in projects:
        files = [each.file.inside for each in sources if each.kind == "compose"]
        for name in _names(sources):
            if not any((path, name) in made for path in files):
                service = Service(name, "compose", "never-started", Definition("compose", name, sources=list(sources)))
                found.append(Draft(service, composed=Composed({"files": files, "service": name})))
    return found


def _names(sources: Sequence[Source]) -> list[str]:
    """The services of a project, by its files."""
    found: list[str] = []
    for text in texts_of(Service("", "compose", "", Definition("compose", "", sources=list(sources)))).kind("compose"):
        root = root_of(text)
        entry = root.entries.get("services") if root is not None else None
        found += list(entry.value.entries) if entry is not None and isinstance(entry.value, YamlMapping) else []
    return list(dict.fromkeys(found))
