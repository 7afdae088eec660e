"""One look over the host, place by place: what cannot be read in one place keeps nothing from the others."""

from __future__ import annotations

import glob
import os
import sys
import time
from typing import Any, Callable

from .. import nvml
from ..context import Context
from ..definition.engine_api import EngineError
from ..facts.landscape import Managed, Process
from ..unknown import CannotTell
from . import places
from .containers import containers
from .patience import patiently
from .processes import processes
from .programs import programs
from .units import units

_GPU_PATIENCE_S = 3.0
_CACHES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "MODELSCOPE_CACHE")
_STORES = (
    "/usr/share/ollama/.ollama/models",
    "/var/lib/ollama/models",
    "/root/.ollama/models",
    "/home/*/.ollama/models",
)
_MOST_NAMES = 50


def look(ctx: Context, search: list[str] | None) -> dict[str, Any]:
    """The fields of ``Landscape``, but the time."""
    asked = nvml.ask()
    unseen: list[str] = []
    walked = places.Places(search)
    answer = asked.answer(time.monotonic() + _GPU_PATIENCE_S)
    if answer.get("problem") == nvml.NO_ANSWER:
        unseen.append(f"GPUs: {nvml.NO_ANSWER}")
    alive = processes(_held(answer))
    managed: list[Managed] = []
    readers: dict[str, Callable[[], list[Managed]]] = {
        "systemd": lambda: units((each.group for each in alive), unseen),
        "supervisor": lambda: programs(ctx),
        "containers": lambda: containers(ctx, unseen),
    }
    for name, read in readers.items():
        try:
            managed += read()
        except (CannotTell, EngineError, OSError) as err:
            unseen.append(f"{name}: {err}")
    if not walked.complete:
        unseen.append("some folders where projects may lie: they are too many or too slow (name yours with --search)")
    nowhere: list[str] = []
    clients = patiently(lambda: [each.running.working_dir or "" for each in alive if _is_client(each)], nowhere)
    checkouts = [*walked.checkouts, *clients]
    return {
        "processes": alive,
        "managed": managed,
        "compose": places.compose(walked.compose),
        "checkouts": [places.checkout(each) for each in dict.fromkeys(checkouts) if each],
        "environments": places.environments([*walked.pythons, *_pythons()]),
        "homes": _homes(alive, managed),
        "ollama": _ollama(),
        "unseen": unseen,
    }


def _held(answer: dict[str, Any]) -> dict[int, int]:
    """The bytes that each process holds on all GPUs; 0 where the driver does not tell."""
    found: dict[int, int] = {}
    for gpu in answer.get("gpus") or []:
        for each in gpu.get("processes") or []:
            if each["kind"] == "compute":
                found[each["pid"]] = found.get(each["pid"], 0) + (each["used"] or 0)
    return found


def _is_client(each: Process) -> bool:
    folder = each.running.working_dir
    return bool(folder) and os.path.isdir(os.path.join(folder or "", "phone_agent"))


def _pythons() -> list[str]:
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    return [
        *([os.path.join(active, "bin", "python")] if active else []),
        sys.executable,
        "/usr/local/bin/python3",
        "/usr/bin/python3",
    ]


def _homes(alive: list[Process], managed: list[Managed]) -> list[str]:
    """Where the users of what was found keep models: their caches, and those that their variables name."""
    variables = [each.running.environment or {} for each in alive]
    variables += [
        each.service.defined.environment or {}
        for each in managed
        if each.service.defined and not each.service.defined.container
    ]
    found = [each[name] for each in [*variables, dict(os.environ)] for name in _CACHES if each.get(name)]
    found += [os.path.join(each["HOME"], ".cache") for each in variables if each.get("HOME")]
    found += [path for path in [*glob.glob("/home/*/.cache"), "/root/.cache"] if os.path.isdir(path)]
    return [path for path in dict.fromkeys(found) if path.startswith("/")]


def _ollama() -> list[str]:
    """The models in stores of ollama, as it calls them."""
    found = []
    for store in [os.environ.get("OLLAMA_MODELS", ""), os.path.expanduser("~/.ollama/models"), *_STORES]:
        for path in glob.glob(f"{store}/manifests/*/*/*/*") if store else []:
            _registry, owner, name, tag = path.split("/")[-4:]
            found.append(f"{name}:{tag}" if owner == "library" else f"{owner}/{name}:{tag}")
    return sorted(set(found))[:_MOST_NAMES]
