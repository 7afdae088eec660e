"""A night with a fleet: real hosts behind a bastion, some of them in trouble, and the command line as it is typed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import pytest

from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Become, Credentials
from autoglm_fix.engine.undoing import Undo
from tests.cli.test_terminal import QUESTION, Terminal
from tests.connect.accounts import Account
from tests.inventory.vaults import value
from tests.services.conftest import BUILD
from tests.services.lab import NO_ROOM, ROOT, SETTINGS, Served

from .lab import BROKEN, MODEL, PASSWORD, STATE, Fleet, fleet

pytestmark = pytest.mark.slow

PLAIN = ("gpu01", "gpu02", "gpu03", "gpu04", "gpu05", "gpu06")
PHONES = ("phone01", "phone02")
TO_MEND = ("gpu01", "gpu02", "gpu03")
HOLD = "/etc/autoglm-fix/hold"
SERIAL = """\
- name: Weights
  hosts: workers
  serial: [1, 100%]
  steps:
    - name: Every weight file is there
      diagnose: weights
      fix:
        - fetch_weights: {from: "{{ weights_source }}"}
"""
# The host's clock is the machine's, so that what several balancers were told can be put in one order.
BALANCER = """#!/bin/sh
echo "$(date +%s%N) $1 $(hostname)" >>/srv/balancer
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """gpu04 is on hold, gpu05 takes another password, gpu06 shows another key, and nothing listens on gpu07."""
    with fleet(tmp_path_factory.mktemp("fleet"), value(PASSWORD), PLAIN, PHONES) as made:
        nobody = {"ansible_host": "gpu01", "ansible_port": 9}
        made.write_inventory(
            {"gpu07": nobody},
            workers={"hosts": {"gpu[01:07]": None}},
            phones={"hosts": {"phone[01:02]": None}},
        )
        made.hosts["gpu04"].write(HOLD, "Ann measures until Friday\n")
        made.hosts["gpu05"].run("chpasswd", stdin="ops:another\n")
        keys = made.known.read_text()
        made.known.write_text(keys.replace(made.hosts["gpu06"].host_key, made.hosts["gpu01"].host_key))
        _serve(made)
        yield made


def _serve(made: Fleet) -> None:
    """The phones serve a model, with a balancer before it."""
    for name in PHONES:
        host = made.hosts[name]
        host.write("/usr/local/bin/balancer", BALANCER, 0o755)
        told = {each: ["/usr/local/bin/balancer", each] for each in ("drain", "undrain")}
        served = Served(host, "autoglm", 8123, more=told)
        host.run("rm", "-rf", MODEL)
        host.run(sys.executable, "-c", BUILD, MODEL, env={"PYTHONPATH": str(ROOT)})
        served.define()
        served.start()
    (made.inventory / "group_vars" / "phones.yml").write_text(json.dumps({"service": served.spec}))


@pytest.fixture
def there(whole: Fleet) -> Fleet:
    """The fleet, with a shard cut off on gpu01 to gpu04."""
    whole.break_(*TO_MEND, "gpu04")
    return whole


def newest() -> str:
    """The id of the newest run that was recorded."""
    return max(os.listdir(f"{os.environ['AUTOGLM_FIX_STATE_DIR']}/records"))


def test_what_a_run_would_be_about_is_said_without_contacting_anybody(there: Fleet) -> None:
    before = there.written()
    graph = there.call(*there.asked("inventory --graph"))
    listed = there.call(*there.weights("-l", "gpu[01:03]:&workers:!gpu02", "--list-hosts"))
    assert (graph.code, listed.code, there.call(*there.weights("--syntax-check")).code) == (0, 0, 0)
    assert "  |--@phones:\n  |  |--phone01\n  |  |--phone02" in graph.out
    assert [line.strip().split(":")[0] for line in listed.out.splitlines()[1:]] == ["gpu01", "gpu03"]
    wrong = there.call(*there.weights("-l", "wokers", "--list-hosts"))
    assert (wrong.code, "Did you mean 'workers'?" in wrong.err) == (4, True)
    assert there.written() == before


def test_a_dry_run_names_each_trouble_and_writes_nothing_on_any_host(there: Fleet) -> None:
    before = there.written()
    said = there.call(*there.weights("-l", "workers", "--dry-run"))
    assert there.written() == before
    assert said.code == 2
    assert "Plan for gpu[01:03] (3 hosts)" in said.out
    for once in (
        "gpu05: failed\n  why    sudo on gpu05 did not accept the password for becoming root",
        "gpu07: unreachable\n",
        "gpu06: unreachable\n  why    the host key of gpu06 has changed",
        "no fix: this host is on hold (Ann measures until Friday)",
        "Dry run: nothing was changed; 3 changes would be made on 3 hosts.",
    ):
        assert said.out.count(once) == 1, once
    offered = said.out.partition("To make these changes:\n")[2].splitlines()[0]
    assert " -l workers " in offered and offered.endswith("-t weights --no-verify")


def test_one_host_is_changed_before_the_others_and_the_run_is_repeated_where_it_failed(there: Fleet) -> None:
    playbook = there.folder / "serial.yml"
    playbook.write_text(SERIAL)
    given = there.asked("run", playbook, "-e", f"weights_source={there.good}")
    said = there.call(*given, "--format", "jsonl")
    events = [json.loads(line) for line in said.out.splitlines()]
    batches = [event["hosts"] for event in events if event["event"] == "batch-started"]
    assert batches == [["gpu01"], ["gpu02", "gpu03"]]
    statuses = {name: host["status"] for name, host in events[-1]["result"]["hosts"].items()}
    assert statuses == {
        **dict.fromkeys(TO_MEND, "clean"),
        "gpu04": "unfixed",
        "gpu05": "failed",
        **dict.fromkeys(("gpu06", "gpu07"), "unreachable"),
    }
    assert said.code == 2
    assert [there.is_whole(name) for name in PLAIN[:4]] == [True, True, True, False]
    again = there.call(*given, "-l", f"@failed:{newest()}", "--list-hosts")
    assert [line.strip() for line in again.out.splitlines()[1:]] == [f"gpu0{n}: name" for n in (4, 5, 6, 7)]
    healthy = there.call(*given, "-l", "gpu01", "--format", "json")
    assert (healthy.code, healthy.document["counts"]) == (0, {"clean": 1})


def test_an_undo_brings_back_every_host_that_it_reaches_and_later_the_rest(there: Fleet) -> None:
    before = there.written(journals=False)
    run = there.call(*there.weights("-l", "workers"))
    offered = run.out.partition("To take the changes back:\n")[2].splitlines()[0].split()[1:]
    cable(there, "gpu03", "down")
    try:
        first = there.call(*offered, "--yes")
    finally:
        cable(there, "gpu03", "up")
    assert first.code == 3, first.out + first.err
    assert f"gpu[01:02] (2 hosts): put back {MODEL}/{BROKEN}" in first.out
    assert "Not brought back: gpu03." in first.out
    assert not {"gpu05", "gpu06", "gpu07"} & set(first.out.replace(":", " ").split())
    assert "undone" not in there.call("history").out
    second = there.call(*offered, "--yes")
    assert (second.code, f"gpu03: put back {MODEL}/{BROKEN}" in second.out) == (0, True), second.out
    assert there.written(journals=False) == before
    assert "undone" in there.call("history").out


def cable(there: Fleet, name: str, state: str) -> None:
    host = there.hosts[name]
    host.run("ip", "link", "set", "eth0", state)
    if state == "up":
        host.run("ip", "route", "replace", "default", "via", str(IPv4Address(host.address) - 1))


def test_a_password_that_is_refused_is_tried_once(there: Fleet) -> None:
    """An undo begins with the host's lock: one more try there may be the one that locks the account."""
    host = there.hosts["gpu05"]
    host.write("/etc/sudoers.d/log", "Defaults logfile=/var/log/tries\n", 0o440)
    route = Account(host, "ops").route(Become())
    with Connections() as connections:
        connect = partial(connections.open, "gpu05", route, Credentials(become_password="wrong"))
        undo = Undo("20261122T110000-ab12", "20261122T110001-ab12", "tests", {"gpu05": (connect, STATE)}, print)
        (outcome,) = undo.carry_out(force=False)
    assert outcome.error is not None and not outcome.unreachable
    assert outcome.error.code == "become.wrong-password"
    assert host.read("/var/log/tries").count("incorrect password attempt") == 1


def test_whoever_does_not_agree_to_the_plan_changes_nothing(there: Fleet) -> None:
    before = there.written()
    terminal = Terminal(*there.weights("-l", "workers"))
    terminal.wait_for(QUESTION)
    terminal.type("n\n")
    assert terminal.end() == 2
    assert "Traceback" not in terminal.screen
    assert PASSWORD not in terminal.screen
    assert there.written() == before


def order(there: Fleet) -> list[str]:
    """What the balancers were told, by all phones, in order; and it is forgotten."""
    lines = [line.split() for name in PHONES for line in there.hosts[name].read("/srv/balancer").splitlines()]
    for name in PHONES:
        there.hosts[name].run("rm", "/srv/balancer")
    return [what for _, what, _ in sorted(lines)]


def test_replicas_that_answer_are_interrupted_one_at_a_time_and_so_they_are_when_it_is_undone(there: Fleet) -> None:
    for name in PHONES:
        there.hosts[name].write(SETTINGS, NO_ROOM)
    tags = "weights,tokenizer,generation,service"
    given = there.asked("run no-output", "-l", "phones", "-t", tags, "-e", "require_gpu=false", "--format", "json")
    said = there.call(*given, "--even-if-working")
    assert (said.code, said.document["counts"]) == (0, {"verified": 2}), said.out
    assert order(there) == ["drain", "undrain"] * 2
    undone = there.call(*there.asked("undo", "--yes"))
    assert undone.code == 0, undone.out
    assert order(there) == ["drain", "undrain"] * 2
    assert there.hosts["phone02"].read(SETTINGS) == NO_ROOM


def test_what_hosts_hold_is_told_once_for_those_that_hold_the_same(there: Fleet) -> None:
    said = there.call(*there.asked("discover", "-l", "workers"))
    assert said.code == 2
    assert "No service of a model was found on gpu[01:04] (4 hosts), running or defined." in said.out
    assert said.err.count("could not be looked at") == 3
    assert "\n  It was tried once only" in said.err
