"""Units that start a container and wait: which container that is."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import basename, join, normpath

from autoglm_fix.agent.definition.front_end import container_of
from autoglm_fix.agent.definition.start import starts_a_container
from autoglm_fix.agent.facts.service import Definition
from autoglm_fix.launch import Launch
from autoglm_fix.launch.command import understand


def front_end(launch: Launch | None) -> Definition | None:
    """The command that hands on to a container's engine, out of its wrappers; None for another command."""
    argv = list(launch.argv) if launch is not None else []
    front = understand(argv).front
    last = front.container.options if front.container is not None else front.at + 1
    for at in range(min(last, len(argv)) - 1, -1, -1):
        made = Definition("systemd", "", argv=[basename(argv[at]), *argv[at + 1 :]])
        if starts_a_container(made):
            return made
    return None


def named(front: Definition) -> str | None:
    """The container's name, where the command gives one."""
    return None if is_compose(front) else container_of(front)


def is_compose(front: Definition) -> bool:
    """Whether compose is started, and not one container."""
    argv = front.argv or [""]
    return "compose" in argv[0] or "compose" in argv[1:3]


def compose_files(front: Definition, folder: str) -> list[str]:
    """The files that compose is told to read, none where it looks for them in its folder."""
    argv = front.argv or []
    found: list[str] = []
    for at, word in enumerate(argv):
        option, joined, value = word.partition("=")
        if option in ("-f", "--file"):
            found += [value] if joined else argv[at + 1 : at + 2]
    return [normpath(join(folder, each)) for each in found]


def made_by(labels: dict[str, str], files: Sequence[str], folder: str) -> bool:
    """Whether a container with these labels is of the project in these files, or in that folder."""
    if not labels:
        return False
    return bool(set(files) & set(files_of(labels))) if files else labels.get("working_dir") == normpath(folder)


def files_of(labels: dict[str, str]) -> list[str]:
    """The compose files that a container's labels name."""
    base = labels.get("working_dir", "/")
    return [normpath(join(base, each)) for each in labels.get("config_files", "").split(",") if each]
