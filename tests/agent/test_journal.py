"""What a host's journal says after its last line was cut off: by a full disk, or by a machine that lost power."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent import apply
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.drained import drained
from autoglm_fix.agent.journal import BrokenJournal, Journal
from autoglm_fix.agent.state import State


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(State(str(tmp_path)), "20261122T110000-ab12")
    made.append({"intent": 0, "step": "第一步"})
    return made


def file_of(journal: Journal) -> Path:
    return Path(journal.folder) / "journal.jsonl"


@pytest.mark.parametrize("torn", [b'{"intent": 1, "st', '{"intent": 1, "step": "第'.encode()[:-1], b"{"])
def test_a_line_that_was_cut_off_is_no_entry(journal: Journal, torn: bytes) -> None:
    with file_of(journal).open("ab") as file:
        file.write(torn)
    assert [entry["intent"] for entry in journal.entries()] == [0]


@pytest.mark.parametrize("torn", [b'{"intent": 1, "st', '{"intent": 1, "step": "第'.encode()[:-1], b"{"])
def test_what_follows_a_line_that_was_cut_off_is_an_entry(journal: Journal, torn: bytes) -> None:
    with file_of(journal).open("ab") as file:
        file.write(torn)
    journal.append({"outcome": 0, "result": "reverted"})
    assert [set(entry) - {"at"} for entry in journal.entries()] == [{"intent", "step"}, {"outcome", "result"}]


def test_a_journal_that_holds_nothing_but_a_torn_line_begins_anew(journal: Journal) -> None:
    file_of(journal).write_bytes(b'{"intent": 0')
    journal.append({"intent": 0, "step": "again"})
    assert [entry["step"] for entry in journal.entries()] == ["again"]


BROKEN = [b"{]", b"null", b"{}", b"[1]", b"\xff\xfe", b"", b'{"intent": 1, "st\x00\x00']


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Three runs that changed a file each and were cut off in it; the journal of the second is broken in its middle."""
    state = State(str(tmp_path / "state"))
    for run in ("1", "2", "3"):
        path = tmp_path / f"file{run}"
        path.write_text("new")
        journal = Journal(state, run)
        inverse = {"path": str(path), "staged": f"{path}.new", "kept": None, "made": [], "scratch": None}
        drain = {"kind": "drain", "path": f"glm{run}"}
        journal.append({"intent": 0, "step": "s", "change": drain, "before": {}})
        journal.append({"outcome": 0, "result": "made"})
        journal.append({"intent": 2, "step": "s", "change": {"kind": "write_file"}, "inverse": inverse})
    return state


def break_(state: State, run: str, line: bytes) -> Path:
    path = file_of(Journal(state, run))
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, line + b"\n", *others]))
    return path


@pytest.mark.parametrize("line", BROKEN)
def test_a_line_that_is_broken_in_the_middle_is_named_with_what_to_do(state: State, line: bytes) -> None:
    path = break_(state, "2", line)
    with pytest.raises(BrokenJournal, match=f"line 2 of {path} is broken.*bring back by hand"):
        Journal(state, "2").entries()


def test_a_broken_journal_keeps_no_other_run_from_being_put_back(state: State, tmp_path: Path) -> None:
    path = break_(state, "2", b"{]")
    as_it_was = path.read_bytes()
    told: list[Any] = []
    assert apply.recover(Context(emit=told.append), state) == [str(tmp_path / "file1"), str(tmp_path / "file3")]
    assert [(tmp_path / f"file{run}").exists() for run in "123"] == [False, True, False]
    assert [str(path) in each.get("line", "") for each in told if each["event"] == "log"] == [True]
    assert path.read_bytes() == as_it_was


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("dry_run", [False, True])
def test_an_undo_of_a_run_whose_journal_is_broken_touches_nothing(
    state: State, tmp_path: Path, force: bool, dry_run: bool
) -> None:
    path = break_(state, "2", b"{]")
    (entry,) = apply.undo(Context(), state, "2", force, dry_run)
    assert (entry["path"], entry["state"], entry["interrupts"]) == (str(path), "failed", False)
    assert "line 2" in entry["problem"]
    assert (tmp_path / "file2").read_text() == "new"


def test_a_broken_journal_hides_no_service_that_another_run_has_drained(state: State) -> None:
    break_(state, "2", b"{]")
    assert drained(state) == {"glm1": "1", "glm3": "3"}
