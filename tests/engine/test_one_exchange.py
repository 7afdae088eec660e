"""A healthy host costs one exchange: all that looks at it travels ahead, and nothing has to be asked for."""

from __future__ import annotations

import http.server
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.connect.bundle import boot_frame
from autoglm_fix.engine.ahead import ahead
from autoglm_fix.engine.gather import Broken
from tests import models, nvml

from .overheard import look, looked_by

FIRST_FRAME, A_MANAGERS_FRAME = 40 * 1024, 44 * 1024
# A command takes more to find out what it starts.
MORE = {"by a command": 1024}


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = tmp_path / "driver"
    nvml.build(driver)
    nvml.build_cuda(driver, version="580.95.05")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver))


@pytest.fixture
def endpoint() -> Iterator[str]:
    """One that answers."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def of_a_hub(home: Path) -> str:
    """The id of a model in the cache below that HOME."""
    repo = home / ".cache/huggingface/hub/models--zai-org--tiny"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs/main").write_text("0123456789abcdef")
    (repo / "snapshots").mkdir()
    (repo / "snapshots/0123456789abcdef").symlink_to(models.tiny_text())
    return "zai-org/tiny"


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize("kind", ["by path", "by its id", "by a command", "served"])
def test_a_healthy_host_is_looked_at_in_one_exchange(
    kind: str, tmp_path: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text("[global]\nindex-url = https://mirror.test/simple\n")
    model = str(models.tiny_text())
    more: dict[str, Any] = {
        "by path": {"model": model},
        "by its id": {"model": of_a_hub(tmp_path)},
        "by a command": {"model": model, "manager": "command", "command": [sys.executable, "serve.py"]},
        "served": {"model": model, "engine": "vllm", "endpoint": endpoint},
    }[kind]
    channel, facts = look(ServiceSpec(python=sys.executable, environment={"HOME": str(tmp_path)}, **more))
    unread = {name: fact for name, fact in facts.items() if isinstance(fact, (Unknown, Broken))}
    assert unread == {}
    assert len(facts["Gpus"].gpus) > 0
    assert facts["Tokenizer"].behaviour.problem == ""
    assert (channel.needs, channel.more_code) == ([], [])
    assert channel.first_frame < FIRST_FRAME + MORE.get(kind, 0)
    assert facts["Service"].running is None or facts["Service"].running.pid == os.getpid()


@pytest.mark.parametrize("manager", ["systemd", "supervisor", "command"])
def test_a_manager_adds_little_to_the_first_frame(manager: Any) -> None:
    """Of Docker and compose it is more: the engine's API, and what it says of a container."""
    facts = {kind.__module__ for known in looked_by().values() for kind in known.signature.facts.values()}
    frame, _ = boot_frame([*facts, *ahead(ServiceSpec(manager=manager, model="/models/autoglm"))])
    assert len(frame) < A_MANAGERS_FRAME
