"""file: for what no diagnostic covers: one file, its whole text or a line of it, as a playbook wants them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from autoglm_fix.agent.facts.plain_file import PlainFile
from autoglm_fix.agent.facts.text_file import TextFile

from .finding import Finding
from .registry import diagnostic


class NotAsWanted(Finding, frozen=True, kw_only=True):
    """The file is not as the playbook wants it; ``wanted`` is the whole text that it should have."""

    wanted: str


class Missing(NotAsWanted, frozen=True, kw_only=True):
    """The file is not there."""

    code: ClassVar[str] = "file.missing"


class Differs(NotAsWanted, frozen=True, kw_only=True):
    """Its text is another one."""

    code: ClassVar[str] = "file.differs"


class LineMissing(NotAsWanted, frozen=True, kw_only=True):
    """It lacks the line."""

    code: ClassVar[str] = "file.line-missing"

    line: str


class NoText(Finding, frozen=True, kw_only=True):
    """What is there is no text file, so that nothing can be said of its text."""

    code: ClassVar[str] = "file.no-text"

    state: str


@diagnostic()
def file(plain: PlainFile, *, path: str, content: str | None = None, line: str | None = None) -> Iterator[Finding]:
    """The file is there, with this content, or with this line in it.

    ``content`` is the whole text, ``line`` one that must stand in it as it is. Without either, any file will do.
    """
    seen = plain.file
    wanted = _wanted(seen, content, line)
    if not _is_text(wanted):
        yield NoText(subject=path, state="not-text")
        return
    if seen.state in ("not-text", "too-large", "not-a-file"):
        if content is not None or line is not None or seen.state == "not-a-file":
            yield NoText(subject=path, state=seen.state)
        return
    if seen.state == "missing":
        yield Missing(subject=path, wanted=wanted)
    elif content is not None and seen.text != content:
        yield Differs(subject=path, wanted=wanted)
    elif line is not None and line not in seen.text.splitlines():
        yield LineMissing(subject=path, wanted=wanted, line=line)


def _wanted(seen: TextFile, content: str | None, line: str | None) -> str:
    text = seen.text if content is None else content
    if line is None or line in text.splitlines():
        return text
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"


def _is_text(text: str) -> bool:
    """Whether it can be written: half of a surrogate pair cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
