"""Where those lie who ask a service."""

from __future__ import annotations

import glob
import os
import time
from typing import TYPE_CHECKING, Iterator
from urllib.parse import urlsplit

from ..apart import Apart, say
from ..service import ServiceSpec

if TYPE_CHECKING:
    from .client import Client
    from .nginx import FrontEnd

_PATIENCE_S = 0.5
_MOST = 8
_PROJECTS = ("/opt/*", "/srv/*", "/root/*", "/home/*", "/home/*/*")
_CLIENT = "/phone_agent/model/client.py"
_NGINX = ("/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf")


def look(service: ServiceSpec) -> tuple[list[Client], list[FrontEnd], list[str]]:
    """The clients and proxies of its port, and what could not be read."""
    port = _port(service.endpoint or "")
    clients: list[Client] = []
    front_ends: list[FrontEnd] = []
    unseen: list[str] = []
    folders = _checkouts(service.working_dir or "") if port else []
    if folders:
        from .client import client

        found = (client(folder, service.environment) for folder in folders)
        clients = [each for each in found if each is not None and _port(each.url) == port]
    configured = [path for path in _NGINX if os.path.exists(path)] if port else []
    if configured:
        from .nginx import front_ends as proxies

        front_ends = proxies(configured[0], port, unseen)
    return clients, front_ends, unseen


def _checkouts(working_dir: str) -> list[str]:
    """Folders that hold the client. A child looks: one with a dead mount may be left behind."""
    answer = Apart(lambda sink: say(sink, {"found": list(_folders(working_dir))})).answer(
        time.monotonic() + _PATIENCE_S
    )
    return list(dict.fromkeys(answer.get("found", ())))[:_MOST]


def _folders(working_dir: str) -> Iterator[str]:
    roots = [glob.escape(working_dir)] if working_dir else []
    for root in [*roots, *_PROJECTS]:
        for path in glob.iglob(root + _CLIENT):
            yield path[: -len(_CLIENT)]


def _port(url: str) -> int:
    """The port that a URL asks, 0 for no URL."""
    try:
        place = urlsplit(url)
        return place.port or {"https": 443, "http": 80}.get(place.scheme, 0)
    except ValueError:
        return 0
