"""The first question to a service: who does not answer us may serve others all the same, and is not taken for dead."""

from __future__ import annotations

from typing import Any

import pytest

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.endpoint.chat import Patience
from autoglm_fix.agent.proof import baseline as asking
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.proof import baseline, is_at_work

from .modes import MODEL, MODES
from .server import FakeServer, serving


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a server that never answers."""
    monkeypatch.setattr(asking, "_PATIENCE", Patience(first_s=0.5, gap_s=0.5, total_s=1.0))
    monkeypatch.setattr(asking, "_A_SECOND", 0.3)


def asked(server: FakeServer, key: str | None = None) -> dict[str, Any]:
    return asking.baseline(Context(service=ServiceSpec(endpoint=server.endpoint, served_model_name=MODEL)), key=key)


@pytest.mark.parametrize(
    ("mode", "at_work"),
    [
        ("key", True),
        ("busy", True),
        ("ok", False),
        ("empty", False),
        ("html", False),
        ("bad gateway", False),
        ("engine died", False),
        ("loading", False),
        ("closes at once", False),
    ],
)
def test_one_that_wants_a_key_or_has_no_time_is_at_work(mode: str, at_work: bool) -> None:
    with serving(MODES[mode]) as server:
        evidence = asked(server)
    assert is_at_work(evidence) is at_work
    assert baseline(evidence)[1] is (mode == "ok")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", ["stall before", "dead engine"])
def test_one_that_keeps_us_waiting_is_at_work_where_its_engine_goes_on(mode: str) -> None:
    with serving(MODES[mode]) as server:
        assert not is_at_work(asked(server))
        server.others = 7
        evidence = asked(server)
    assert (is_at_work(evidence), baseline(evidence)) == (True, ("hang", False))


def test_where_nobody_listens_nobody_is_at_work() -> None:
    service = ServiceSpec(endpoint="http://127.0.0.1:9/v1", served_model_name=MODEL)
    assert not is_at_work(asking.baseline(Context(service=service)))
    assert not is_at_work({"error": "it did not end within its time", "kind": "deadline", "tail": []})
