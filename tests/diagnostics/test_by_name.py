"""Diagnostics and fixes are imported as they are named: a playbook that names one does not wait for all."""

from __future__ import annotations

import subprocess
import sys

from autoglm_fix import diagnostics, fixes

_SCRIPT = """
import sys
from autoglm_fix.playbook.vocabulary import shipped
known = shipped()
assert "vram" in known.diagnostics and "nothing" not in known.diagnostics
assert known.diagnostics["file"].name == known.fixes["file"].name == "file"
more = {name for name in sys.modules if name in ("autoglm_fix.diagnostics.vram", "autoglm_fix.fixes.restart")}
assert not more, more
"""


def test_only_what_is_named_is_imported() -> None:
    ended = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_each_module_registers_the_pair_of_its_name() -> None:
    assert all(name == each.name for name, each in diagnostics.SHIPPED.items())
    assert all(name == each.name for name, each in fixes.SHIPPED.items())
    assert dict(diagnostics.load()) == dict(diagnostics.SHIPPED)
