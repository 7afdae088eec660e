"""A start that fails is said as it is, and what was changed for it can be taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts import Host

from .lab import BEHAVIOUR, FOLDER, STATE, Served, changes, play, playbook, proof, repair, result, step, undo

pytestmark = pytest.mark.slow

DISK2 = "/srv/disk2/name"
LINK_AND_START = (
    "diagnose: weights\nfix: {remap_path: {search: [/srv/disk2]}}",
    "diagnose: service\nfix: restart\nact_on: warning",
)
NO_NUMBER = "Environment=HF_HUB_ETAG_TIMEOUT=soon"


def test_a_service_that_crashes_again_has_failed_with_the_line_that_tells_why(host: Host, served: Served) -> None:
    host.write(BEHAVIOUR, "crash")
    done = repair(host)
    assert (done.code, result(done)["status"], proof(done)) == (2, "failed", "failed")
    seen = step(done, "service")
    assert (seen["status"], changes(done)) == ("failed", [("service", "restart", False)])
    assert "its log ends with: ModuleNotFoundError: No module named 'flash_attn'" in seen["error"]["message"]
    assert result(done)["services"]["autoglm"]["symptom"] in ("refused", "crashed")
    assert served.starts == 1
    assert "No run made from here changed anything" in undo(host).err


def test_where_the_play_says_so_all_is_taken_back(host: Host, served: Served) -> None:
    host.write(BEHAVIOUR, "crash")
    host.run("mkdir", "-p", "/srv/disk2")
    host.run("mv", FOLDER, DISK2)
    before = host.written()
    done = play(host, playbook(host, *LINK_AND_START, play="on_failure: rollback"))
    assert changes(done) == [("weights", "link", True), ("service", "restart", False)]
    assert (done.code, result(done)["rollback"], result(done)["proof"]) == (2, {"status": "restored"}, [])
    assert host.run("test", "-L", FOLDER, check=False).returncode == 1
    left = {path for path, mark in host.written().items() if before.get(path) != mark}
    assert all(path.startswith((STATE, "/root/")) for path in left)
    assert served.state in ("failed", "inactive")


def test_otherwise_what_was_mended_stays_and_can_be_undone(host: Host, served: Served) -> None:
    host.write(BEHAVIOUR, "crash")
    host.run("mkdir", "-p", "/srv/disk2")
    host.run("mv", FOLDER, DISK2)
    done = play(host, playbook(host, *LINK_AND_START))
    assert changes(done) == [("weights", "link", True), ("service", "restart", False)]
    assert [step(done, name)["status"] for name in ("weights", "service")] == ["fixed", "failed"]
    assert (result(done)["rollback"], host.run("readlink", FOLDER).stdout.strip()) == (None, DISK2)
    assert undo(host).code == 0
    assert host.run("test", "-L", FOLDER, check=False).returncode == 1


@pytest.mark.parametrize("on_failure", ["keep", "rollback"])
def test_one_that_ran_and_does_not_come_up_runs_again_with_what_it_ran_with(
    host: Host, served: Served, on_failure: str
) -> None:
    """Its definition is brought back first, then it is started; the play need not say so, for it answered."""
    served.define(NO_NUMBER)
    served.start()
    # With the number mended it does not come up any more.
    served.define(f"{NO_NUMBER}\nExecStartPre=/bin/sh -c 'test $HF_HUB_ETAG_TIMEOUT = soon'")
    path = playbook(
        host,
        "diagnose: timeouts\nfix: set_timeouts",
        "diagnose: service\nfix: restart\nact_on: warning",
        play=f"on_failure: {on_failure}",
    )
    done = play(host, path, "--even-if-working")
    assert changes(done) == [("timeouts", "write_file", True), ("service", "restart", False)]
    assert (done.code, result(done)["status"], result(done)["rollback"]) == (2, "failed", {"status": "restored"})
    assert (served.state, "soon" in served.shown("Environment")) == ("active", True)


def test_one_that_dies_while_it_loads_fails_its_proof_at_once_with_its_last_words(host: Host, served: Served) -> None:
    host.write("/srv/late.py", "import time; time.sleep(12); raise SystemExit('CUDA out of memory. Tried to allocate')")
    served.define(command="/usr/bin/python3 /srv/late.py")
    done = repair(host)
    assert (done.code, step(done, "service")["status"], proof(done)) == (2, "fixed", "failed")
    (judged,) = result(done)["proof"]
    assert judged["symptom"] == "crashed"
    assert "ended instead of becoming ready" in judged["reason"]
    assert result(done)["duration_s"] < 300  # of the 1800 that it would have


@pytest.fixture
def read_only(host: Host) -> Iterator[None]:
    """The models' folder is a mount that takes no changes, and the model is elsewhere."""
    host.run("mkdir", "-p", "/srv/disk2")
    host.run("mv", FOLDER, DISK2)
    host.run("mount", "--bind", "/srv/models", "/srv/models")
    host.run("mount", "-o", "remount,bind,ro", "/srv/models")
    yield
    host.run("umount", "/srv/models")


@pytest.mark.parametrize("dry_run", [True, False])
def test_none_is_planned_for_what_the_host_says_cannot_be_made(
    host: Host, served: Served, read_only: None, dry_run: bool
) -> None:
    done = play(host, playbook(host, *LINK_AND_START), *["--dry-run"][: int(dry_run)])
    assert [(kind, made) for _, kind, made in changes(done)] == [("link", False)]
    assert step(done, "service")["status"] == "unfixed"
    assert [each["code"] for each in step(done, "service")["declined"]] == ["run.in-vain"]
    assert (done.code, served.starts) == (2, 0)
