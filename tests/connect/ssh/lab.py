"""SSH connections to hosts of the lab, made as a run makes them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from autoglm_fix.connect import Agent, ChannelClosed, Request, Stream
from autoglm_fix.connect.route import Credentials, Route
from autoglm_fix.connect.ssh.calls import Calls
from autoglm_fix.connect.ssh.link import Link
from autoglm_fix.connect.ssh.links import Links
from tests.hosts import Host

PYTHON = sys.executable


def known(folder: Path, *hosts: Host) -> Path:
    """A known_hosts file with the hosts' keys, under their names."""
    file = folder / "known_hosts"
    file.write_text("".join(f"{host.name} {host.host_key}\n" for host in hosts))
    return file


def route(host: Host, known_hosts: Path, port: int | None = None, timeout_s: float = 30.0, **options: str) -> Route:
    """The way to a host; ``port`` is one of this machine, with a proxy behind it."""
    told = {"userknownhostsfile": str(known_hosts), "hostkeyalias": host.name, "configfile": "none"}
    return Route(
        "ssh",
        host.address if port is None else "127.0.0.1",
        port,
        "root",
        str(host.key),
        {**told, "identityagent": "none", "identitiesonly": "yes", **options},
        timeout_s,
        PYTHON,
    )


@contextlib.contextmanager
def links(stop: threading.Event | None = None) -> Iterator[Links]:
    """The connections of a run; pauses before another try are short."""
    made = Links(Calls(accept_new=False, stop=stop or threading.Event()), jitter=lambda: -0.4)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def link(to: Route) -> Iterator[Link]:
    """One connection."""
    with links() as made:
        one = made.link("gpu01", to, Credentials())
        try:
            yield one
        finally:
            one.close()


def heard(stream: Stream, timeout_s: float = 60.0) -> tuple[bytes, ChannelClosed]:
    """What a command says on stdout, and its end."""
    data = b""
    latest = time.monotonic() + timeout_s
    while time.monotonic() < latest:
        try:
            data += stream.read(1.0)
        except ChannelClosed as end:
            return data, end
    raise TimeoutError(f"no end after {timeout_s} s and {len(data)} bytes")


def held() -> Mapping[str, int]:
    """How many threads, files and children this process has."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {"threads": threading.active_count(), "files": len(os.listdir("/proc/self/fd")), "children": len(children)}


def held_again(before: Mapping[str, int]) -> Mapping[str, int]:
    """The same in the end; the test's own proxies may take a moment to notice."""
    latest = time.monotonic() + 30
    while (now := held()) != before and time.monotonic() < latest:
        time.sleep(0.01)
    return now


def threads_again(count: int) -> int:
    """How many threads there are, once there are so many or after 30 s."""
    latest = time.monotonic() + 30
    while (now := threading.active_count()) != count and time.monotonic() < latest:
        time.sleep(0.01)
    return now


def hello(agent: Agent) -> str:
    """The name of the host where an agent answers."""
    reply = agent.ask(Request("hello", modules=("autoglm_fix.agent.hello",)))
    return str(reply["hostname"]) if isinstance(reply, dict) else repr(reply)
