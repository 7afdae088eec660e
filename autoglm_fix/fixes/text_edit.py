"""A new text for a file as a change: what differs, held to the file as it was looked at."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoglm_fix.agent.changes.write_file import WriteFile
    from autoglm_fix.agent.facts.text_file import TextFile


def rewritten(path: str, file: TextFile, text: str, says: str) -> WriteFile:
    """The change that gives a file this text, or makes it where there is none. ``says`` is its sentence's code.

    ``path`` is the file's ``host``: only one that the host has a path for can be edited.
    """
    # Imported here: most steps change nothing, and whoever asks for a fix does not wait for this.
    from autoglm_fix.agent.changes.write_file import WriteFile
    from autoglm_fix.json_text.edit import splices

    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return WriteFile(path, splices(file.text, text), file.sha256, digest, says, {"file": file.name})
