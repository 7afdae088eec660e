"""Two hosts with one filesystem: what is on it is repaired once, by the first, and read from by so many at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from autoglm_fix.engine.bound import BoundFix
from autoglm_fix.engine.events import Doing
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.results import StepStatus
from tests.engine.pair import MEND
from tests.engine.plays import Step
from tests.hosts import Host

from .lab import Served
from .several_hosts import STATE, Heard, carry_out, made, model, target

pytestmark = pytest.mark.slow
NAMES = ("gpu01", "gpu02")


@pytest.fixture
def mounts(host: Host) -> Iterator[list[str]]:
    """One folder with a model, as two hosts have it mounted: each elsewhere."""
    if shutil.which("bindfs") is None:
        pytest.skip("bindfs is needed for a shared filesystem: scripts/lab installs it")
    model(host, "glm")
    host.run("sh", "-c", "test -e /dev/fuse || mknod /dev/fuse c 10 229")
    host.run("mkdir", "-p", "/srv/nas", "/mnt/gpu01", "/mnt/gpu02")
    host.run("mv", "/srv/models/glm", "/srv/nas/glm")
    places = [f"/mnt/{name}" for name in NAMES]
    for place in places:
        if host.run("bindfs", "/srv/nas", place, check=False).returncode:
            pytest.skip("no filesystem can be mounted on a host here")
    yield places
    for place in places:
        host.run("umount", "-l", place)
    host.run("rm", "-rf", "/srv/nas", STATE)


def test_the_first_repairs_it_and_the_other_finds_it_healthy(host: Host, mounts: list[str]) -> None:
    places = dict(zip(NAMES, mounts, strict=True))
    targets = [
        target(host, name, {"model": f"{place}/glm"}, steps=[Step("text")], proved=False)
        for name, place in places.items()
    ]
    told = carry_out(*targets, dry_run=True)
    shown = [change.shared for name in NAMES for step in told.hosts[name].steps for change in step.changes]
    assert shown == ["fuse /srv/nas/glm/model.txt"] * 2

    result = carry_out(*targets)
    steps = {name: result.hosts[name].steps[0] for name in NAMES}
    assert sorted(made(result, name) for name in NAMES) == [[], ["write_file"]]
    assert {step.status for step in steps.values()} == {StepStatus.FIXED, StepStatus.HEALTHY}
    assert (host.read("/srv/nas/glm/model.txt"), result.counts) == ("good", {"clean": 2})
    assert "lock" not in host.run("ls", "-a", "/srv/nas/glm").stdout


def test_a_lock_of_another_controller_is_respected(host: Host, mounts: list[str]) -> None:
    host.write("/srv/nas/glm/.model.txt.autoglm-fix-lock", '{"by": "run 7 of li", "host": "gpu44", "since": "noon"}')
    result = carry_out(target(host, "gpu01", {"model": f"{mounts[0]}/glm"}, steps=[Step("text")], proved=False))
    (step,) = result.hosts["gpu01"].steps
    assert step.error is not None
    assert "run 7 of li on gpu44, since noon" in str(step.error.values["message"])
    assert host.read("/srv/nas/glm/model.txt") == "bad"


def test_services_that_have_read_what_another_host_mended_are_started_once_each_and_load_one_after_the_other(
    host: Host, mounts: list[str]
) -> None:
    served = []
    for number, (name, place) in enumerate(zip(NAMES, mounts, strict=True)):
        each = Served(host, name, 8220 + number, f"{place}/glm", {"served_model_name": name})
        each.define(reload=False)
        served.append(each)
    host.run("systemctl", "daemon-reload")
    heard = Heard()
    mends = Step("text", fixes=[BoundFix(MEND, {"risk": "restart"})])
    targets = [target(host, each.name, each, steps=[mends]) for each in served]
    result = carry_out(*targets, limits=Limits(max_loading=1), listen=heard)
    for each in served:
        host.run("systemctl", "stop", each.name)
        host.run("rm", each.unit)
    assert result.hosts["gpu01"].steps[0].error is None
    assert sorted(made(result, name) for name in NAMES) == [["restart"], ["write_file", "restart"]]
    waited = [event.what for event in heard.events if isinstance(event, Doing) and event.phase == "wait"]
    assert waited == ["fuse /srv/nas"]
