"""Live processes that may serve a model: by their words, by what they hold, by the memory of a GPU."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from ..definition.by_hand import ancestors, is_ours
from ..definition.processes import argvs, contents, end_of, everyone, running
from ..facts.landscape import Process
from ..kernel import parent
from ..sockets import LISTEN, address, port_of, rows
from .words import ENGINES, PYTHON, RUNNERS, python_and_program

_MOST = 60
_WEIGHTS = re.compile(
    r"/[^\n]*?(?:\.safetensors|\.gguf|\.pth?|\.bin|/models--[^/\n]+/blobs/[0-9a-f]{40,64})$", re.MULTILINE
)
_LIBRARIES = re.compile(
    r"/(libtorch_cpu|libtorch_cuda|libllama|libggml|libcublas|libcudart|libonnxruntime)\b[^/\n]*$", re.MULTILINE
)


def processes(gpu: dict[int, int]) -> list[Process]:
    """Those that are worth a look, the oldest first. ``gpu`` are the bytes that each holds on GPUs."""
    words = argvs(everyone())
    above = ancestors(os.getpid())  # they look, and serve nothing
    pids = [pid for pid, argv in words.items() if pid not in above and not is_ours(argv)]
    named = [pid for pid in pids if ENGINES.search(" ".join(words[pid][:12]))]
    pythons = [pid for pid in pids if _is_python(pid, words[pid])]
    looked = list(dict.fromkeys([*(pid for pid in pids if pid in gpu), *named, *pythons]))
    maps = contents(f"/proc/{pid}/maps" for pid in looked)
    tables: dict[str, dict[str, str]] = {}
    found = []
    for pid in looked:
        text = (maps.get(f"/proc/{pid}/maps") or b"").decode("utf-8", "replace")
        opened = _opened(pid)
        holds = [path for path in [*_WEIGHTS.findall(text), *opened] if _is_weight(path)]
        libraries = list(dict.fromkeys(_LIBRARIES.findall(text)))
        if pid in gpu or pid in named or holds or libraries:
            each = _process(pid, words[pid], tables)
            if each is not None:
                holds = list(dict.fromkeys(holds))[:40]
                found.append(replace(each, holds=holds, libraries=libraries, gpu=gpu.get(pid)))
        if len(found) >= _MOST:
            break
    return sorted(found, key=lambda each: each.running.pid)


def _process(pid: int, argv: list[str], tables: dict[str, dict[str, str]]) -> Process | None:
    now = running(pid)
    if now is None:
        return None
    network = end_of(f"/proc/{pid}/ns/net") or ""
    if network not in tables:
        tables[network] = _listening(pid)
    elsewhere = _other_files(pid)
    python, program = (None, None) if elsewhere else python_and_program(argv, now.working_dir)
    return Process(
        now,
        parent(pid),
        _group(pid),
        sorted({tables[network][socket] for socket in _sockets(pid) if socket in tables[network]}),
        network != end_of("/proc/self/ns/net"),
        elsewhere=elsewhere,
        python=python,
        program=program,
    )


def _is_python(pid: int, argv: list[str]) -> bool:
    path = end_of(f"/proc/{pid}/exe")
    name = os.path.basename(path.replace(" (deleted)", "") if path else argv[0])
    return bool(PYTHON.match(name)) or name in RUNNERS


def _other_files(pid: int) -> bool:
    """Whether it sees other files than we do (a container)."""
    theirs = end_of(f"/proc/{pid}/ns/mnt")
    return theirs is not None and theirs != end_of("/proc/self/ns/mnt") and _root(pid) != _root(os.getpid())


def _root(pid: int) -> tuple[int, int] | None:
    try:
        found = os.stat(f"/proc/{pid}/root/")
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_weight(path: str) -> bool:
    """Whether a file that a process has mapped may be a model's: many a program has a small .bin."""
    if path.endswith((".safetensors", ".gguf")) or "/models--" in path:
        return True
    name = os.path.basename(path)
    return bool(re.match(r"(pytorch_model|consolidated|model)\b.*\.(bin|pth?)$", name))


def _opened(pid: int) -> list[str]:
    return [path for path in (end_of(f"/proc/{pid}/fd/{name}") or "" for name in _fds(pid)) if _WEIGHTS.fullmatch(path)]


def _sockets(pid: int) -> list[str]:
    held = (end_of(f"/proc/{pid}/fd/{name}") or "" for name in _fds(pid))
    return [link for link in held if link.startswith("socket:")]


def _fds(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/fd")[:4096]
    except OSError:
        return []


def _listening(pid: int) -> dict[str, str]:
    """The sockets that listen in a process's network, with their address and port."""
    found = {}
    for table in ("tcp", "tcp6"):
        for row in rows(f"/proc/{pid}/net/{table}"):
            if row[3] == LISTEN:
                found[f"socket:[{row[9]}]"] = f"{address(row[1].partition(':')[0])}:{port_of(row[1])}"
    return found


def _group(pid: int) -> str:
    """The path of its control group; of several the longest, which says most."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as lines:
            return max((line.rstrip("\n").split(":", 2)[-1] for line in lines), key=len, default="")
    except OSError:
        return ""
