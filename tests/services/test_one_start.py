"""What is changed for a service takes effect by one start, after everything else, and undo goes the same way back."""

from __future__ import annotations

import sys

import pytest

from tests.hosts import Host
from tests.shards import shard_name

from .lab import (
    BEHAVIOUR,
    FOLDER,
    NO_ROOM,
    ROOT,
    SETTINGS,
    Served,
    asked,
    autoglm_fix,
    changes,
    play,
    playbook,
    proof,
    repair,
    result,
    step,
    undo,
)

pytestmark = pytest.mark.slow

SHARD = shard_name(2)
# A matrix with a few numbers that are none, which only a look at every byte shows.
NANS = """
import pathlib, sys
from tests.diagnostics import broken_weights as breaks
breaks.put(breaks.SECOND, breaks.UP_PROJ, 1000, b"\\x81\\x7f" * 40)(pathlib.Path(sys.argv[1]))
"""
DISK2 = "/srv/disk2/name"
SEARCH = ("-e", '{"weights_search": ["/srv/disk2"]}')
NO_NUMBER = "Environment=HF_HUB_ETAG_TIMEOUT=soon"
ONLY_ON_TIME = "diagnose: timeouts\nfix: set_timeouts"


def move_the_model(host: Host) -> None:
    host.run("mkdir", "-p", "/srv/disk2")
    host.run("mv", FOLDER, DISK2)


def paths(said: str) -> list[str]:
    """What an undo has brought back, in order."""
    return [line.rpartition(" ")[2] for line in said.splitlines()[1:]]


@pytest.mark.parametrize("how", ["stopped", "failed"])
def test_a_service_that_is_down_is_started_once_and_undo_stops_it_again(host: Host, served: Served, how: str) -> None:
    if how == "failed":
        host.run("mv", FOLDER, f"{FOLDER}-away")
        host.run("systemctl", "start", "autoglm", check=False)
        host.run("sh", "-c", "until systemctl is-failed -q autoglm; do sleep 0.05; done")
        host.run("mv", f"{FOLDER}-away", FOLDER)
    starts, before = served.starts, served.state
    dry = repair(host, "-C")
    assert (dry.code, changes(dry)) == (0, [("service", "restart", False)])
    assert (step(dry, "service")["status"], result(dry)["status"]) == ("pending", "pending")
    assert (served.starts, served.state) == (starts, before)
    done = repair(host)
    assert (done.code, changes(done)) == (0, [("service", "restart", True)])
    assert (step(done, "service")["status"], proof(done), result(done)["status"]) == ("fixed", "verified", "verified")
    assert result(done)["services"]["autoglm"]["symptom"] == "refused"
    assert (served.starts, served.state) == (starts + 1, "active")
    again = repair(host)
    assert (again.code, changes(again), served.starts) == (0, [], starts + 1)
    assert undo(host).code == 0
    assert served.state == "inactive"


def test_where_the_model_moved_too_it_is_linked_first_and_the_service_started_last(host: Host, served: Served) -> None:
    move_the_model(host)
    dry = repair(host, "-C", *SEARCH)
    assert changes(dry) == [("weights", "link", False), ("service", "restart", False)]
    assert step(dry, "service")["provisional"] == step(dry, "weights")["name"]
    done = repair(host, *SEARCH)
    assert changes(done) == [("weights", "link", True), ("service", "restart", True)]
    assert (done.code, proof(done), served.starts) == (0, "verified", 1)
    assert paths(undo(host).out) == [FOLDER, "autoglm.service"]
    assert served.state == "inactive"
    assert host.run("test", "-e", FOLDER, check=False).returncode == 1


@pytest.mark.parametrize(("tags", "beside"), [("generation,service", "service"), ("generation", "generation_config")])
def test_a_file_that_was_read_at_the_start_is_mended_and_the_service_restarted(
    host: Host, served: Served, tags: str, beside: str
) -> None:
    host.write(SETTINGS, NO_ROOM)
    pid = served.start()
    dry = repair(host, "-C", tags=tags)
    assert changes(dry) == [("generation_config", "write_file", False), (beside, "restart", False)]
    assert step(dry, beside)["status"] == "pending"
    if beside == "service":
        assert step(dry, "service")["provisional"] == step(dry, "generation_config")["name"]
    assert served.pid == pid
    done = repair(host, tags=tags)
    assert changes(done) == [("generation_config", "write_file", True), (beside, "restart", True)]
    assert (step(done, beside)["status"], proof(done), done.code) == ("fixed", "verified", 0)
    assert result(done)["services"]["autoglm"]["symptom"] == "empty"
    assert result(done)["services"]["autoglm"]["cause"] == "generation_config.no-room"
    assert (served.starts, served.pid == pid) == (2, False)
    assert changes(repair(host, tags=tags)) == []
    assert paths(undo(host).out) == [SETTINGS, "autoglm.service"]
    assert (served.starts, served.state, host.read(SETTINGS)) == (3, "active", NO_ROOM)


@pytest.mark.parametrize("linked", ["the folder", "the file"])
def test_an_edit_behind_a_link_is_one_of_what_was_read(host: Host, served: Served, linked: str) -> None:
    host.run("mkdir", "-p", "/srv/disk2")
    path = FOLDER if linked == "the folder" else SETTINGS
    host.run("mv", path, DISK2)
    host.run("ln", "-s", DISK2, path)
    host.write(SETTINGS, NO_ROOM)
    served.start()
    done = repair(host)
    assert changes(done) == [("generation_config", "write_file", True), ("service", "restart", True)]
    assert (done.code, proof(done), served.starts) == (0, "verified", 2)


def test_a_changed_definition_is_taken_over_by_one_restart_in_a_play_that_does_not_look_at_the_service(
    host: Host, served: Served
) -> None:
    served.define(NO_NUMBER)
    host.write(BEHAVIOUR, "empty")
    pid = served.start()
    path = playbook(host, ONLY_ON_TIME, verify=False)
    dry = play(host, path, "-C")
    assert changes(dry) == [("timeouts", "write_file", False), ("timeouts", "restart", False)]
    done = play(host, path)
    assert (done.code, step(done, "timeouts")["status"]) == (0, "fixed")
    assert changes(done) == [("timeouts", "write_file", True), ("timeouts", "restart", True)]
    assert (served.starts, served.pid == pid, "soon" in served.shown("Environment")) == (2, False, False)
    assert play(host, path).document["counts"] == {"clean": 1}
    assert undo(host).code == 0
    assert (served.starts, served.state, "soon" in served.shown("Environment")) == (3, "active", True)


def test_a_deeper_look_that_mends_more_is_followed_by_a_start_of_its_own(host: Host, served: Served) -> None:
    """What only every byte shows is looked for once the proof has failed; the service has to read it anew."""
    served.define("Environment=GOOD=/srv/good/name")
    host.run(sys.executable, "-c", NANS, FOLDER, env={"PYTHONPATH": str(ROOT)})
    done = repair(host, "-e", "weights_source=/srv/good/name")
    assert changes(done) == [
        ("weights", "fetch_file", True),
        ("service", "restart", True),
        ("service", "restart", True),
    ]
    assert [step(done, name)["status"] for name in ("weights", "service")] == ["fixed", "fixed"]
    assert (done.code, proof(done), served.starts) == (0, "verified", 2)
    assert undo(host).code == 0
    assert served.state == "inactive"
    assert host.run("cmp", f"{FOLDER}/{SHARD}", f"/srv/good/name/{SHARD}", check=False).returncode == 1


def test_where_a_deeper_look_finds_nothing_more_no_second_plan_is_made_of_it(host: Host, served: Served) -> None:
    host.write(BEHAVIOUR, "bang")
    text = autoglm_fix(host, *asked("-e", "weights_source=/srv/good/name"))
    assert (text.code, served.starts) == (2, 1)
    assert "A second, deeper look" not in text.out


def test_two_steps_that_need_a_start_share_one(host: Host, served: Served) -> None:
    served.define(NO_NUMBER)
    host.write(SETTINGS, NO_ROOM)
    served.start()
    done = repair(host, tags="generation,timeouts,service")
    assert changes(done) == [
        ("generation_config", "write_file", True),
        ("timeouts", "write_file", True),
        ("service", "restart", True),
    ]
    assert (done.code, served.starts, proof(done)) == (0, 2, "verified")


def test_a_service_that_has_started_by_itself_since_is_not_started_again(host: Host, served: Served) -> None:
    """As one does whose manager tries again and again, once the model is where it looks."""
    move_the_model(host)
    served.define("Restart=always\nRestartSec=100ms\n[Unit]\nStartLimitIntervalSec=0")
    host.run("systemctl", "start", "autoglm")
    done = repair(host, *SEARCH)
    starts = served.starts
    assert (done.code, proof(done), served.state) == (0, "verified", "active")
    assert repair(host, *SEARCH).code == 0
    assert served.starts == starts
