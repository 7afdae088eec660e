"""Names that lead to one machine, and a name that leads to another one than before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_fix.connect.route import Route
from autoglm_fix.engine.results import RunResult
from autoglm_fix.records import Records, place_of
from autoglm_fix.report.machines import machine_notes
from autoglm_fix.report.words import Words

from . import runs
from .test_console import summary


def run(**machines: str) -> RunResult:
    return runs.result(*(replace(runs.HEALTHY, name=name, machine=machine) for name, machine in machines.items()))


def notes(result: RunResult, before: dict[str, str] | None = None) -> list[str]:
    return list(machine_notes(result, before or {}, Words()))


def test_two_names_of_one_machine_are_named() -> None:
    assert notes(run(a="1", b="2", c="1")) == [
        "a,c (2 hosts) show one machine id: they are one machine under several names, or copies of one image."
    ]


def test_a_machine_without_an_id_is_like_no_other() -> None:
    assert notes(run(a="", b="")) == []
    assert notes(run(a=""), {"a": "1"}) == []


def test_a_name_that_leads_to_another_machine_is_named() -> None:
    result = run(a="1", b="2", c="3")
    told = ["a: another machine than in the last run (its machine id has changed)."]
    assert notes(result, {"a": "9", "b": "2"}) == told
    assert told[0] in summary(result, machines={"a": "9"})


def test_many_machines_with_several_names_are_counted() -> None:
    result = run(**{f"h{n}": str(n // 2) for n in range(40)})
    assert len(notes(result)) == 6
    assert notes(result)[-1] == "So do the hosts of 15 more machines."


def test_what_hosts_were_is_remembered_from_run_to_run(tmp_path: Path) -> None:
    records = Records(tmp_path)
    places = {"a": "a ssh 10.0.0.1", "b": "b local"}
    assert records.machines(places) == {}
    records.start("r", "p", {})
    records.note_machines(places, {"a": "1", "b": "2"})
    records.note_machines(places, {"b": "3"})
    assert Records(tmp_path).machines(places) == {"a": "1", "b": "3"}
    assert records.runs() == ["r"]
    (tmp_path / "machines.json").write_text("half")
    assert records.machines(places) == {}


def test_one_name_in_two_inventories_is_two_machines(tmp_path: Path) -> None:
    records = Records(tmp_path)
    here, there = (
        {"gpu01": place_of("gpu01", Route("ssh", address).as_dict())} for address in ("10.0.0.1", "10.1.0.1")
    )
    records.note_machines(here, {"gpu01": "1"})
    assert records.machines(there) == {}
    records.note_machines(there, {"gpu01": "2"})
    assert (records.machines(here), records.machines(there)) == ({"gpu01": "1"}, {"gpu01": "2"})


def test_what_was_remembered_by_name_alone_still_counts_until_more_is_known(tmp_path: Path) -> None:
    records = Records(tmp_path)
    (tmp_path / "machines.json").write_text('{"gpu01": "1", "gpu02": "2"}')
    places = {name: place_of(name, Route("ssh", name, 22).as_dict()) for name in ("gpu01", "gpu02")}
    assert records.machines(places) == {"gpu01": "1", "gpu02": "2"}
    records.note_machines(places, {"gpu01": "9"})
    assert records.machines(places) == {"gpu01": "9", "gpu02": "2"}
    assert records.machines({"gpu01": "gpu01 ssh elsewhere"}) == {}


@pytest.mark.parametrize(
    ("route", "place"),
    [
        (Route(), "gpu01 local"),
        (Route("ssh", "10.0.0.1", 2222, "ops", "/k"), "gpu01 ssh 10.0.0.1:2222"),
        (Route("ssh", "10.0.0.1", options={"proxyjump": "gate", "compression": "yes"}), "gpu01 ssh 10.0.0.1 gate"),
        (Route("docker", "vllm", options={"program": "podman", "host": "ssh://a"}), "gpu01 docker vllm ssh://a"),
    ],
)
def test_a_place_is_what_leads_to_one_machine(route: Route, place: str) -> None:
    assert place_of("gpu01", route.as_dict()) == place
