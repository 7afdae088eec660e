"""Which machine a name has led to: two names for one, and a name that leads to another one than before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autoglm_fix.engine.results import RunResult

from .words import Words

_MOST = 5


def machine_notes(result: RunResult, before: Mapping[str, str], words: Words) -> Iterator[str]:
    """What is worth knowing of the machines of a run. ``before`` are the ids that names had in earlier ones."""
    names: dict[str, list[str]] = {}
    for host in result.hosts.values():
        if host.machine:
            names.setdefault(host.machine, []).append(host.name)
    shared = sorted((each for each in names.values() if len(each) > 1), key=len, reverse=True)
    yield from (words.say("report.one-machine", hosts=words.hosts(each)) for each in shared[:_MOST])
    if len(shared) > _MOST:
        yield words.count("report.more-machines", len(shared) - _MOST)
    found = {host.name: host.machine for host in result.hosts.values() if host.machine}
    others = [name for name, machine in found.items() if before.get(name, machine) != machine]
    if others:
        yield words.say("report.other-machine", hosts=words.hosts(others))
