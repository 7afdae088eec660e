"""Where a server answers, and with which key: from its command, what it listens on, what its container publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autoglm_fix.launch import Launch

_PORTS = {"vllm": 8000, "sglang": 30000, "transformers": 8000, "llama.cpp": 8080, "ollama": 11434}
_EVERYWHERE = ("", "0.0.0.0", "::", "[::]", "*", "localhost", "127.0.0.1")
_TLS = ("--ssl-keyfile", "--ssl-certfile", "--ssl-key-file", "--ssl-cert-file")
# The variables that servers take their key from.
_KEYS = {
    "vllm": "VLLM_API_KEY",
    "llama.cpp": "LLAMA_API_KEY",
    "sglang": "SGLANG_API_KEY",
    "transformers": "TRANSFORMERS_API_KEY",
}


@dataclass(frozen=True)
class Published:
    """A port of a container as its host has it; ``inside`` is 0 for all of them (the host's own network)."""

    inside: int
    address: str
    port: int


def port_of(launch: Launch) -> int:
    """The port that a server's command names, else its own; 0 for a program that is none."""
    if launch.engine not in _PORTS:
        return 0
    given = launch.options.get("--port") or launch.environment.get(
        "LLAMA_ARG_PORT" if launch.engine == "llama.cpp" else "", ""
    )
    if launch.engine == "ollama":
        given = launch.environment.get("OLLAMA_HOST", "").rpartition("//")[2].rpartition(":")[2].rstrip("/")
    return (
        int(given) if isinstance(given, str) and given.isdecimal() and 0 < int(given) < 65536 else _PORTS[launch.engine]
    )


def endpoint(launch: Launch, listens: Sequence[str], published: Iterable[Published] | None) -> str | None:
    """The URL of its chat API. ``published`` is None for a service of the host itself."""
    port = port_of(launch)
    if not port or launch.options.get("--uds") or launch.options.get("--headless") is True:
        return None
    host = _host(launch)
    if published is not None:
        found = next((each for each in published if each.inside in (0, port)), None)
        if found is None:
            return None
        host, port = (host if found.inside == 0 else found.address), found.port or port
    elif listens:
        ports = {int(each.rpartition(":")[2]): each.rpartition(":")[0] for each in listens}
        port = port if port in ports else min(ports)
        host = ports[port]
    scheme = "https" if any(launch.options.get(name) for name in _TLS) else "http"
    prefix = launch.options.get("--api-prefix") if launch.engine == "llama.cpp" else ""
    return f"{scheme}://{_written(host)}:{port}{str(prefix or '').rstrip('/')}/v1"


def api_key(launch: Launch) -> Mapping[str, str] | None:
    """Where a key would be read from, where the server asks for one. The key itself is never in it."""
    variable = _KEYS.get(launch.engine, "")
    file = launch.options.get("--api-key-file")
    if isinstance(file, str):
        return {"file": file}
    if launch.options.get("--api-key") or (variable and launch.environment.get(variable)):
        return {"env": variable or "MODEL_API_KEY"}
    return None


def of_record(record: Mapping[str, object]) -> list[Published]:
    """What a container publishes, by its engine's record."""
    host = record.get("HostConfig")
    host = host if isinstance(host, dict) else {}
    if host.get("NetworkMode") == "host":
        return [Published(0, "", 0)]
    network = record.get("NetworkSettings")
    ports = (network.get("Ports") if isinstance(network, dict) else None) or host.get("PortBindings") or {}
    found = []
    for inside, outside in ports.items() if isinstance(ports, dict) else ():
        number = str(inside).partition("/")[0]
        for each in outside or []:
            if number.isdecimal() and isinstance(each, dict) and str(each.get("HostPort", "")).isdecimal():
                found.append(Published(int(number), str(each.get("HostIp") or ""), int(each["HostPort"])))
    return found


def of_options(options: Sequence[str]) -> list[Published]:
    """What ``docker run`` is told to publish."""
    found = []
    for at, option in enumerate(options):
        name, joined, value = option.partition("=")
        value = value if joined else options[at + 1] if at + 1 < len(options) else ""
        if name in ("--network", "--net") and value == "host":
            return [Published(0, "", 0)]
        if name in ("-p", "--publish"):
            found += of_text(value)
    return found


def of_text(text: str) -> list[Published]:
    """``[ADDRESS:]OUTSIDE:INSIDE[/tcp]`` as docker and compose have it."""
    outside, _, inside = text.partition("/")[0].rpartition(":")
    address, _, port = outside.rpartition(":")
    if inside.isdecimal() and port.isdecimal():
        return [Published(int(inside), address, int(port))]
    return []


def _host(launch: Launch) -> str:
    host = launch.options.get("--host")
    if launch.engine == "ollama":
        host = launch.environment.get("OLLAMA_HOST", "").rpartition("//")[2].partition(":")[0]
    return host if isinstance(host, str) else ""


def _written(host: str) -> str:
    if host in _EVERYWHERE or host.startswith("[::ffff:0.0.0.0"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
