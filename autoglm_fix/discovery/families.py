"""Live processes put together: the one that serves, and all that work for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from os.path import basename

from autoglm_fix.agent.facts.landscape import Process
from autoglm_fix.launch.command import Command, understand

# Workers of Ray, vLLM and SGLang call themselves so. Without the server they serve nobody.
_TITLE = re.compile(r"(?:ray|vllm|sglang)::", re.IGNORECASE)
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*\Z")


def families(processes: Sequence[Process]) -> list[list[Process]]:
    """Each server with its workers, the server first. What only starts it, or asks it, is left out."""
    by_pid = {each.running.pid: each for each in processes}
    below = {pid: set(each.running.pids) - {pid} for pid, each in by_pid.items()}
    roots = [each for pid, each in by_pid.items() if not any(pid in inner for inner in below.values())]
    return [family for root in roots for family in _servers(root, processes)]


def holds_a_model(each: Process) -> bool:
    """Whether a process has a model's files open, or memory of a GPU and what computes there."""
    return bool(each.holds) or (each.gpu is not None and (_is_python(each) or bool(each.libraries)))


def command_of(each: Process) -> Command:
    """Its command, understood."""
    return understand(each.running.argv)


def _servers(root: Process, processes: Sequence[Process]) -> Iterator[list[Process]]:
    inner = [each for each in processes if each.running.pid in root.running.pids and each is not root]
    if _serves(root, inner):
        yield [root, *inner]
        return
    tops = [
        each
        for each in inner
        if not any(each.running.pid in other.running.pids for other in inner if other is not each)
    ]
    for each in tops:
        yield from _servers(each, processes)


def _serves(root: Process, inner: Sequence[Process]) -> bool:
    command = command_of(root)
    if _TITLE.match((root.running.argv or [""])[0]):
        return False
    starts_another = command.front.at > 0 or command.front.container is not None or command.front.shell is not None
    if starts_another and not holds_a_model(root):
        return False
    if command.engine != "custom" or holds_a_model(root):
        return True
    if any(command_of(each).engine != "custom" for each in inner):
        return False
    return _is_python(root) and any(holds_a_model(each) for each in inner)


def _is_python(each: Process) -> bool:
    name = each.running.python or (each.running.argv or [""])[0]
    return _PYTHON.match(basename(name)) is not None
