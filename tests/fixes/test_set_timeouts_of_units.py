"""set_timeouts on a real systemd: what ended a service no longer does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict

import msgspec
import pytest

from autoglm_fix.agent.changes import to_wire
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.callers import Callers
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.facts.start_up import StartUp
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.timeouts import timeouts
from autoglm_fix.fixes.set_timeouts import set_timeouts
from tests.agent.definition.on_host import collected, do
from tests.diagnostics.timeouts_facts import model
from tests.hosts import Host, boot

pytestmark = pytest.mark.slow

SMALL = model({"size": 0.001})
# A server that is named like vLLM's, and tells systemd nothing.
SERVER = "#!/usr/bin/python3\nimport time\nopen('/run/up', 'w').close()\ntime.sleep(1000)\n"
SLOW = "#!/bin/sh\ntrap 'sleep 3; exit 0' TERM\ntouch /run/up\nwhile :; do sleep 0.1; done\n"
NOTIFIES = "#!/bin/sh\nsleep 4\nsystemd-notify --ready\nexec sleep 1000\n"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("host")) as host:
        host.write("/opt/glm/bin/vllm", SERVER, 0o755)
        host.write("/opt/glm/bin/serve", NOTIFIES, 0o755)
        yield host


def looked(host: Host) -> tuple[Service, StartUp]:
    spec = {"manager": "systemd", "unit": "model", "name": "model"}
    return collected(host, Service, **spec), collected(host, StartUp, **spec)


def findings(host: Host) -> list[Finding]:
    service, start = looked(host)
    return [each for each in timeouts(start, service, SMALL, Callers()) if each.severity != "info"]


def codes(host: Host) -> list[str]:
    return [each.code for each in findings(host)]


def begin(host: Host, unit: str) -> None:
    host.run("systemctl", "stop", "model", check=False)
    host.run("rm", "-rf", "/etc/systemd/system/model.service.d")
    host.write("/etc/systemd/system/model.service", "[Service]\n" + unit)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "reset-failed", check=False)


def mend(host: Host, **options: float) -> None:
    """Make what the fix offers for the only finding, and have systemd read it."""
    service, start = looked(host)
    (finding,) = [each for each in timeouts(start, service, SMALL, Callers()) if each.severity != "info"]
    changes = list(set_timeouts(finding, service, SMALL, **options))
    wires = [to_wire(each) for each in changes if isinstance(each, WriteFile)]
    assert len(wires) == len(changes) == 1
    (made,), _ = do(host, "apply", run="r", step="s", changes=wires)
    assert made == {"made": True}
    assert codes(host) == []
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "reset-failed", check=False)


def start(host: Host) -> None:
    """Start it, and wait until it sleeps: one that is being loaded may wait for a disk, and is looked at closely."""
    host.run("rm", "-f", "/run/up")
    host.run("systemctl", "start", "model")
    sleeps = "grep -q '^State:.S' /proc/$(systemctl show model --value -p MainPID)/status"
    host.run("sh", "-c", f"until test -e /run/up && {sleeps}; do sleep 0.05; done")


def state(host: Host) -> str:
    return host.run("systemctl", "show", "model", "--value", "-p", "ActiveState").stdout.strip()


def settled(host: Host) -> str:
    """The state of the unit once it is no longer on its way to another."""
    deadline = time.monotonic() + 60
    while state(host) in ("activating", "deactivating") and time.monotonic() < deadline:
        time.sleep(0.1)
    return state(host)


def test_a_start_that_was_cut_off_has_time_enough(host: Host) -> None:
    begin(host, "Type=notify\nNotifyAccess=all\nTimeoutStartSec=1\nExecStart=/opt/glm/bin/serve\n")
    host.run("systemctl", "start", "model", check=False)
    assert codes(host) == ["timeouts.start-too-short"]
    mend(host, start=60.0)
    host.run("systemctl", "start", "model")
    assert state(host) == "active"
    assert codes(host) == []


def test_a_program_that_never_says_that_it_is_up_runs(host: Host) -> None:
    begin(host, "Type=notify\nTimeoutStartSec=1\nExecStart=/opt/glm/bin/vllm serve /models/glm\n")
    assert codes(host) == ["timeouts.may-never-be-ready"]
    host.run("systemctl", "start", "model", check=False)
    assert codes(host) == ["timeouts.never-ready"]
    mend(host)
    start(host)
    assert state(host) == "active"
    assert codes(host) == []


def test_what_waits_behind_a_start_has_time_enough(host: Host) -> None:
    wait = "/bin/sh -c 'until test -e /run/healthy; do sleep 0.1; done'"
    begin(host, f"TimeoutStartSec=1\nExecStart=/opt/glm/bin/vllm serve /models/glm\nExecStartPost={wait}\n")
    host.run("systemctl", "start", "model", check=False)
    assert codes(host) == ["timeouts.start-too-short"]
    mend(host)
    host.run("touch", "/run/healthy")
    host.run("systemctl", "start", "model")
    assert state(host) == "active"


def test_a_watchdog_that_nobody_feeds_is_taken_out(host: Host) -> None:
    begin(host, "WatchdogSec=1\nExecStart=/opt/glm/bin/vllm serve /models/glm\n")
    host.run("systemctl", "start", "model")
    deadline = time.monotonic() + 60
    while state(host) == "active" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert settled(host) == "failed"
    assert codes(host) == ["timeouts.watchdog-ended"]
    mend(host)
    host.run("systemctl", "start", "model")
    assert host.run("systemctl", "show", "model", "--value", "-p", "WatchdogUSec").stdout.strip() in ("0", "infinity")
    # Twice as long as it lived before.
    host.run("sh", "-c", "sleep 3; systemctl is-active model")


def test_a_life_without_end_is_one(host: Host) -> None:
    begin(host, "RuntimeMaxSec=2\nExecStart=/opt/glm/bin/vllm serve /models/glm\n")
    assert codes(host) == ["timeouts.runtime-too-short"]
    mend(host)
    host.run("systemctl", "start", "model")
    assert host.run("systemctl", "show", "model", "--value", "-p", "RuntimeMaxUSec").stdout.strip() == "infinity"


def test_a_stop_that_took_too_long_has_more_time(host: Host) -> None:
    host.write("/opt/glm/bin/slow", SLOW, 0o755)
    begin(host, "TimeoutStopSec=1\nExecStart=/opt/glm/bin/slow\n")
    start(host)
    host.run("systemctl", "stop", "model", check=False)
    assert codes(host) == ["timeouts.stop-too-short"]
    mend(host)
    host.run("systemctl", "start", "model")
    host.run("systemctl", "stop", "model")
    assert host.run("systemctl", "show", "model", "--value", "-p", "Result").stdout.strip() == "success"


def test_a_unit_that_is_well_has_nothing_to_say(host: Host) -> None:
    begin(host, "ExecStart=/opt/glm/bin/vllm serve /models/glm\n")
    start(host)
    service, found = looked(host)
    assert found.state == "runs"
    assert list(timeouts(found, service, SMALL, Callers())) == []
    assert msgspec.convert(asdict(found), StartUp) == found
