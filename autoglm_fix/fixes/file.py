"""file: give a file the text, or the line, that the playbook wants in it."""

from __future__ import annotations

from collections.abc import Iterator

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.plain_file import PlainFile
from autoglm_fix.diagnostics.file import NotAsWanted

from .registry import Declined, fix
from .text_edit import rewritten


@fix(NotAsWanted)
def file(finding: NotAsWanted, plain: PlainFile, *, create: bool = True) -> Iterator[Change | Declined]:
    """Write what lacks into the file, and leave the rest as it is. With ``create: false`` no file is made."""
    seen = plain.file
    if seen.state == "missing" and not create:
        yield Declined("file.not-created", {"subject": finding.subject})
        return
    if seen.host is None:
        yield Declined("file.no-host-path", {"subject": finding.subject})
        return
    yield rewritten(seen.host, seen, finding.wanted, "file.write")
