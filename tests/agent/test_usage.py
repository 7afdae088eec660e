from __future__ import annotations

import os
import subprocess
import sys

from autoglm_fix.agent import usage
from autoglm_fix.agent.free_memory import memory_available


def test_a_session_has_its_leader_and_its_children() -> None:
    code = "import os, sys\nif os.fork() == 0:\n sys.stdin.read()\n os._exit(0)\nprint('up', flush=True)\nos.wait()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = usage.session(process.pid)
        ticks, pages, _read = usage.used_by_session(process.pid)
        process.communicate()
    assert process.pid in found
    assert len(found) == 2
    assert pages > 0
    assert ticks >= 0


def test_a_session_that_is_gone_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as process:
        pass
    assert usage.session(process.pid) == []
    assert usage.used_by_session(process.pid) == (0, 0, 0)


def test_available_memory_is_never_more_than_there_is() -> None:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory_available() <= pages * size


def test_kills_for_want_of_memory_are_counted() -> None:
    assert all(count >= 0 for count in usage.oom_kills().values())
