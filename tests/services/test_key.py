"""The key of a service's endpoint: read where the inventory says, used, and shown nowhere."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.hosts import Host

from .lab import Served, asked, autoglm_fix, changes, command, inventory, proof, repair, result, surroundings

pytestmark = pytest.mark.slow

KEY = "sk-0123456789-not-to-be-seen"
KEY_FILE = "/etc/autoglm.env"
NAME = "OUR_OWN_NAME_FOR_IT"


@pytest.fixture
def asking(host: Host, served: Served) -> Served:
    """A service that is down, and wants a key."""
    served.define(f"EnvironmentFile={KEY_FILE}\nEnvironment=SLOW=2")
    host.write(KEY_FILE, f"KEY={KEY}\n", mode=0o600)
    inventory(host, {**served.spec, "api_key": {"env": NAME}})
    return served


def kept(host: Host) -> str:
    """All that was written on the host, but for the service's own file of the key."""
    files = [Path(f"{host.upper}{path}") for path in host.written() if path != KEY_FILE]
    return "".join(file.read_text(errors="replace") for file in files if file.is_file())


def test_with_it_the_service_is_repaired_and_proved_and_it_is_shown_nowhere(host: Host, asking: Served) -> None:
    outputs = ["--html", "/root/report.html", "--junit", "/root/report.xml", "-vv", "-D"]
    done = autoglm_fix(host, *asked(*outputs), **{NAME: KEY})
    assert (done.code, asking.state) == (0, "active")
    again = repair(host, **{NAME: KEY})
    assert (again.code, proof(again), changes(again)) == (0, "verified", [])
    shown = autoglm_fix(host, "show", again.document["run"]).out + autoglm_fix(host, "history").out
    told = [done.out, done.err, again.out, again.err, shown, kept(host)]
    assert [text for text in told if KEY in text] == []


def test_it_is_on_no_command_line_while_it_is_used(host: Host, asking: Served) -> None:
    typed = host.command(*command(*asked("--format", "json")), env=surroundings(**{NAME: KEY}))
    seen: list[bytes] = []
    with subprocess.Popen(typed, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as entering:
        while entering.poll() is None:
            for pid in (host.login / "cgroup.procs").read_text().split():
                words = argv(int(pid))
                seen += [] if b"nsenter" in words or words[:1] == [b"env"] else words  # the test's own way in
            time.sleep(0.01)
        entering.communicate()
    assert entering.returncode == 0
    assert any(b"autoglm_fix" in word for word in seen)
    assert [word for word in seen if KEY.encode() in word] == []


def argv(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def test_without_the_variable_nothing_is_touched(host: Host, asking: Served) -> None:
    before = host.written()
    done = repair(host)
    assert (done.code, host.written(), asking.state) == (4, before, "inactive")
    assert [error["message"] for error in done.document["errors"]] == [
        f"localhost: the api_key of the service 'autoglm': the environment variable {NAME} is not set"
    ]


def test_a_wrong_one_is_told_from_none_and_proves_nothing(host: Host, asking: Served) -> None:
    asking.start()
    wrong = repair(host, **{NAME: "sk-9876543210-wrong"})
    assert (wrong.code, result(wrong)["status"], proof(wrong)) == (2, "unproved", "unproved")
    assert "401" in result(wrong)["proof"][0]["reason"]
    assert "sk-9876543210-wrong" not in wrong.out + wrong.err + kept(host)


def test_one_that_refuses_us_is_not_one_that_answers_and_not_one_that_is_broken(host: Host, asking: Served) -> None:
    """Nobody can say whether it works: it is neither held nor taken for a fault."""
    pid = asking.start()
    inventory(host, asking.spec)
    done = repair(host)
    assert (result(done)["status"], changes(done), asking.pid) == ("unproved", [], pid)
