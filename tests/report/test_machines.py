"""Names that lead to one machine, and a name that leads to another one than before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autoglm_fix.engine.results import RunResult
from autoglm_fix.records import Records
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
    assert records.machines() == {}
    records.start("r", "p", {})
    records.note_machines({"a": "1", "b": "2"})
    records.note_machines({"b": "3"})
    assert Records(tmp_path).machines() == {"a": "1", "b": "3"}
    assert records.runs() == ["r"]
    (tmp_path / "machines.json").write_text("half")
    assert records.machines() == {}
