"""The fix ``file``: real files are written, left alone when they are right, and come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.plain_file import PlainFile
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics.file import NotAsWanted
from autoglm_fix.diagnostics.file import file as diagnose
from autoglm_fix.fixes import Declined
from autoglm_fix.fixes.file import file

from .on_files import fact, make, tree, undo

LINE = "HF_HUB_OFFLINE=1"


def offered(path: Path, options: dict[str, Any], **of_fix: Any) -> list[Change | Declined]:
    seen = fact(ServiceSpec(), PlainFile, path=str(path))
    found = [each for each in diagnose(seen, path=str(path), **options) if isinstance(each, NotAsWanted)]
    return [each for finding in found for each in file(finding, seen, **of_fix)]


@pytest.mark.parametrize("old", [None, "", "a\nb\n", "a\nno end"])
@pytest.mark.parametrize("options", [{"content": "new\n"}, {"line": LINE}])
def test_it_is_written_left_alone_then_and_comes_back_to_the_byte(
    tmp_path: Path, state_dir: Path, old: str | None, options: dict[str, Any]
) -> None:
    path = tmp_path / "files" / "model.env"
    path.parent.mkdir()
    if old is not None:
        path.write_text(old)
    before = tree(path.parent)
    changes = [each for each in offered(path, options) if not isinstance(each, Declined)]
    assert [each["made"] for each in make(state_dir, changes)] == [True]
    assert path.read_text() == ("new\n" if "content" in options else f"{_whole(old)}{LINE}\n")
    assert offered(path, options) == []
    undo(state_dir)
    assert tree(path.parent) == before


def _whole(text: str | None) -> str:
    return text + "\n" if text and not text.endswith("\n") else text or ""


def test_no_file_is_made_where_that_is_not_wanted(tmp_path: Path) -> None:
    (declined,) = offered(tmp_path / "x", {"line": LINE}, create=False)
    assert isinstance(declined, Declined)
    assert declined.code == "file.not-created"
