"""paramiko is imported without what only its own reader of ssh_config needs, and nothing else is left out."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import sys
finders = list(sys.meta_path)
from autoglm_fix.connect.ssh.slim import import_paramiko
import_paramiko()
import paramiko.transport
assert "invoke" not in sys.modules, "invoke came along"
assert sys.meta_path == finders, "a finder was left behind"
import invoke
"""


def test_paramiko_comes_without_invoke_which_others_may_import_all_the_same() -> None:
    ended = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
