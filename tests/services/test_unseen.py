"""Called by somebody who may not look everywhere: what could not be seen is said, and never taken for healthy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from autoglm_fix.report.schema import result_schema
from tests.cli.command import Said
from tests.hosts import Host

from .lab import FOLDER, NO_ROOM, SETTINGS, Served, command, result, step, surroundings

pytestmark = pytest.mark.slow

WHO = "nobody"
INVENTORY = "/srv/inventory.yml"
BESIDE = "/opt/closed"


@pytest.fixture
def host(host: Host) -> Iterator[Host]:
    """Whoever is called nobody may read the programs that these tests are made of."""
    host.run("chmod", "711", "/root")
    yield host
    host.run("chmod", "700", "/root")
    host.run("rm", "-rf", BESIDE, "/etc/closed.env")


def called(host: Host, *arguments: str, user: str = WHO, **service: Any) -> Said:
    """A run as that user, with its result as a document, which is checked."""
    declared = {"ansible_connection": "local", "services": [service]}
    host.write(INVENTORY, json.dumps({"all": {"hosts": {"localhost": declared}}}))
    asked = command("run", "no-output", "-i", INVENTORY, "-e", "require_gpu=false", "--format", "json", *arguments)
    environment = {**surroundings(), "AUTOGLM_FIX_STATE_DIR": ""}
    done = host.run(*asked, env=environment, user=user, check=False, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    said = Said(done.returncode, done.stdout, done.stderr)
    jsonschema.validate(said.document, result_schema())
    assert said.document["exit_code"] == said.code
    return said


def looked(host: Host, *tags: str, user: str = WHO, **service: Any) -> Said:
    return called(host, "--dry-run", "-t", ",".join(tags), user=user, **service)


def codes(found: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in found["findings"]]


def is_unknown(said: Said, diagnostic: str, *words: str) -> None:
    """The step says that it could not tell, why, and what to do."""
    found = step(said, diagnostic)
    assert (found["status"], said.code) == ("unknown", 2), said.out
    assert all(word in found["error"]["message"] for word in words), found["error"]
    assert found["error"]["hint"]


@pytest.mark.parametrize("closed", ["/etc/closed.env", "the unit"])
def test_a_definition_that_may_not_be_read_is_named(host: Host, served: Served, closed: str) -> None:
    host.write("/etc/closed.env", "HF_TOKEN=x\n")
    served.define("EnvironmentFile=/etc/closed.env")
    closed = served.unit if closed == "the unit" else closed
    host.run("chmod", "600", closed)
    served.start()
    said = looked(host, "service", "timeouts", **served.spec)
    found = step(said, "service")
    assert codes(found) == ["service.unreadable"], found
    assert found["findings"][0]["evidence"]["parts"] == [f"{closed}: Permission denied"]
    assert step(looked(host, "service", user="root", **served.spec), "service")["findings"] == []


def test_a_model_that_may_not_be_read_is_unknown(host: Host, served: Served) -> None:
    host.run("chmod", "700", "/srv/models")
    said = looked(host, "weights", "tokenizer", "generation", **served.spec)
    for diagnostic in ("weights", "tokenizer", "generation_config"):
        is_unknown(said, diagnostic, FOLDER, "Permission denied")
    assert result(said)["status"] == "unknown"


def test_an_environment_that_may_not_be_entered_is_not_called_absent(host: Host, served: Served) -> None:
    host.run("python3", "-m", "venv", "--without-pip", BESIDE)
    host.run("chmod", "700", BESIDE)
    spec = {**served.spec, "python": f"{BESIDE}/bin/python"}
    said = looked(host, "dependencies", "tokenizer", **spec)
    is_unknown(said, "dependencies", BESIDE)
    assert codes(step(said, "tokenizer")) == ["tokenizer.not-tried"]
    said = looked(host, "dependencies", "tokenizer", **{**spec, "python": f"{BESIDE}/gone"}, user="root")
    assert codes(step(said, "tokenizer")) == ["tokenizer.no-python"]


@pytest.mark.parametrize("hidden", [0, 2])
def test_a_process_that_may_not_be_looked_at_is_not_one_without_a_fault(
    host: Host, served: Served, hidden: int
) -> None:
    served.start()
    host.run("mount", "-o", f"remount,hidepid={hidden}", "/proc")
    try:
        said = looked(host, "service", **{**served.spec, "manager": "none", "unit": None})
        (found,) = step(said, "service")["findings"]
        assert found["code"] == "service.unseen"
        assert "port 8123" in found["summary"] and "root" in found["summary"]
        # Its manager tells what /proc does not.
        assert step(looked(host, "service", **served.spec), "service")["findings"] == []
    finally:
        host.run("mount", "-o", "remount,hidepid=0", "/proc")


def test_without_the_tools_of_systemd_nothing_is_told(host: Host, served: Served) -> None:
    tool = "/usr/bin/systemctl"
    host.run("mv", tool, f"{tool}.gone")
    try:
        said = looked(host, "service", "timeouts", "vram", user="root", **served.spec)
    finally:
        host.run("mv", f"{tool}.gone", tool)
    for diagnostic in ("service", "timeouts", "vram"):
        is_unknown(said, diagnostic, "systemctl")


def test_without_a_journal_a_service_that_failed_is_still_one(host: Host, served: Served) -> None:
    served.define("Restart=no", command="/bin/false")
    host.run("systemctl", "start", served.name, check=False)
    tool = "/usr/bin/journalctl"
    host.run("mv", tool, f"{tool}.gone")
    try:
        said = looked(host, "service", user="root", **served.spec)
    finally:
        host.run("mv", f"{tool}.gone", tool)
    assert "service.failed" in codes(step(said, "service"))


def test_what_may_not_be_changed_is_not_and_says_so(host: Host, served: Served) -> None:
    host.write(SETTINGS, NO_ROOM)
    for dry in (["--dry-run"], []):
        said = called(host, *dry, "-t", "generation,service", "--no-verify", **served.spec)
        assert said.code == 2
        (change,) = step(said, "generation_config")["changes"]
        assert (change["made"], "no permission" in change["problem"]) == (False, True)
        (start,) = step(said, "service")["changes"]
        assert (start["made"], "only root" in start["problem"]) == (False, True)
    assert host.read(SETTINGS) == NO_ROOM
    assert served.state == "inactive"


def test_where_no_journal_can_be_kept_nothing_is_changed(host: Host, served: Served) -> None:
    host.write(SETTINGS, NO_ROOM)
    host.run("chown", "-R", WHO, FOLDER)
    said = called(host, "-t", "generation", "--no-verify", **served.spec)
    assert said.code == 4
    assert host.read(SETTINGS) == NO_ROOM
    assert "AUTOGLM_FIX_STATE_DIR" in said.out + said.err
