"""file: one row for each state of a file against what a playbook wants of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from autoglm_fix.agent.facts.plain_file import PlainFile
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.diagnostics.file import NotAsWanted, file

PATH = "/etc/model.env"
LINE = "HF_HUB_OFFLINE=1"


def plain_file(state: str, text: str = "") -> PlainFile:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return PlainFile(TextFile(PATH, PATH, PATH, state, text, None if state == "missing" else digest))


# What is there, what is wanted, what is found, the text that it should have.
CASES: list[tuple[tuple[str, ...], dict[str, str], list[str], str | None]] = [
    (("ok", "x\n"), {}, [], None),
    (("ok", "x\n"), {"content": "x\n"}, [], None),
    (("ok", f"x\n{LINE}\n"), {"line": LINE}, [], None),
    (("ok", f"x\n{LINE}"), {"line": LINE}, [], None),
    (("missing",), {}, ["file.missing"], ""),
    (("missing",), {"content": "x\n"}, ["file.missing"], "x\n"),
    (("missing",), {"line": LINE}, ["file.missing"], f"{LINE}\n"),
    (("ok", "y\n"), {"content": "x\n"}, ["file.differs"], "x\n"),
    (("ok", "y\n"), {"content": "x\n", "line": LINE}, ["file.differs"], f"x\n{LINE}\n"),
    (("ok", "x\n"), {"line": LINE}, ["file.line-missing"], f"x\n{LINE}\n"),
    (("ok", "x"), {"line": LINE}, ["file.line-missing"], f"x\n{LINE}\n"),
    (("ok", f"# {LINE}\n"), {"line": LINE}, ["file.line-missing"], f"# {LINE}\n{LINE}\n"),
    (("empty",), {"line": LINE}, ["file.line-missing"], f"{LINE}\n"),
    (("not-text",), {}, [], None),
    (("not-text",), {"line": LINE}, ["file.no-text"], None),
    (("too-large",), {"content": "x"}, ["file.no-text"], None),
    (("not-a-file",), {}, ["file.no-text"], None),
]


@pytest.mark.parametrize(("seen", "options", "codes", "wanted"), CASES)
def test_a_file_gives_findings(
    seen: tuple[str, ...], options: dict[str, Any], codes: list[str], wanted: str | None
) -> None:
    found = list(file(plain_file(*seen), path=PATH, **options))
    assert [each.code for each in found] == codes
    assert [each.wanted for each in found if isinstance(each, NotAsWanted)] == ([] if wanted is None else [wanted])
