"""Whole runs over files on this machine: what is shown, what is changed, and that it all comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.report.schema import result_schema
from tests import shards
from tests.disks import disk, make_read_only

from .command import autoglm_fix, inventory


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that an edit would alter below a folder."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
        found[str(path.relative_to(folder))] = (content, stat.st_mode, stat.st_uid, stat.st_ino)
    return found


def truncate(path: Path, share: float = 0.5) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return shards.model(tmp_path / "mirror" / "name")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The same model with one shard cut off."""
    model = shards.model(tmp_path / "models" / "name")
    truncate(model / shards.shard_name(2))
    return model


def run(hosts: Path, good: Path, *more: str) -> list[str | Path]:
    return ["run", "no-output", "-i", hosts, "-t", "weights", "--no-verify", "-e", f"weights_source={good}", *more]


def test_a_dry_run_changes_no_byte_and_leaves_no_trace(tmp_path: Path, good: Path, broken: Path) -> None:
    hosts = inventory(tmp_path, broken)
    before = tree(tmp_path)
    found = autoglm_fix(*run(hosts, good, "--dry-run"))
    assert tree(tmp_path) == before
    assert not list(Path(os.environ["AUTOGLM_FIX_STATE_DIR"]).iterdir())
    assert found.code == 0
    assert "weights.shard-truncated" in found.out
    assert "Dry run: nothing was changed; 1 change would be made" in found.out


def test_only_the_bad_shard_is_replaced_and_a_second_run_changes_nothing(
    tmp_path: Path, good: Path, broken: Path
) -> None:
    hosts = inventory(tmp_path, broken)
    before = tree(broken)
    first = autoglm_fix(*run(hosts, good))
    after = tree(broken)
    assert first.code == 0, first.out
    assert {name for name in after if after[name] != before.get(name)} == {shards.shard_name(2)}
    assert (broken / shards.shard_name(2)).read_bytes() == (good / shards.shard_name(2)).read_bytes()
    second = autoglm_fix(*run(hosts, good))
    assert (second.code, tree(broken)) == (0, after)
    assert "Nothing was changed." in second.out


def test_undo_brings_every_byte_back(tmp_path: Path, good: Path, broken: Path) -> None:
    hosts = inventory(tmp_path, broken)
    before = tree(tmp_path)
    autoglm_fix(*run(hosts, good))
    assert autoglm_fix("undo", "--dry-run").code == 0
    assert autoglm_fix("undo", "--yes").code == 0
    assert tree(tmp_path) == before
    assert "No run made from here changed anything" in autoglm_fix("undo").err


@pytest.mark.parametrize("rest", [(), ("-l", "gpu01")])
def test_one_host_of_a_run_is_brought_back_and_the_others_later(
    tmp_path: Path, good: Path, rest: tuple[str, ...]
) -> None:
    hosts: dict[str, Any] = {}
    for name in ("gpu01", "gpu02"):
        model = shards.model(tmp_path / name / "name")
        truncate(model / shards.shard_name(2))
        service = {"python": sys.executable, "model": str(model)}
        state = str(tmp_path / f"{name}-state")
        hosts[name] = {"ansible_connection": "local", "autoglm_fix_state_dir": state, "service": service}
    (tmp_path / "two.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    before = {name: tree(tmp_path / name) for name in hosts}
    assert autoglm_fix(*run(tmp_path / "two.yml", good)).code == 0
    mended = tree(tmp_path / "gpu01")
    unknown = autoglm_fix("undo", "--yes", "-l", "gpu03")
    assert (unknown.code, "gpu03" in unknown.err) == (4, True)
    one = autoglm_fix("undo", "--yes", "-l", "gpu02")
    assert (one.code, "gpu01" in one.out) == (0, False)
    assert (tree(tmp_path / "gpu01"), tree(tmp_path / "gpu02")) == (mended, before["gpu02"])
    assert "undone" not in autoglm_fix("history").out
    other = autoglm_fix("undo", "--yes", *rest)
    assert (other.code, tree(tmp_path / "gpu01")) == (0, before["gpu01"])
    # Whoever asks for all of it is told that nothing is left, and it is the newest no more.
    assert autoglm_fix("undo", "--yes").code == 0 if rest else "undone" in autoglm_fix("history").out
    assert "No run made from here changed anything" in autoglm_fix("undo", "--yes").err


def test_undo_refuses_what_was_edited_since_and_says_so(tmp_path: Path, good: Path, broken: Path) -> None:
    autoglm_fix(*run(inventory(tmp_path, broken), good))
    shard = broken / shards.shard_name(2)
    shard.write_bytes(b"edited by hand")
    refused = autoglm_fix("undo", "--yes")
    assert refused.code == 2
    assert "was edited since" in refused.out
    assert shard.read_bytes() == b"edited by hand"
    assert autoglm_fix("undo", "--yes", "--force").code == 0


@pytest.mark.parametrize("where", ["models/name", "nowhere/yet/name"])
def test_a_model_that_moved_and_lost_a_shard_is_linked_and_repaired_in_one_run(
    tmp_path: Path, good: Path, broken: Path, where: str
) -> None:
    moved = tmp_path / "disk2" / "name"
    moved.parent.mkdir()
    broken.rename(moved)
    looked_for = tmp_path / where
    hosts = inventory(tmp_path, looked_for)
    options = ("-e", f"weights_search={moved.parent}")
    preview = autoglm_fix(*run(hosts, good, *options, "--dry-run", "--format", "json")).document
    (step,) = preview["hosts"]["localhost"]["steps"]
    assert [finding["code"] for finding in step["findings"]] == ["weights.folder-missing", "weights.shard-truncated"]
    assert [change["kind"] for change in step["changes"]] == ["link", "fetch_file"]
    done = autoglm_fix(*run(hosts, good, *options, "--format", "json")).document
    assert done["hosts"]["localhost"]["steps"][0]["status"] == "fixed"
    assert os.readlink(looked_for) == str(moved)


def test_without_a_source_the_step_stays_unfixed_and_says_what_to_paste(tmp_path: Path, broken: Path) -> None:
    found = autoglm_fix("run", "no-output", "-i", inventory(tmp_path, broken), "-t", "weights", "--no-verify")
    assert found.code == 2
    assert "1 host, 1 service: does not answer (crashed)" in found.out
    assert "autoglm-fix run no-output -i" in found.out
    assert "weights_source=" in found.out


def test_the_json_document_is_alone_on_stdout_and_matches_its_schema(tmp_path: Path, good: Path, broken: Path) -> None:
    import jsonschema

    found = autoglm_fix(*run(inventory(tmp_path, broken), good, "--format", "json"))
    document = found.document
    jsonschema.validate(document, result_schema())
    assert (document["exit_code"], document["dry_run"]) == (0, False)
    assert document["hosts"]["localhost"]["services"]["model"] == {
        "status": "clean",
        "symptom": "crashed",
        "cause": "weights.shard-truncated",
    }


def test_pending_changes_can_gate_a_pipeline(tmp_path: Path, good: Path, broken: Path) -> None:
    hosts = inventory(tmp_path, broken)
    assert autoglm_fix(*run(hosts, good, "--dry-run", "--exit-on-pending")).code == 5
    autoglm_fix(*run(hosts, good))
    assert autoglm_fix(*run(hosts, good, "--dry-run", "--exit-on-pending")).code == 0


def test_a_read_only_disk_is_named_in_the_dry_run_and_left_alone(tmp_path: Path, good: Path) -> None:
    with disk(tmp_path / "models") as folder:
        model = shards.model(folder / "name")
        truncate(model / shards.shard_name(2))
        make_read_only(folder)
        hosts = inventory(tmp_path, model)
        for more in (["--dry-run"], []):
            found = autoglm_fix(*run(hosts, good, *more))
            assert (found.code, "is read-only" in found.out) == (2, True), found.out


def test_a_full_disk_is_named_before_anything_is_fetched(tmp_path: Path, good: Path) -> None:
    with disk(tmp_path / "models", size="1m") as folder:
        model = shards.model(folder / "name")
        truncate(model / shards.shard_name(2), 0.1)
        (folder / "ballast").write_bytes(b"x" * (os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize))
        before = tree(folder)
        found = autoglm_fix(*run(inventory(tmp_path, model), good))
        assert tree(folder) == before
    assert found.code == 2
    assert "free" in found.out


def test_history_and_show_tell_of_a_run(tmp_path: Path, good: Path, broken: Path) -> None:
    autoglm_fix(*run(inventory(tmp_path, broken), good))
    line = autoglm_fix("history").out.splitlines()[-1]
    assert "changed" in line
    shown = autoglm_fix("show", line.split()[0])
    assert shown.document["counts"] == {"clean": 1}
    assert autoglm_fix("show", "20200101T000000-none").code == 4


def test_ctrl_c_puts_back_what_was_half_done_and_says_so(tmp_path: Path, good: Path, broken: Path) -> None:
    slow = tmp_path / "slow.yml"
    fetch = f"{{fetch_weights: {{from: {json.dumps(str(good))}, limit: 10KB/s}}}}"
    slow.write_text(f"- name: p\n  hosts: all\n  steps:\n    - name: s\n      diagnose: weights\n      fix: {fetch}\n")
    before = tree(broken)
    process = subprocess.Popen(
        [sys.executable, "-m", "autoglm_fix", "run", slow, "-i", inventory(tmp_path, broken)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(broken.glob(".*")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, "interrupted" in out) == (130, True), out
    left = {name: value for name, value in tree(broken).items() if not name.startswith(".")}
    assert left == before
