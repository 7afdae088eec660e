"""What a container holds in its own writable layer, and loses when it is made anew."""

from __future__ import annotations

import re

from .engine_api import Engine

_MOST = 20
# What every start makes again: caches of compilers, scratch, logs, and what the engine lays over the image.
_AGAIN = re.compile(
    r"/(tmp|run|dev|proc|sys|var/(tmp|run|log|cache|lock|lib/(apt|dpkg)))(/|$)"
    r"|/etc/(hosts|hostname|resolv\.conf|mtab)$|/\.dockerenv$|/\.bash_history$|/__pycache__(/|$)|\.pyc$"
    r"|/\.(nv|triton|config/(vllm|matplotlib)|python_history)(/|$)"
    r"|/\.cache/(vllm|torch|torch_extensions|triton|flashinfer|pip|uv|matplotlib|tilelang|sglang|mesa_shader_cache)(/|$)"
)


def data_of(engine: Engine, container: str) -> list[str]:
    """Files in it that nothing would make again, the first of them. EngineError where nobody can say."""
    mounts = [str(each.get("Destination")) for each in engine.inspect(container).get("Mounts") or []]
    kinds = {str(each["Path"]): int(each.get("Kind") or 0) for each in engine.changes(container)}
    above = {path[:at] for path in kinds for at in range(len(path)) if path[at] == "/"}
    found: list[str] = []
    for path in sorted(kinds):
        mounted = any(mount == path or mount.startswith(path + "/") or path.startswith(mount + "/") for mount in mounts)
        if path in above or mounted or _AGAIN.search(path):
            continue
        if kinds[path] != 2 and engine.is_folder(container, path):
            continue  # empty, or merely touched
        found.append(path)
        if len(found) >= _MOST:
            break
    return found
