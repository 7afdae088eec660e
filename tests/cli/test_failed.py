"""``--limit @failed``: a run is repeated where it did not end well."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from autoglm_fix.cli.failed import within
from autoglm_fix.inventory import load_inventory
from autoglm_fix.records import Records
from tests import shards

from .command import Said, autoglm_fix

PLAYBOOK = "- {name: p, hosts: all, steps: [{name: s, diagnose: weights}]}\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Three names of this machine, with models of which none is there."""
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    service = {"python": sys.executable, "model": "/no/such/model"}
    hosts = {name: {"ansible_connection": "local", "service": service} for name in ("gpu1", "gpu2", "gpu3")}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    return inventory


def listed(fleet: Path, limit: str) -> Said:
    return autoglm_fix("run", fleet.parent / "play.yml", "-i", fleet, "-l", limit, "--list-hosts")


@pytest.mark.parametrize("limit", ["@failed", "@failed:20260101T000000-0000"])
def test_every_command_with_a_limit_knows_it(fleet: Path, state_dir: Path, limit: str) -> None:
    record(state_dir, "20260101T000000-0000", gpu1="verified", gpu2="failed", gpu3="clean")
    shown = autoglm_fix("inventory", "-i", fleet, "--list", "-l", limit).document
    assert list(shown["_meta"]["hostvars"]) == ["gpu2"]
    found = autoglm_fix("discover", "-i", fleet, "-l", limit, "--search", fleet.parent, "--format", "json").document
    assert [host["host"] for host in found["hosts"]] == ["gpu2"]
    assert list(autoglm_fix("verify", "-i", fleet, "-l", limit, "--format", "json").document["hosts"]) == ["gpu2"]


def record(state_dir: Path, run: str, **statuses: str) -> None:
    records = Records(state_dir)
    records.start(run, "play.yml", {name: {} for name in statuses})
    hosts = {name: {"status": status} for name, status in statuses.items()}
    records.finish(run, {"run": run, "hosts": hosts}, changed=False)


ALL = ["failed", "ambiguous", "unfixed", "unreachable", "unproved", "unknown", "interrupted", "untouched"]


@pytest.mark.parametrize("status", ALL)
def test_a_host_that_did_not_end_well_is_taken_again(fleet: Path, state_dir: Path, status: str) -> None:
    record(state_dir, "20260101T000000-0000", gpu1="verified", gpu2=status, gpu3="clean")
    said = listed(fleet, "@failed:20260101T000000-0000")
    assert [line.split(":")[0].strip() for line in said.out.splitlines()[1:]] == ["gpu2"]


def test_without_a_run_the_newest_counts(fleet: Path, state_dir: Path) -> None:
    record(state_dir, "20260101T000000-0000", gpu1="failed", gpu2="verified")
    record(state_dir, "20260102T000000-0000", gpu1="verified", gpu2="failed", gpu3="unreachable")
    said = listed(fleet, "@failed")
    assert [line.split(":")[0].strip() for line in said.out.splitlines()[1:]] == ["gpu2", "gpu3"]


EARLIER, LATER = "20260101T000000-0000", "20261122T211400-0a1f"
# Of three hosts, gpu1 and gpu2 failed in the earlier run, gpu2 and gpu3 in the later one.
COMBINED = [
    ("@failed,!gpu2", ["gpu3"]),
    ("@failed:!gpu2", ["gpu3"]),
    ("@failed !gpu2", ["gpu3"]),
    ("!@failed", ["gpu1"]),
    ("gpu*:&@failed", ["gpu2", "gpu3"]),
    ("gpu*,&@failed,!gpu3", ["gpu2"]),
    ("&@failed", ["gpu2", "gpu3"]),
    ("@failed:gpu1", ["gpu2", "gpu3", "gpu1"]),
    ("gpu1:@failed", ["gpu1", "gpu2", "gpu3"]),
    (f"@failed:{EARLIER}:!gpu2", ["gpu1"]),
    (f"@failed:{EARLIER},!gpu2", ["gpu1"]),
    (f"!@failed:{EARLIER}", ["gpu3"]),
    (f"@failed:{EARLIER}:@failed:{LATER}", ["gpu1", "gpu2", "gpu3"]),
    (f"@failed:{EARLIER}:&@failed", ["gpu2"]),
    (f"@failed:{LATER}:!@failed:{EARLIER}", ["gpu3"]),
    ("gpu[2:3]:&@failed:!gpu3", ["gpu2"]),
]


@pytest.mark.parametrize("limit, hosts", COMBINED)
def test_it_is_a_piece_of_a_pattern_like_any_other(
    fleet: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch, limit: str, hosts: list[str]
) -> None:
    record(state_dir, EARLIER, gpu1="failed", gpu2="failed", gpu3="verified")
    record(state_dir, LATER, gpu1="verified", gpu2="failed", gpu3="unreachable")
    monkeypatch.setenv("AUTOGLM_FIX_STATE_DIR", str(state_dir))
    chosen = load_inventory([str(fleet)]).select("all", within(limit))
    assert sorted(host.name for host in chosen) == sorted(hosts)


def test_the_run_that_is_meant_is_said(fleet: Path, state_dir: Path) -> None:
    record(state_dir, LATER, gpu1="verified", gpu2="failed", gpu3="unreachable")
    meant = f"@failed is the run {LATER} of 22 Nov 21:14 UTC, play.yml, on gpu2, gpu3 (dry-runs are not recorded)"
    for limit in ("@failed", "gpu*:&@failed", "@failed,!gpu2"):
        said = autoglm_fix("inventory", "-i", fleet, "--list", "-l", limit, TZ="UTC")
        assert said.err == f"autoglm-fix: {meant}\n"
    assert autoglm_fix("inventory", "-i", fleet, "--list", "-l", f"@failed:{LATER}").err == ""


def test_a_dry_run_is_not_the_newest_run(fleet: Path, state_dir: Path) -> None:
    play = fleet.parent / "play.yml"
    autoglm_fix("run", play, "-i", fleet, "--dry-run", "--no-verify")
    said = listed(fleet, "@failed")
    assert (said.code, "no run is recorded here" in said.err, "Dry-runs are not recorded" in said.err) == (
        4,
        True,
        True,
    )


def test_where_nobody_failed_nobody_is_left_out(fleet: Path, state_dir: Path) -> None:
    record(state_dir, EARLIER, gpu1="verified", gpu2="clean")
    said = listed(fleet, "!@failed")
    assert (said.code, "which ended well everywhere" in said.err) == (0, True)
    assert [line.split(":")[0].strip() for line in said.out.splitlines()[1:]] == ["gpu1", "gpu2", "gpu3"]


def test_of_a_run_that_was_killed_every_host_is_taken_again(fleet: Path, state_dir: Path) -> None:
    Records(state_dir).start("20260101T000000-0000", "play.yml", {"gpu1": {}, "gpu3": {}})
    assert "gpu1" in listed(fleet, "@failed").out
    assert "gpu2" not in listed(fleet, "@failed").out


def test_where_nobody_failed_there_is_nothing_to_repeat(fleet: Path, state_dir: Path) -> None:
    record(state_dir, "20260101T000000-0000", gpu1="verified")
    said = listed(fleet, "@failed")
    assert (said.code, "20260101T000000-0000 ended well on gpu1" in said.err) == (4, True)


def test_a_run_that_nobody_knows_is_an_error_with_those_there_are(fleet: Path, state_dir: Path) -> None:
    assert "no run is recorded here" in listed(fleet, "@failed").err
    record(state_dir, "20260101T000000-0000", gpu1="failed")
    said = listed(fleet, "@failed:20250101T000000-0000")
    assert (said.code, "20260101T000000-0000" in said.err) == (4, True)


MOVED = f"'@failed:{LATER}': this inventory does not have gpu8, gpu9. The run {LATER} of play.yml was on "


@pytest.mark.parametrize("others", ["", ":!gpu2", ":gpu1", ":&gpu*", f":@failed:{LATER}"])
def test_a_run_with_another_inventory_is_one_error_that_names_both(fleet: Path, state_dir: Path, others: str) -> None:
    record(state_dir, LATER, gpu7="verified", gpu8="failed", gpu9="unreachable")
    said = listed(fleet, f"@failed:{LATER}{others}")
    assert (said.code, said.out) == (4, "")
    assert said.err.count("this inventory does not have") == 1
    assert f"{MOVED}gpu7, gpu8, gpu9" in said.err
    assert "Give the inventory of that run with -i." in said.err
    assert "no host or group is named" not in said.err


def test_hosts_that_the_inventory_has_no_more_are_named_and_the_others_offered(fleet: Path, state_dir: Path) -> None:
    record(state_dir, LATER, gpu1="failed", gpu2="clean", gpu3="failed", gpu9="failed")
    said = listed(fleet, "@failed")
    assert (said.code, "'@failed': this inventory does not have gpu9." in said.err) == (4, True)
    assert f"The run {LATER} of play.yml was on gpu1, gpu2, gpu3, gpu9" in said.err
    (typed,) = re.findall("repeat it where it can be: -l (\\S+)", said.err)
    assert [line.split(":")[0].strip() for line in listed(fleet, typed).out.splitlines()[1:]] == ["gpu1", "gpu3"]
    assert listed(fleet, "!@failed").code == 0


def test_the_command_that_repeats_a_run_is_offered_and_works(fleet: Path, tmp_path: Path) -> None:
    hosts = json.loads(fleet.read_text())
    hosts["all"]["hosts"]["gpu2"]["service"]["model"] = str(shards.model(tmp_path / "model"))
    fleet.write_text(json.dumps(hosts))
    said = autoglm_fix("run", tmp_path / "play.yml", "-i", fleet, LANG="C.UTF-8")
    (command,) = [line.split() for line in said.out.splitlines() if "@failed:" in line]
    again = autoglm_fix(*command[1:], "--format", "json").document
    assert (command[0], list(again["hosts"])) == ("autoglm-fix", ["gpu1", "gpu3"])
