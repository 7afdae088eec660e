"""Checkouts of Open-AutoGLM: whom they ask, and whether that is there."""

from __future__ import annotations

from typing import Any

import pytest

from autoglm_fix.cli.telling import Sentences
from autoglm_fix.discovery import Client, clients, services
from tests.discovery.landscapes import landscape

DEFAULTS = [
    ["PHONE_AGENT_BASE_URL", "http://localhost:8000/v1", "main.py"],
    ["PHONE_AGENT_MODEL", "autoglm-phone-9b", "main.py"],
]
UP = {
    "name": "glm.service",
    "argv": "vllm serve /m/a --served-model-name autoglm-phone-9b other",
    "state": "running",
    "pids": [5],
}


def client(settings: list[list[str]], *managed: dict[str, Any], **more: Any) -> Client:
    given = {"checkouts": [{"path": "/home/u/Open-AutoGLM", "settings": settings}], "managed": managed, **more}
    seen = landscape(given)
    (found,) = clients(seen, services(seen))
    Sentences("zh").text(found.remark.code.partition(".")[2], **found.remark.values)
    return found


@pytest.mark.parametrize(
    ("settings", "managed", "code"),
    [
        (DEFAULTS, [UP], "client-of"),
        ([*DEFAULTS, ["PHONE_AGENT_MODEL", "other", "environment"]], [UP], "client-of"),
        ([*DEFAULTS, ["PHONE_AGENT_MODEL", "glm", "environment"]], [UP], "client-asks-for-another-name"),
        (DEFAULTS, [{**UP, "state": "failed"}], "client-of-a-service-that-is-down"),
        (DEFAULTS, [], "client-of-nobody"),
        (
            [*DEFAULTS, ["PHONE_AGENT_BASE_URL", "http://10.0.0.9:8000/v1", "/etc/environment"]],
            [UP],
            "client-elsewhere",
        ),
        ([*DEFAULTS, ["PHONE_AGENT_BASE_URL", "http://[::1", ".env"]], [UP], "client-elsewhere"),
        ([*DEFAULTS, ["PHONE_AGENT_BASE_URL", "", ".env"]], [UP], "client-unset"),
        ([], [UP], "client-unset"),
    ],
)
def test_the_service_that_it_asks(settings: list[list[str]], managed: list[dict[str, Any]], code: str) -> None:
    assert client(settings, *managed).remark.code == f"discover.{code}"


def test_what_counts_last_is_asked_and_named_with_its_place() -> None:
    found = client([*DEFAULTS, ["PHONE_AGENT_BASE_URL", "http://localhost:9/v1", "/home/u/.bashrc"]])
    assert (found.base_url, found.model, found.set_by) == (
        "http://localhost:9/v1",
        "autoglm-phone-9b",
        "/home/u/.bashrc",
    )


def test_of_a_client_that_runs_its_own_options_count() -> None:
    alive = {
        "pid": 77,
        "argv": ["python", "main.py", "--base-url", "http://localhost:8000/v1", "open the settings"],
        "folder": "/home/u/Open-AutoGLM",
        "environment": {"PHONE_AGENT_BASE_URL": "http://elsewhere/v1", "PHONE_AGENT_MODEL": "m"},
    }
    found = client(DEFAULTS, UP, processes=[alive])
    assert (found.base_url, found.model, found.set_by) == ("http://localhost:8000/v1", "m", "process 77")
    assert found.running == [77]
