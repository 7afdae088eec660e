"""``transformers serve`` with a real model, as a unit of systemd: down, well, moved, and down again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import models
from tests.cli.command import Said
from tests.hosts import Host, boot
from tests.hosts.servers import transformers_command

from .lab import ROOT, STATE, Served, changes, inventory, proof, repair, result, step, undo

pytestmark = pytest.mark.slow

MODEL = "/srv/models/smollm2"
MOVED = "/srv/disk2/smollm2"
TAGS = "weights,tokenizer,generation,timeouts,service"
MORE = "Environment=HF_HUB_OFFLINE=1 HF_HOME=/var/tmp/hub OMP_NUM_THREADS=1\nTimeoutStopSec=60"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("host"), share=[models.smollm2()]) as host:
        host.run("mkdir", "-p", "/srv/models", "/srv/disk2", "/root")
        host.run("cp", "-as", models.smollm2(), MODEL)
        yield host


@pytest.fixture(scope="module")
def served(host: Host) -> Served:
    """The service, defined and not started."""
    words = [str(word) for word in transformers_command(Path(MODEL), 8123)]
    of = {"engine": "transformers", "python": sys.executable, "served_model_name": MODEL}
    service = Served(host, "autoglm", 8123, MODEL, of)
    service.define(MORE, command=" ".join(words))
    inventory(host, service.spec)
    return service


def run(host: Host, *arguments: str) -> Said:
    return repair(host, "-e", "max_new_tokens=8", *arguments, tags=TAGS)


@pytest.fixture
def down(host: Host, served: Served) -> Served:
    """As it was found: where a run has started it, that is undone."""
    if served.state != "inactive":
        assert undo(host).code == 0
    return served


@pytest.fixture
def well(host: Host, served: Served) -> Served:
    """Started by a run, and answering."""
    if served.state != "active":
        assert run(host).code == 0
    return served


def test_one_that_is_down_is_started_waited_for_and_proved(host: Host, down: Served) -> None:
    done = run(host)
    assert (done.code, changes(done), proof(done)) == (0, [("service", "restart", True)], "verified")
    (judged,) = result(done)["proof"]
    assert {check["name"]: check["status"] for check in judged["checks"]}["endpoint"] == "pass"
    assert judged["tokens"] > 0


def test_well_as_it_is_nothing_is_written_and_nothing_restarted(host: Host, well: Served) -> None:
    before, pid = host.written(), well.pid
    dry = run(host, "-C")
    assert (dry.code, result(dry)["status"], changes(dry), well.pid) == (0, "clean", [], pid)
    assert {path for path in host.written() if before.get(path) != host.written()[path]} == set()
    again = run(host)
    assert (again.code, proof(again), changes(again), well.pid) == (0, "verified", [], pid)


def test_moved_under_its_feet_it_is_linked_and_not_interrupted(host: Host, well: Served) -> None:
    """It has the model in memory and answers; what its next start needs is mended."""
    pid = well.pid
    host.run("mv", MODEL, MOVED)
    done = run(host, "-e", '{"weights_search": ["/srv/disk2"]}')
    assert (changes(done), well.pid) == ([("weights", "link", True)], pid)
    assert [each["code"] for each in step(done, "service")["declined"]] == ["run.held"]
    assert (done.code, proof(done)) == (0, "verified")
    assert undo(host).code == 0
    host.run("mv", MOVED, MODEL)


def test_undone_it_is_as_it_was_found(host: Host, well: Served) -> None:
    assert undo(host).code == 0
    assert well.state == "inactive"
    assert not [path for path in host.written() if path.startswith((str(ROOT), f"{STATE}/kept"))]
