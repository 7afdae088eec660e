"""What hosts say before anything of ours runs there (banners, stderr, names) is shown as text, wherever it is shown."""

from __future__ import annotations

import io
import json
import re
import shlex
import xml.etree.ElementTree as ET

import pytest

from autoglm_fix.engine.events import Doing, Event, HostStarted, LogLine, Progress, RunDone
from autoglm_fix.engine.results import Fault, HostStatus, RunResult
from autoglm_fix.report.again import Again
from autoglm_fix.report.html import HtmlReport
from autoglm_fix.report.jsonl import JsonLines
from autoglm_fix.report.junit import JUnitReport

from . import runs
from .test_console import printed

# Row 17: NUL, a lone surrogate, CRLF, BOM, right-to-left marks, escapes. Row 18: what some program would obey.
SAID = [
    "a\x00b",
    "\udcff\udc80 bytes that are no text",
    "one\r\ntwo\rthree",
    "\ufeffmarked",
    "\u202egnp.exe\u202c",
    "\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x9b31m\x90q\x9c",
    "{{ 7*7 }} {% raw %} {subject.__class__} {0} %s %(x)s",
    "$(reboot) `reboot` ; rm -rf / | sh && exit",
    "../../etc/x",
    "__class__",
    "[bold red]x[/] <script>alert(1)</script> <!-- ]]> &amp;",
    "\n800 hosts: all answer\n",
    "\U000e0041\u200b\u2066",
]
CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)


def lost(said: str, *, name: str = "gpu01") -> RunResult:
    """A run in which a host says it in its banner, in its last lines, and in what its login was refused with."""
    error = Fault("link.not-ssh", {"name": name, "address": said, "port": 22, "said": said}, (said, said), "bastion")
    other = Fault("login.dropped", {"host": said, "user": said, "said": said, "tried": [said]}, (said,))
    return runs.result(
        runs.host(name, HostStatus.UNREACHABLE, error=error),
        runs.host("other", HostStatus.FAILED, error=other),
        runs.named(runs.HEALTHY, "well"),
    )


def events(said: str, name: str = "gpu01") -> list[Event]:
    work: list[Event] = [HostStarted(name), Doing(name, "look", said), LogLine(name, said)]
    return [
        *runs.events(lost(said, name=name))[:1],
        *work,
        Progress(name, said, 1, 2, said),
        *runs.events(lost(said, name=name))[1:],
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("said", SAID)
def test_a_log_shows_it_as_text(said: str, language: str) -> None:
    told = printed(events(said), language=language, verbosity=1)
    assert not CONTROL.search(told)
    assert not re.search(r"^ {0,4}800 hosts: all answer", told, re.MULTILINE)
    assert "49" not in told.replace("149", "")


@pytest.mark.parametrize("said", SAID)
def test_a_page_and_a_test_report_and_json_lines_hold_it_as_text(said: str) -> None:
    page, tests, lines = io.StringIO(), io.StringIO(), io.StringIO()
    for event in events(said):
        for listener in (HtmlReport(page), JUnitReport(tests), JsonLines(lines)):
            listener(event)
    assert not CONTROL.search(page.getvalue() + tests.getvalue() + lines.getvalue())
    assert "<script" not in page.getvalue()
    ET.fromstring(tests.getvalue())
    for line in lines.getvalue().splitlines():
        json.loads(line)


@pytest.mark.parametrize("said", SAID)
def test_a_name_of_a_host_is_text_as_well(said: str) -> None:
    told = printed(events("hello", name=said), verbosity=1)
    assert not CONTROL.search(told)
    page = io.StringIO()
    HtmlReport(page)(RunDone(lost("hello", name=said)))
    assert not CONTROL.search(page.getvalue())
    assert "<script" not in page.getvalue()


@pytest.mark.parametrize("said", SAID)
def test_a_name_of_a_host_becomes_one_word_of_a_command(said: str) -> None:
    command = Again("p.yml").look([said])
    assert said in shlex.split(command)
