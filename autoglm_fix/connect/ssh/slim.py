"""paramiko without what only its own reader of ssh_config needs: 36 ms of each run are spared.

That reader runs ``Match exec`` with invoke, which brings asyncio and unittest along. The reader here is ours, and
paramiko does without invoke where it is not installed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Without(MetaPathFinder):
    """Finds nothing, and says of one package that it is not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == self._name:
            raise ModuleNotFoundError(f"{fullname} is left out", name=fullname)
        return None


def import_paramiko() -> None:
    """Import it, if nobody has."""
    without = _Without("invoke")
    sys.meta_path.insert(0, without)
    try:
        importlib.import_module("paramiko")
    finally:
        sys.meta_path.remove(without)
