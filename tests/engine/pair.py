"""A fact, a diagnostic and two fixes small enough to see the engine through them.

A "model" here is a text file: ``good`` in it is healthy, ``bad`` is an error that ``mend`` edits,
``worse`` is one that ``mend`` only claims to cure.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import ClassVar

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.changes.link import Link
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.diagnostics import Diagnostic, Finding, first_line, read_signature
from autoglm_fix.fixes import Declined, Fix

from .facts import TextFile


class Absent(Finding, frozen=True, kw_only=True):
    code: ClassVar[str] = "text.absent"
    symptom = "crashed"


class Word(Finding, frozen=True, kw_only=True):
    code: ClassVar[str] = "text.word"
    symptom = "empty"
    word: str


class Odd(Finding, frozen=True, kw_only=True):
    code: ClassVar[str] = "text.odd"
    severity = "warning"


def text(file: TextFile, *, name: str = "model.txt") -> Iterator[Finding]:
    """The text says what it should."""
    if file.content is None:
        yield Absent(subject=file.path)
        return
    for word in ("bad", "worse", "stubborn"):
        if word in file.content:
            yield Word(subject=f"{file.path}: {word}", word=word)
    if "odd" in file.content:
        yield Odd(subject=file.path)


def mend(finding: Word, file: TextFile, *, risk: str = "safe") -> Iterator[Change | Declined]:
    """Replace the word."""
    if finding.word == "stubborn" or file.content is None or file.host is None:
        yield Declined("mend.stubborn", {"word": finding.word})
        return
    content = file.content.encode()
    at = content.index(finding.word.encode())
    new = b"good" if finding.word == "bad" else b"worse!!"
    after = content[:at] + new + content[at + len(finding.word) :]
    digests = hashlib.sha256(content).hexdigest(), hashlib.sha256(after).hexdigest()
    yield WriteFile(file.host, [(at, at + len(finding.word), new.decode())], *digests, risk=risk)


def tidy(finding: Odd, file: TextFile, *, risk: str = "safe") -> Iterator[Change | Declined]:
    """Even out what is odd."""
    if file.content is None or file.host is None:
        return
    content, after = file.content.encode(), file.content.replace("odd", "even").encode()
    digests = hashlib.sha256(content).hexdigest(), hashlib.sha256(after).hexdigest()
    yield WriteFile(file.host, [(0, len(content), after.decode())], *digests, risk=risk)


def relink(finding: Absent, file: TextFile, *, to: str = "") -> Iterator[Change | Declined]:
    """Link the path to where the file is."""
    if not to:
        yield Declined("relink.nowhere", {})
        return
    yield Link(file.path, to)


def crash(finding: Word) -> Iterator[Change | Declined]:
    """Be a fix with a bug."""
    raise ZeroDivisionError(os.sep)
    yield


TEXT = Diagnostic("text", text, read_signature(text), first_line(text))
MEND = Fix("mend", (Word,), mend, read_signature(mend, skip=1), first_line(mend))
TIDY = Fix("tidy", (Odd,), tidy, read_signature(tidy, skip=1), first_line(tidy))
RELINK = Fix("relink", (Absent,), relink, read_signature(relink, skip=1), first_line(relink))
CRASH = Fix("crash", (Word,), crash, read_signature(crash, skip=1), first_line(crash))
