"""Real servers of models for tests.

with transformers_serve(models.smollm2()) as server:
    ... f"{server.url}/v1/chat/completions", server.pid, server.log ...
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Below those that Linux gives to whoever asks for any: nobody else is given it before the server listens.
PORTS = (12_000, 32_000)
PATIENCE_S = 300
NEEDS = ("transformers", "torch", "fastapi", "uvicorn")


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    pid: int
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as found:
        while True:
            port = random.randrange(*PORTS)
            with contextlib.suppress(OSError):
                found.bind(("127.0.0.1", port))
                return port


def transformers_command(model: Path, port: int, *options: str) -> list[str]:
    """The argv of `transformers serve` for a prepared model. The test is skipped where it cannot run."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"no transformers serve without {', '.join(missing)}")
    program = Path(sys.executable).with_name("transformers")
    return [str(program), "serve", str(model), "--port", str(port), "--device", "cpu", *options]


@contextlib.contextmanager
def transformers_serve(model: Path, folder: Path, *options: str, port: int = 0, **environment: str) -> Iterator[Server]:
    """`transformers serve` on a prepared model until the context ends, with its log in `folder`; up in five seconds."""
    port = port or free_port()
    log = folder / "transformers-serve.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            transformers_command(model, port, *options),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        )
    with process:
        try:
            server = Server(process.pid, port, log)
            wait_for_health(server, process)
            yield server
        finally:
            process.kill()


def wait_for_health(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Until /health is answered; the test fails once the process has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{server.url}/health", timeout=5).close()
            return
        time.sleep(0.2)
    pytest.fail(f"the server does not answer:\n{server.log.read_text()}")
