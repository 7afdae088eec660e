from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from tests.hosts.supervisor import supervisord

pytestmark = pytest.mark.slow


def test_programs_run_under_supervisor_and_end_with_it(tmp_path: Path) -> None:
    programs = {"model": "sh -c 'echo serving; exec sleep 1000'\nstartsecs=0", "spare": "sleep 1000\nautostart=false"}
    with supervisord(tmp_path / "lab", programs) as found:
        status = found.ctl("status")
        assert "RUNNING" in status and "STOPPED" in status
        found.ctl("restart", "model")
        pid = found.ctl("pid", "model").strip()
        assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x001000\x00"
        assert "serving" in (found.folder / "model.log").read_text()
        ended = os.pidfd_open(int(pid))
    with os.fdopen(ended):
        assert select.select([ended], [], [], 0)[0]
