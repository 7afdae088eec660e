"""Services that nobody manages: found by their port, their model or their command."""

from __future__ import annotations

import os
import re

from ..context import Context
from ..facts.service import Definition
from ..kernel import parent, text
from ..kernel import user as named
from ..service import ServiceSpec
from . import Looked, NotDefined
from .processes import argvs, end_of, everyone

_LISTENS = "0A"
_OURS = re.compile(r"autoglm[-_]fix")
_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::")
_ENGINES = re.compile(r"python|pypy|vllm|sglang|llama|ollama|transformers|text-generation|lmdeploy|xinference")


def defined(ctx: Context, spec: ServiceSpec) -> Definition:
    """What the inventory says. Raises NotDefined where it names no command."""
    if not spec.command:
        raise NotDefined("it is started by hand")
    from .declared import declared

    return declared(spec)


def look(ctx: Context, spec: ServiceSpec) -> Looked:
    """The process of the service, where one is found."""
    return found(ctx, spec)


def found(ctx: Context, spec: ServiceSpec) -> Looked:
    """Who listens on the endpoint's port, else who was started with the service's model or command."""
    definition, undefined = None, ""
    try:
        definition = defined(ctx, spec)
    except NotDefined as err:
        undefined = str(err)
    pid, unseen = 0, ""
    port = port_here(spec.endpoint)
    if port:
        pid, user = listener(port)
        if not pid and user is not None:
            unseen = f"port {port} is held by a process of the user {named(user)} that may not be looked at"
        elif pid and text(f"/proc/{pid}/comm").strip() in ("docker-proxy", "rootlessport"):
            pid, unseen = 0, f"port {port} leads into a container"
    if not pid and not unseen:
        pid = _by_words(spec)
    return Looked("by-hand", definition, undefined, pid=pid, unseen=unseen)


def listener(port: int) -> tuple[int, int | None]:
    """The process that listens on a TCP port, and the user who does: ``(pid, uid)``.

    The process is 0 where it may not be seen; the user is None where nobody listens.
    """
    sockets: dict[str, int] = {}
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as lines:
                for line in lines:
                    fields = line.split()
                    if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                        sockets[f"socket:[{fields[9]}]"] = int(fields[7])
        except OSError:
            continue
    if not sockets:
        return 0, None
    for pid in everyone():
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                held = end_of(f"/proc/{pid}/fd/{name}")
                if held in sockets:
                    return pid, sockets[held]
        except OSError:
            continue
    return 0, next(iter(sockets.values()))


def port_here(endpoint: str | None) -> int:
    """The port of an endpoint on this very machine; 0 for one elsewhere, or none."""
    if not endpoint:
        return 0
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return 0
    if host in _HERE or host.startswith("127.") or host == os.uname().nodename or _is_ours(host):
        return port
    return 0


def _is_ours(address: str) -> bool:
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
            with socket.socket(family, socket.SOCK_DGRAM) as here:
                here.bind((address, 0))  # only an address of this machine can be bound
            return True
        except OSError:
            continue
    return False


def _by_words(spec: ServiceSpec) -> int:
    """The first process, seen from the root of its tree, whose command names the service's model or is its command."""
    model = (spec.model or "").rstrip("/")
    above = ancestors(os.getpid())  # they look, and serve nothing
    words = argvs(pid for pid in everyone() if pid not in above)
    fitting = {
        pid
        for pid, argv in words.items()
        if _ENGINES.search(" ".join(map(os.path.basename, argv[:3])))
        and not is_ours(argv)
        and ((model and any(_names(word, model) for word in argv)) or _is(argv, spec.command))
    }
    for pid in sorted(fitting):
        if parent(pid) not in fitting:
            return pid
    return 0


def is_ours(argv: list[str]) -> bool:
    """Whether this command is this tool: its own options name models and services, too."""
    return any(_OURS.search(os.path.basename(word)) for word in argv[:4])


def ancestors(pid: int) -> set[int]:
    """The process, and all above it."""
    found = set()
    while pid > 0 and pid not in found:
        found.add(pid)
        pid = parent(pid)
    return found


def _names(word: str, model: str) -> bool:
    return word.rstrip("/") == model or word.rstrip("/").endswith("=" + model)


def _is(argv: list[str], command: list[str]) -> bool:
    return len(command) > 1 and argv[-len(command) + 1 :] == command[1:]
