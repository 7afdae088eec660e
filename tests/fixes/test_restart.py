"""restart: what is offered for which service, and what is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from autoglm_fix.agent.changes import from_wire, to_wire
from autoglm_fix.agent.changes.restart import ReloadAndRestart, Restart
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.diagnostics.service import service as diagnose
from autoglm_fix.fixes.registry import FIXES
from autoglm_fix.fixes.restart import restart, restart_of
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.diagnostics.test_service import BY_NAME, CASES
from tests.fixes.on_files import declined, only

# Whoever offers one of these has the name wrong, or may not start it: a restart is no remedy.
UNSTARTABLE = "absent masked definition-broken disabled unseen unreadable user-unit manager-down"
NO_REMEDY = {f"service.{what}" for what in UNSTARTABLE.split()}


def fact(case: str, **more: Any) -> Service:
    return msgspec.convert({**BY_NAME[case], **more}, Service)


@pytest.mark.parametrize("case", [each["case"] for each in CASES])
def test_all_that_a_start_may_cure_is_one_and_the_same_change(case: str) -> None:
    service = fact(case)
    cured = [each for each in diagnose(service) if isinstance(each, FIXES["restart"].cures)]
    assert {each.code for each in diagnose(service)} - {each.code for each in cured} <= NO_REMEDY
    assert len({str(only(restart(each, service))) for each in cured}) <= 1


@pytest.mark.parametrize(
    ("case", "more", "says"),
    [
        ("stopped", {}, "restart.start"),
        ("stale, another command", {}, "restart.restart"),
        ("stale, systemd has not read the new text", {}, "restart.restart-reloaded"),
        ("stopped", {"reloaded": False}, "restart.start-reloaded"),
        ("restarting", {}, "restart.restart"),
    ],
)
def test_what_a_start_does_is_said(case: str, more: dict[str, Any], says: str) -> None:
    change = restart_of(fact(case, handle={"manager": "systemd", "unit": "glm"}, **more), start_timeout=5)
    assert isinstance(change, Restart)
    assert (change.kind, change.risk, change.undo) == ("restart", "restart", "state")
    assert (change.path, change.says, change.start_timeout) == ("glm.service", says, 5)
    assert change.service == {"manager": "systemd", "unit": "glm"}
    assert from_wire(to_wire(change)) == change
    assert all(Catalogue(language).text(change.says, **change.values) for language in LANGUAGES)


def test_reading_units_anew_beside_gpu_containers_has_to_be_allowed_by_name() -> None:
    service = fact("stale, systemd has not read the new text", gpu_containers=["217 (vllm)"])
    (finding,) = diagnose(service)
    change = only(restart(finding, service))
    assert isinstance(change, ReloadAndRestart)
    assert (change.kind, change.risk, change.says) == ("daemon-reload", "disruptive", "restart.reload-beside-gpus")
    assert from_wire(to_wire(change)) == change
    assert declined(iter([restart_of(service)])).code == "restart.reload-would-harm"


def test_what_nobody_manages_gets_the_command_that_starts_it() -> None:
    service = fact("by hand, and not there")
    (finding,) = diagnose(service)
    refusal = declined(restart(finding, service))
    assert (refusal.code, refusal.values["command"]) == ("restart.by-hand", "python 'serve it.py'")
    defined = {"manager": "none", "name": "glm", "argv": ["vllm", "--api-key", "s3cret"]}
    (finding,) = diagnose(fact("by hand, and not there", defined=defined))
    refusal = declined(restart(finding, fact("by hand, and not there", defined=defined)))
    assert refusal.values["command"] == finding.evidence["command"] == 'vllm --api-key "$API_KEY"'
    refusal = declined(iter([restart_of(fact("healthy, by hand, nothing that has to run"))]))
    assert refusal.code == "restart.nobody-knows"
    assert declined(iter([restart_of(fact("absent"))])).code == "restart.absent"


def test_without_a_file_that_its_definition_names_it_is_not_even_tried() -> None:
    service = fact("an env file that it insists on is not there")
    for each in diagnose(service):
        offer = declined(restart(each, service))
        assert (offer.code, offer.values["files"]) == ("restart.lacks-files", ["/etc/default/glm"])
