"""Programs of a real supervisord: what its files say, what it says of them, and starting them anew."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from autoglm_fix.agent import apply
from autoglm_fix.agent.changes import to_wire
from autoglm_fix.agent.changes.restart import Restart
from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.state import State
from autoglm_fix.fixes.restart import restart_of
from tests.hosts.supervisor import Supervisor, supervisord

pytestmark = pytest.mark.slow

# Other supervisords may run here: a name of our own finds ours.
NAME = f"glm-{uuid.uuid4().hex[:8]}"
SPEC = ServiceSpec(name=NAME, manager="supervisor")
SERVE = f"{sys.executable} -c 'import time; print(1, flush=True); time.sleep(1000)'"


def looked(spec: ServiceSpec = SPEC) -> Service:
    """The fact as the controller gets it."""
    return msgspec.convert(json.loads(json.dumps(plain(Service.collect(Context(spec))))), Service)


def eventually(state: str) -> Service:
    deadline = time.monotonic() + 60
    while (found := looked()).state != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def made(state_dir: Path, verb: Callable[..., object], **arguments: object) -> object:
    return verb(Context(), State(str(state_dir)), **arguments)


def restart() -> Restart:
    change = restart_of(looked())
    assert isinstance(change, Restart)
    return dataclasses.replace(change, settle=0.5)


def test_a_running_program_is_as_its_section_says(tmp_path: Path) -> None:
    more = "\n".join(
        [
            f"directory={tmp_path}",
            'environment=A="one, two",B=%(program_name)s,C=%(ENV_HOME)s',
            "stopwaitsecs=45 ; a comment",
            "autostart=true",
        ]
    )
    with supervisord(tmp_path / "supervisor", {NAME: f"{SERVE}\n{more}"}) as found:
        service = eventually("running")
        definition = service.defined
        assert definition is not None and definition.argv is not None
        assert definition.argv[0] == sys.executable and len(definition.argv) == 3
        assert definition.environment == {"A": "one, two", "B": NAME, "C": os.environ["HOME"]}
        assert (definition.working_dir, definition.limits.stop_s) == (str(tmp_path), 45)
        assert (definition.restart, definition.enabled) == ("on-failure", True)
        assert [each.file.host for each in definition.sources] == [str(found.programs / f"{NAME}.conf")]
        running = service.running
        assert running is not None and running.argv == definition.argv
        assert running.environment is not None and running.environment["A"] == "one, two"
        assert (service.reloaded, service.ended, service.log) == (True, None, [])


def test_a_program_that_cannot_run_is_failed_with_its_log(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'import nothing_of_that_name'\nstartretries=0"
    with supervisord(tmp_path / "supervisor", {NAME: command}):
        service = eventually("failed")
        assert service.ended is not None and service.ended.reason.startswith("Exited too quickly")
        assert "nothing_of_that_name" in service.log[-1]


def test_a_name_that_no_file_has_is_absent_with_those_that_are_there(tmp_path: Path) -> None:
    with supervisord(tmp_path / "supervisor", {NAME: SERVE}):
        service = looked(ServiceSpec(name="no-such-program", manager="supervisor"))
        assert service.state == "absent" and NAME in service.near


def test_what_the_inventory_leaves_open_comes_from_the_section(tmp_path: Path) -> None:
    with supervisord(tmp_path / "supervisor", {NAME: f"{SERVE}\ndirectory=/srv\nenvironment=A=1"}):
        service = Context(SPEC).service
        assert (service.working_dir, service.environment, service.python) == ("/srv", {"A": "1"}, sys.executable)


def test_a_program_is_started_and_undo_stops_it_again(tmp_path: Path) -> None:
    with supervisord(tmp_path / "supervisor", {NAME: f"{SERVE}\nautostart=false"}):
        assert looked().state == "stopped"
        change = to_wire(restart())
        (seen,) = apply.preview(Context(), State(str(tmp_path)), [change])
        assert (seen["diff"], seen["problem"]) == (f"-{NAME}: stopped\n+{NAME}: running", None)
        assert made(tmp_path, apply.apply, run="r", step="s", changes=[change]) == [{"made": True}]
        assert looked().state == "running"
        made(tmp_path, apply.undo, run="r", force=False, dry_run=False)
        assert looked().state == "stopped"


def edited(found: Supervisor, old: str, new: str) -> None:
    file = found.programs / f"{NAME}.conf"
    file.write_text(file.read_text().replace(old, new))


def test_an_edited_section_counts_once_the_program_is_restarted(tmp_path: Path) -> None:
    with supervisord(tmp_path / "supervisor", {NAME: f"{SERVE}\nenvironment=A=1"}) as found:
        before = eventually("running").running
        edited(found, "environment=A=1", "environment=A=2")
        edited(found, "print(1", "print(2")
        assert not looked().reloaded
        assert made(tmp_path, apply.apply, run="r", step="s", changes=[to_wire(restart())]) == [{"made": True}]
        service = looked()
        assert service.state == "running" and service.reloaded
        assert service.running is not None and service.running.environment is not None and before is not None
        assert service.running.environment["A"] == "2" and service.running.pid != before.pid


def test_without_its_supervisord_a_program_is_stopped_and_cannot_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with supervisord(tmp_path / "supervisor", {NAME: SERVE}) as found:
        config = found.config
        change = to_wire(restart())
    from autoglm_fix.agent.definition import supervisor
    from autoglm_fix.agent.definition.supervisor_rpc import Gone, Rpc

    with pytest.raises(Gone, match="supervisord does not run"):
        Rpc(supervisor.Configuration(str(config))).info(NAME)
    (seen,) = apply.preview(Context(), State(str(tmp_path)), [change])
    assert seen["problem"] == f"no supervisord knows {NAME}"
    monkeypatch.setattr(supervisor, "_PLACES", (str(config),))
    assert (looked().state, looked().undefined) == ("stopped", "manager-down")
