"""The shape of a Hugging Face cache: a snapshot is found through ``refs/main``."""

from __future__ import annotations

import hashlib
import os

from autoglm_fix.agent.changes.write_file import WriteFile


def main_reference(snapshot: str) -> WriteFile:
    """Say which snapshot is ``main``: what the hub's client reads first."""
    name = os.path.basename(snapshot)
    path = os.path.join(os.path.dirname(os.path.dirname(snapshot)), "refs", "main")
    after = hashlib.sha256(name.encode()).hexdigest()
    return WriteFile(path, [(0, 0, name)], None, after, "remap_path.main-reference")
