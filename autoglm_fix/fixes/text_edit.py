"""A new text for a file as a change: what differs, held to the file as it was looked at."""

from __future__ import annotations

import hashlib

from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.json_text.edit import splices


def rewritten(path: str, file: TextFile, text: str, says: str) -> WriteFile:
    """The change that gives a file this text, or makes it where there is none. ``says`` is its sentence's code.

    ``path`` is the file's ``host``: only one that the host has a path for can be edited.
    """
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return WriteFile(path, splices(file.text, text), file.sha256, digest, says, {"file": file.name})
