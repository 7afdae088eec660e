"""Several services of a host that share a model: each is started for what was changed, and none for another's sake."""

from __future__ import annotations

import pytest

from tests.hosts import Host

from .lab import FOLDER, NO_ROOM, SETTINGS, Served, autoglm_fix, changes, inventory, repair, result, step, undo

pytestmark = pytest.mark.slow

SEARCH = ("-e", '{"weights_search": ["/srv/disk2"]}')


@pytest.fixture
def both(host: Host, served: Served) -> tuple[Served, Served]:
    """Two services with one folder."""
    other = Served(host, "other", 8124)
    other.define()
    inventory(host, served.spec, other.spec)
    return served, other


def states(document: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: each["status"] for name, each in document.items()}


def test_only_the_one_that_is_down_is_started(host: Host, both: tuple[Served, Served]) -> None:
    one, other = both
    pid = one.start()
    done = repair(host)
    assert (done.code, states(result(done)["services"])) == (0, {"autoglm": "verified", "other": "verified"})
    assert changes(done) == [("service", "restart", True)]
    assert step(done, "service", "other")["status"] == "fixed"
    assert (one.pid, one.starts, other.starts) == (pid, 1, 1)
    assert undo(host).code == 0
    assert (one.pid, other.state) == (pid, "inactive")


def test_a_folder_that_both_need_is_linked_once_and_each_started_once(host: Host, both: tuple[Served, Served]) -> None:
    host.run("mkdir", "-p", "/srv/disk2")
    host.run("mv", FOLDER, "/srv/disk2/name")
    done = repair(host, *SEARCH)
    assert (done.code, states(result(done)["services"])) == (0, {"autoglm": "verified", "other": "verified"})
    assert changes(done) == [("weights", "link", True), ("service", "restart", True), ("service", "restart", True)]
    assert [each.starts for each in both] == [1, 1]


def test_a_file_that_both_have_read_is_mended_once_and_each_restarted_once(
    host: Host, both: tuple[Served, Served]
) -> None:
    """The second has nothing to mend any more, and still runs with what it read."""
    host.write(SETTINGS, NO_ROOM)
    for each in both:
        each.start()
    done = repair(host)
    assert (done.code, states(result(done)["services"])) == (0, {"autoglm": "verified", "other": "verified"})
    made = [each for each in changes(done) if each[2]]
    assert made == [
        ("generation_config", "write_file", True),
        ("service", "restart", True),
        ("service", "restart", True),
    ]
    assert [each.starts for each in both] == [2, 2]


def test_one_that_answers_is_not_interrupted_for_the_other(host: Host, both: tuple[Served, Served]) -> None:
    one, other = both
    pid = one.start()
    host.write(SETTINGS, NO_ROOM)
    other.start()
    done = repair(host)
    assert (done.code, states(result(done)["services"])) == (0, {"autoglm": "verified", "other": "verified"})
    assert (one.pid, one.starts, other.starts) == (pid, 1, 2)
    assert [each["code"] for each in step(done, "service", "autoglm")["declined"]] == ["run.held"]


def test_what_another_answers_on_a_port_that_both_have_does_not_prove_one_that_failed(
    host: Host, served: Served
) -> None:
    other = Served(host, "other", served.port)
    other.define(command="/bin/false")
    inventory(host, served.spec, other.spec)
    served.start()
    host.run("systemctl", "start", "other")
    host.run("sh", "-c", "until systemctl is-failed -q other; do sleep 0.1; done")
    told = ("verify", "-i", "/root/inventory.yml", "-e", "require_gpu=false", "--format", "json")
    done = autoglm_fix(host, *told, "--service", "other")
    (proof,) = done.document["hosts"]["localhost"]["proof"]
    assert (done.code, proof["status"]) == (2, "failed")
    assert proof["reason"].startswith("autoglm.service answers on that port")
    assert autoglm_fix(host, *told, "--service", "autoglm").code == 0
