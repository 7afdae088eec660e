"""Changes on real files: each is kept before it is made, and every one of them comes back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent import apply
from autoglm_fix.agent.changes import to_wire
from autoglm_fix.agent.changes.keep import Inverse, keep, put_back, replace
from autoglm_fix.agent.changes.link import Link
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.journal import Journal
from autoglm_fix.agent.state import State
from tests.disks import disk, make_read_only

CTX = Context()


@pytest.fixture
def state(state_dir: Path) -> State:
    return State(str(state_dir))


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    with disk(tmp_path / "disk") as folder:
        yield folder


def edit(path: Path, new: str) -> dict[str, Any]:
    old = path.read_bytes() if path.exists() else None
    before = None if old is None else hashlib.sha256(old).hexdigest()
    after = hashlib.sha256(new.encode()).hexdigest()
    return to_wire(WriteFile(str(path), [(0, len(old or b""), new)], before, after))


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
        found[str(path.relative_to(folder))] = (content, stat.st_mode, stat.st_uid, stat.st_gid, stat.st_ino)
    return found


def make(state: State, *changes: dict[str, Any], run: str = "run") -> list[dict[str, Any]]:
    return apply.apply(CTX, state, run, "step", list(changes))


def undo(state: State, *, run: str = "run", force: bool = False, dry_run: bool = False) -> list[dict[str, Any]]:
    return apply.undo(CTX, state, run, force, dry_run)


def test_an_edit_keeps_mode_and_owner(tmp_path: Path, state: State) -> None:
    path = tmp_path / "config.json"
    path.write_text("old")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
    was = path.stat()
    assert make(state, edit(path, "new")) == [{"made": True}]
    now = path.stat()
    assert path.read_text() == "new"
    assert (now.st_mode, now.st_uid, now.st_gid) == (was.st_mode, was.st_uid, was.st_gid)


def test_a_new_file_is_as_closed_as_the_one_whose_words_it_repeats(tmp_path: Path, state: State) -> None:
    unit, drop_in = tmp_path / "model.service", tmp_path / "model.service.d" / "new.conf"
    unit.write_text("ExecStart=serve --api-key secret")
    unit.chmod(0o600)
    assert make(state, {**edit(drop_in, "new"), "like": str(unit)}) == [{"made": True}]
    assert drop_in.stat().st_mode == unit.stat().st_mode
    assert make(state, {**edit(tmp_path / "other.conf", "new"), "like": str(tmp_path / "gone")}) == [{"made": True}]


@pytest.mark.parametrize("there", ["nothing", "file", "link", "folder"])
def test_undo_brings_back_what_a_link_replaced(tmp_path: Path, state: State, there: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    path = tree / "deep" / "er" / "model"
    if there != "nothing":
        path.parent.mkdir(parents=True)
    if there == "file":
        path.write_text("a file")
    elif there == "link":
        path.symlink_to("/gone")
    elif there == "folder":
        path.mkdir()
        (path / "config.json").write_text("{}")
    before = snapshot(tree)
    assert make(state, to_wire(Link(str(path), str(tmp_path)))) == [{"made": True}]
    assert os.readlink(path) == str(tmp_path)
    assert [entry["state"] for entry in undo(state)] == ["removed" if there == "nothing" else "restored"]
    assert snapshot(tree) == before


def test_folders_that_a_change_makes_belong_to_whom_the_one_above_belongs(tmp_path: Path, state: State) -> None:
    if os.geteuid() != 0:
        pytest.skip("another owner needs root")
    os.chown(tmp_path, 12, 34)
    make(state, to_wire(Link(str(tmp_path / "a" / "b" / "link"), "/")))
    assert [(path.stat().st_uid, path.stat().st_gid) for path in (tmp_path / "a", tmp_path / "a" / "b")] == [
        (12, 34)
    ] * 2


def test_changes_are_undone_newest_first_also_on_one_path(tmp_path: Path, state: State) -> None:
    path = tmp_path / "config.json"
    path.write_text("one")
    before = snapshot(tmp_path)
    make(state, edit(path, "two"))
    make(state, edit(path, "three"))
    assert [entry["state"] for entry in undo(state)] == ["restored", "restored"]
    assert snapshot(tmp_path) == before
    assert undo(state) == []


def test_what_lies_on_another_filesystem_is_kept_there(other_disk: Path, state: State) -> None:
    path = other_disk / "shard"
    path.write_text("old")
    before = snapshot(other_disk)
    make(state, edit(path, "new"))
    kept = [p for p in other_disk.rglob("*") if p.is_file() and p.read_text() == "old"]
    assert [str(p.relative_to(other_disk)) for p in kept] == [".autoglm-fix/run/0"]
    undo(state)
    assert snapshot(other_disk) == before


def test_a_dry_undo_tells_and_touches_nothing(tmp_path: Path, state: State) -> None:
    path = tmp_path / "config.json"
    path.write_text("one")
    make(state, edit(path, "two"))
    coming = {"path": str(path), "state": "would-restore", "problem": None, "interrupts": False}
    assert undo(state, dry_run=True) == [coming]
    assert path.read_text() == "two"


def test_undo_refuses_everything_where_one_path_was_edited_since(tmp_path: Path, state: State) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1")
    second.write_text("2")
    make(state, edit(first, "one"), edit(second, "two"))
    first.write_text("mine")
    assert {entry["state"] for entry in undo(state)} == {"refused"}
    assert (first.read_text(), second.read_text()) == ("mine", "two")
    assert {entry["state"] for entry in undo(state, force=True)} == {"restored"}
    assert (first.read_text(), second.read_text()) == ("1", "2")


def test_a_change_that_fails_leaves_its_path_and_stops_the_rest(tmp_path: Path, state: State) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1")
    second.write_text("2")
    changes = edit(first, "one"), edit(second, "two")
    first.write_text("edited meanwhile")
    before = snapshot(tmp_path)
    (result,) = make(state, *changes)
    assert not result["made"]
    assert "was edited since it was looked at" in result["problem"]
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("cut_off", ["before staging", "while staging", "before the rename", "after the rename"])
def test_a_change_that_was_cut_off_is_put_back_at_the_next_contact(tmp_path: Path, state: State, cut_off: str) -> None:
    path = tmp_path / "config.json"
    path.write_text("old")
    before = snapshot(tmp_path)
    journal = Journal(state, "killed")
    staged = tmp_path / ".config.json.autoglm-fix-new"
    os.makedirs(journal.folder)
    inverse = Inverse(str(path), str(staged), keep(str(path), journal.folder, "0"))
    journal.append({"intent": 0, "step": "s", "change": {}, "inverse": inverse.__dict__})
    if cut_off != "before staging":
        staged.write_text("ne")
    if cut_off == "before the rename":
        staged.write_text("new")
    if cut_off == "after the rename":
        replace(inverse)
    assert apply.recover(CTX, state) == [str(path)]
    assert snapshot(tmp_path) == before
    assert apply.recover(CTX, state) == []


def test_a_last_line_that_was_cut_off_is_no_entry(state: State) -> None:
    journal = Journal(state, "run")
    journal.append({"outcome": 0})
    with open(os.path.join(journal.folder, "journal.jsonl"), "a") as log:
        log.write('{"intent": 1, "inv')
    assert [entry["outcome"] for entry in journal.entries()] == [0]


def test_putting_back_twice_is_harmless(tmp_path: Path, state: State) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    folder = state.run_folder("run")
    os.makedirs(folder)
    inverse = Inverse(str(path), str(tmp_path / "staged"), keep(str(path), folder, "0"))
    put_back(inverse)
    put_back(inverse)
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.parent.rmdir(), None),
        (lambda path: path.write_text("there"), "exists by now"),
    ],
)
def test_the_preview_of_a_new_file_says_whether_it_could_be_made(
    tmp_path: Path, spoil: Any, problem: str | None
) -> None:
    path = tmp_path / "folder" / "new.json"
    path.parent.mkdir()
    change = WriteFile(str(path), [(0, 0, "{}\n")], None, hashlib.sha256(b"{}\n").hexdigest())
    spoil(path)
    preview = change.preview(CTX)
    assert (problem is None) == (preview.problem is None)
    assert problem is None or problem in str(preview.problem)


def test_a_read_only_filesystem_is_named_before_anything_is_tried(other_disk: Path) -> None:
    path = other_disk / "config.json"
    path.write_text("{}")
    make_read_only(other_disk)
    preview = Link(str(path), "/tmp").preview(CTX)
    assert preview.problem == f"the filesystem of {other_disk} is read-only"


def test_a_splice_that_would_give_another_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    wrong = WriteFile(str(path), [(0, 3, "new")], hashlib.sha256(b"old").hexdigest(), "0" * 64)
    assert "does not give the planned content" in str(wrong.preview(CTX).problem)
