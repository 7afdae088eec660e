"""Running a resolver: an argv, a clean environment, an end within its time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoglm_fix.agent.installed.distributions import without_credentials

__all__ = ["Said", "run"]

_TIMEOUT_S = 300.0
_TAIL_LINES = 30
# What a resolver may know of this machine: its way to the network, and where its user keeps things.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True)
class Said:
    """How a command ended, None where it did not within its time. No URL in ``text`` carries credentials."""

    code: int | None
    text: str

    @property
    def tail(self) -> tuple[str, ...]:
        """Its last lines."""
        return tuple(self.text.splitlines()[-_TAIL_LINES:])


def run(argv: Sequence[str], folder: Path, more: Mapping[str, str]) -> Said:
    """Run it in a folder, with ``more`` in its environment; what could be secret is there, never in ``argv``."""
    wanted = {*_KEPT, *_PROXIES, *(name.upper() for name in _PROXIES)}
    variables = {name: value for name, value in os.environ.items() if name in wanted}
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env={**variables, "PYTHONUTF8": "1", **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        return Said(None, _readable(err.stdout or b""))
    except OSError as err:
        return Said(127, f"{argv[0]} cannot be started: {err.strerror}")
    return Said(done.returncode, _readable(done.stdout))


def interpreter() -> str:
    """This controller's own Python."""
    return sys.executable


def _readable(output: bytes) -> str:
    return without_credentials(output.decode("utf-8", "replace"))
