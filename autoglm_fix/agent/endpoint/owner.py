"""Which processes of this host answer on a port, from /proc alone."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

_LISTENING = "0A"
_ANYWHERE = frozenset({"0" * 8, "0" * 32})
_MAPPED = "0000000000000000FFFF0000"
# Programs that hand connections on: what lies behind them is another process, maybe on another machine.
FRONTS = frozenset(
    {
        *("docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "pasta", "pasta.avx2", "conmon", "kube-proxy"),
        *("nginx", "haproxy", "envoy", "traefik", "caddy", "apache2", "httpd", "squid", "varnishd", "litellm"),
        *("ssh", "sshd", "socat", "stunnel", "stunnel4", "frpc", "frps", "cloudflared", "tailscaled", "privoxy"),
        *("systemd", "systemd-socket-", "gost", "v2ray", "xray", "clash", "mihomo"),
    }
)


def is_local(address: str) -> bool:
    """Whether an address is one of this machine's own."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return True


def owner_of(address: str, port: int) -> dict[str, Any]:
    """Who listens there: ``pids`` with their ``names``, and the ``tree`` of them and their children.

    ``front`` names a program that only hands connections on, empty where it is none. ``problem`` says why nobody
    was found.
    """
    inodes = _listening(address, port)
    pids, hidden = _holders(inodes) if inodes else ([], False)
    names = {pid: name_of(pid) for pid in pids}
    # systemd keeps the socket of a service that it starts on demand.
    behind = [pid for pid in pids if pid != 1] or pids
    problem = ""
    if not inodes:
        problem = f"no process of this network namespace listens on port {port}"
    elif not pids:
        problem = "whoever listens belongs to another user" if hidden else "whoever listens cannot be seen"
    fronts = [names[pid] for pid in behind if names[pid] in FRONTS]
    return {
        "pids": behind,
        "names": sorted({names[pid] for pid in behind}),
        "tree": tree(behind),
        "front": fronts[0] if len(fronts) == len(behind) and fronts else "",
        "problem": problem,
    }


def name_of(pid: int) -> str:
    """The process's short name; its command line would block where it hangs in a driver."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as source:
            return source.read().strip()
    except OSError:
        return ""


def tree(roots: list[int]) -> list[int]:
    """These processes and all below them."""
    below: dict[int, list[int]] = {}
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as source:
                below.setdefault(int(source.read().rpartition(")")[2].split()[1]), []).append(pid)
        except (OSError, IndexError):
            continue
    found, waiting = set(), [pid for pid in roots if os.path.exists(f"/proc/{pid}")]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += below.get(pid, [])
    return sorted(found)


def units_beside(pids: list[int], unit: str) -> list[str]:
    """The systemd units that these processes are of, where each is of another one than ``unit``; else none."""
    found = {_unit_of(pid) for pid in pids}
    return [] if {"", unit} & found else sorted(found)


def _unit_of(pid: int) -> str:
    """The service of systemd that the process is in; empty where it is in none, as in a login or a container."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as source:
            names = {line.rstrip("\n").rpartition("/")[2] for line in source}
    except OSError:
        return ""
    return next((name for name in sorted(names) if name.endswith(".service")), "")


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _listening(address: str, port: int) -> set[str]:
    """The sockets that take connections to it; one bound to just this address comes before one for all."""
    exact, general = set(), set()
    wanted = _as_written(address)
    for file in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with open(file, encoding="ascii", errors="replace") as source:
                rows = [line.split() for line in source.readlines()[1:]]
        except OSError:
            continue
        for row in rows:
            if len(row) < 10 or row[3] != _LISTENING:
                continue
            place, _, number = row[1].partition(":")
            if int(number, 16) != port:
                continue
            if place in wanted:
                exact.add(row[9])
            elif place in _ANYWHERE or place == _MAPPED + "0" * 8:
                general.add(row[9])
    return exact or general


def _as_written(address: str) -> set[str]:
    """An address as the kernel's tables write it: words of 32 bits in the machine's own order."""
    try:
        if ":" in address:
            raw = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
            return {"".join(f"{word:08X}" for word in struct.unpack("=4I", raw))}
        (word,) = struct.unpack("=I", socket.inet_pton(socket.AF_INET, address))
    except OSError:
        return set()
    return {f"{word:08X}", _MAPPED + f"{word:08X}"}


def device_nodes(pids: list[int]) -> dict[str, list[str]]:
    """By process, as text: the nodes of NVIDIA's driver that it holds open. Those that hold none are left out."""
    found = {
        str(pid): sorted({link for link in _open_files(pid) or () if link.startswith("/dev/nvidia")}) for pid in pids
    }
    return {pid: nodes for pid, nodes in found.items() if nodes}


def _open_files(pid: int) -> list[str] | None:
    """Where the process's file descriptors lead; None where nobody may look."""
    folder = f"/proc/{pid}/fd"
    found = []
    try:
        for file in os.listdir(folder):
            try:
                found.append(os.readlink(f"{folder}/{file}"))
            except FileNotFoundError:
                continue
    except FileNotFoundError:
        return []
    except OSError:
        return None
    return found


def _holders(inodes: set[str]) -> tuple[list[int], bool]:
    """The processes that hold one of these sockets, and whether some could not be looked into."""
    names = {f"socket:[{inode}]" for inode in inodes}
    looked = {pid: _open_files(pid) for pid in _pids()}
    found = [pid for pid, files in looked.items() if files and names & set(files)]
    return found, any(files is None for files in looked.values())
