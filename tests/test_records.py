"""What the controller remembers of runs, also of those that were killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autoglm_fix.records import NoSuchRun, Records


def test_a_run_that_was_killed_before_it_was_noted_hides_no_earlier_one(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.start("20261101T000000-0000", "play.yml", {"gpu1": {}})
    (tmp_path / "records" / "20261102T000000-0000").mkdir()
    assert records.runs() == ["20261101T000000-0000"]
    assert records.newest_change().run == "20261101T000000-0000"


def test_without_any_record_there_are_no_runs(tmp_path: Path) -> None:
    assert Records(tmp_path).runs() == []
    with pytest.raises(NoSuchRun):
        Records(tmp_path).newest_change()


def test_a_record_that_cannot_be_written_again_stays_as_it_was(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.start("20261101T000000-0000", "play.yml", {"gpu1": {}})
    folder = tmp_path / "records" / "20261101T000000-0000"
    # The name under which the new file is built is taken by something that cannot be written.
    (folder / f".start.json-{os.getpid()}").mkdir()
    with pytest.raises(OSError, match="start"):
        records.start("20261101T000000-0000", "play.yml", {"gpu2": {}})
    assert records.load("20261101T000000-0000").hosts == {"gpu1": {}}


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.start("20261101T000000-0000", "play.yml", {})
    (file,) = (tmp_path / "records" / "20261101T000000-0000").iterdir()
    assert file.name == "start.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
