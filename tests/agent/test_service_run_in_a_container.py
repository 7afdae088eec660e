"""The service's Python where it is in a container of a real engine: run there, as its user, and nothing left there."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent import memory
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.tokenizer import Tokenizer
from autoglm_fix.agent.no_answer import NoAnswer
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.service_run.call import call
from autoglm_fix.agent.unknown import CannotTell
from tests.agent.beside_engines import Beside
from tests.agent.facts import tokenizer_files
from tests.agent.test_service_run import TRIAL, ended

pytestmark = pytest.mark.slow
SLEEP = ("sleep", "1000")
LATE = ("sources", "definition.completion", "definition.containers", "service_run.in_container", "inside")
AT_ONCE = ["--stop-signal", "SIGKILL"]


@pytest.fixture(autouse=True)
def _trial(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in beside.engine.environment.items():
        monkeypatch.setenv(name, value)
    for name in LATE:  # once the trial is in memory, nothing else of the agent is taken from the disk
        importlib.import_module(f"autoglm_fix.agent.{name}")
    importer = memory.install({"autoglm_fix.agent.trial": TRIAL})
    yield
    sys.meta_path.remove(importer)


class Asked:
    """A function of the trial, and what was heard of it."""

    def __init__(self, python: str | None = sys.executable) -> None:
        self.heard: list[dict[str, Any]] = []
        self._spec = ServiceSpec(manager="docker", container="model", python=python)

    def __call__(self, function: str, *, timeout_s: float = 60, no_progress_s: float = 60, **arguments: Any) -> Any:
        ctx = Context(self._spec, emit=self.heard.append)
        return call(ctx, "trial", function, arguments, timeout_s=timeout_s, no_progress_s=no_progress_s)

    def of(self, event: str) -> dict[str, Any]:
        return next(each for each in self.heard if each["event"] == event)


def inside(beside: Beside) -> list[str]:
    """What lies in the places of a container where scratch goes."""
    return beside.engine.docker("exec", "model", "ls", "-A", "/tmp", "/var/tmp").split()


def test_it_runs_with_the_containers_user_folder_and_variables(beside: Beside) -> None:
    beside.run("model", *SLEEP, options=["--user", "vllm", "-w", "/models", "-e", "KEY=value", *AT_ONCE])
    before = inside(beside)
    found = Asked()("where")
    assert (found["uid"], found["gid"], found["folder"], found["stdin"]) == (4321, 4321, "/models", "")
    assert found["environment"]["KEY"] == "value" and found["environment"]["MODEL"] == "glm"
    assert found["environment"]["HF_HUB_OFFLINE"] == "1"
    assert found["environment"]["TRITON_CACHE_DIR"].startswith("/tmp/autoglm-fix-")
    assert found["bytecode"] and "" not in found["path"]
    assert set(found["agent"]) < {
        f"autoglm_fix{each}"
        for each in (
            "",
            ".agent",
            ".agent.trial",
            ".agent.unknown",
            ".agent.service_run",
            ".agent.service_run.entry",
            ".agent.memory",
        )
    }
    assert inside(beside) == before


def test_the_result_the_events_and_the_hosts_process_id_come_back(beside: Beside) -> None:
    beside.run("model", *SLEEP, options=AT_ONCE)
    asked = Asked()
    assert asked("add", a=2, b=3)["sum"] == 5
    assert [each["event"] for each in asked.heard] == ["started", "log"]
    assert asked("noisy") == {"fine": True}
    assert asked("writes_caches")["folder"].startswith("/tmp/autoglm-fix-")
    assert not any(name.startswith("autoglm-fix-") for name in inside(beside))


def test_a_python_is_looked_for_where_none_is_named(beside: Beside) -> None:
    beside.run("model", *SLEEP, options=AT_ONCE)
    assert Asked(None)("add", a=1, b=1)["sum"] == 2


def test_its_process_is_one_of_this_host_in_that_container(beside: Beside) -> None:
    beside.run("model", *SLEEP, options=AT_ONCE)
    asked = Asked()
    with pytest.raises(NoAnswer) as failed:
        asked("waits", child=True, timeout_s=3)
    assert failed.value.kind == "timeout"
    pid = asked.of("started")["pid"]
    assert pid and ended(pid)
    latest = time.monotonic() + 60
    while len(beside.engine.docker("top", "model").strip().splitlines()) != 2 and time.monotonic() < latest:
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{pid}/exe")
    assert beside.engine.docker("top", "model").count("sleep") == 1
    assert len(beside.engine.docker("top", "model").strip().splitlines()) == 2  # a title, and the service alone
    assert not any(name.startswith("autoglm-fix-") for name in inside(beside))


FAILURES = [
    ("breaks", {}, "raised", "ValueError: no such thing"),
    ("leaves", {"status": 7}, "exited", "exit status 7"),
    ("dies", {"number": int(signal.SIGSEGV)}, "killed", "SIGSEGV"),
    ("waits", {"no_progress_s": 1}, "stalled", "did nothing for 1 s"),
]


@pytest.mark.parametrize(("function", "arguments", "kind", "words"), FAILURES)
def test_its_failures_are_told(beside: Beside, function: str, arguments: dict[str, Any], kind: str, words: str) -> None:
    beside.run("model", *SLEEP, options=AT_ONCE)
    with pytest.raises(NoAnswer, match=words) as failed:
        Asked()(function, **arguments)
    assert failed.value.kind == kind


def test_a_reason_keeps_its_words(beside: Beside) -> None:
    beside.run("model", *SLEEP, options=AT_ONCE)
    with pytest.raises(CannotTell, match=r"^the folder is locked$"):
        Asked()("cannot_tell")


def test_a_container_without_that_python_is_told(beside: Beside) -> None:
    beside.run("model", *SLEEP, options=AT_ONCE)
    with pytest.raises(NoAnswer) as failed:
        Asked("/opt/none/bin/python")("add", a=1, b=1)
    assert "/opt/none/bin/python" in str(failed.value)


def test_a_container_that_does_not_run_is_told(beside: Beside) -> None:
    beside.engine.docker("create", "--name", "model", "lab/model:1", *SLEEP)
    with pytest.raises(CannotTell, match="the container model does not run") as failed:
        Asked()("add", a=1, b=1)
    assert not isinstance(failed.value, NoAnswer)  # its Python may be as good as any


def test_a_tokenizer_is_tried_there(beside: Beside, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    (tmp_path / "models").mkdir()
    tokenizer_files.write(tmp_path / "models" / "m")
    beside.run("model", *SLEEP, options=["-v", f"{tmp_path}/models:/models/mounted:ro", *AT_ONCE])
    spec = {"manager": "docker", "container": "model", "model": "/models/mounted/m", "python": sys.executable}
    found = beside.fact(Tokenizer, **spec)
    assert (found.behaviour.problem, found.behaviour.error) == ("", "")
    assert {each.state for each in found.behaviour.round_trips} == {"same"}
    assert found.templates[0].turn == "opens"
