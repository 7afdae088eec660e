"""Environments as facts, for a Python and platform that need not be this machine's."""

from __future__ import annotations

from typing import Any

from autoglm_fix.agent.facts.environment import Distribution, Environment, Index

SITE = "/srv/env/lib/python3.11/site-packages"


def dist(name: str, version: str, *requires: str, **more: Any) -> Distribution:
    location = more.pop("location", f"{SITE}/{name.replace('-', '_')}-{version}.dist-info")
    return Distribution(name, version, location, list(requires), **more)


def environment(*distributions: Distribution, index: str = "", **more: Any) -> Environment:
    """One of Python 3.11 on glibc 2.36, whose installer is told of ``index``."""
    series = more.get("version", "3.11.2").rpartition(".")[0]
    values = {
        "python": "/srv/env/bin/python",
        "host": "/srv/env/bin/python",
        "version": "3.11.2",
        "glibc": "2.36",
        "markers": {"python_version": series, "sys_platform": "linux", "platform_machine": "x86_64"},
        "prefix": "/srv/env",
        "site": [SITE],
        "owner": "autoglm",
        "distributions": list(distributions),
        "index": Index(url=index, set_by="/etc/pip.conf" if index else ""),
        **more,
    }
    return Environment(**values)
