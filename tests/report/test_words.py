"""Wording: sentences by code, values that cannot become commands, names of many hosts."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import get_args

import pytest
import yaml

from autoglm_fix import report
from autoglm_fix.diagnostics import Severity, Symptom
from autoglm_fix.engine.results import Fault, HostStatus, StepStatus
from autoglm_fix.locale import LANGUAGES, Catalogue
from autoglm_fix.proof import ClaimStatus, ProofStatus
from autoglm_fix.report.ranges import ranges, shown
from autoglm_fix.report.words import Advice, Words, duration, shortened

from . import runs

WORDS = Words("en")


@pytest.mark.parametrize("value", ["a b; rm -rf /", "$(reboot)", "`reboot`", "'; reboot; '", "\ue000x\ue001", "a`b`c"])
def test_a_value_in_a_command_stays_one_word(value: str) -> None:
    command = WORDS.hint(Fault("sample.could-not-tell", {"reason": value})).command
    assert command is not None
    assert len(shlex.split(command)) == 3
    assert "`" not in command


def test_a_value_outside_a_command_is_not_quoted() -> None:
    assert WORDS.advice(runs.NO_ROOM) == Advice("Take max_length out of /models/x/generation_config.json", None)


def test_a_value_never_becomes_a_command_of_its_own() -> None:
    finding = runs.NoRoom(subject="x `reboot`", limit=1)
    assert WORDS.advice(finding) == Advice("Take max_length out of x 'reboot'", None)


def test_values_are_never_templates() -> None:
    finding = runs.NoRoom(subject="{limit} {subject.__class__} {0}", limit=1)
    assert WORDS.finding(finding).startswith("{limit} {subject.__class__} {0} allows 1 tokens")


@pytest.mark.parametrize("values", [{}, {"reason": None, "x": [1]}])
def test_a_sentence_that_cannot_be_filled_shows_code_and_values(values: dict[str, object]) -> None:
    assert "nowhere.at-all" in WORDS.fault(Fault("nowhere.at-all", values))
    assert WORDS.hint(Fault("nowhere.at-all", values)) == Advice()


def test_a_hidden_value_says_so() -> None:
    assert WORDS.fault(Fault("sample.could-not-tell", {"reason": "***"})) == (
        "sample.could-not-tell: its values are not shown (no_log)"
    )


DURATIONS = {0.04: "0.0 s", 1.25: "1.2 s", 59.94: "59.9 s", 61: "1:01 min", 3600: "1:00:00 h", 7389.4: "2:03:09 h"}


@pytest.mark.parametrize("seconds", DURATIONS)
def test_durations_read_as_people_say_them(seconds: float) -> None:
    assert duration(seconds) == DURATIONS[seconds]


def test_an_answer_is_cut_on_one_line() -> None:
    assert shortened("a\n b  c", 10) == "a b c"
    assert shortened("abcdef ghi", 8) == "abcdef…"


FOLDED = {
    "gpu[01:64]": [f"gpu{number:02}" for number in range(1, 65)],
    "gpu[1:12]": [f"gpu{number}" for number in range(1, 13)],
    "rack[1:4]-gpu[0:7].lan": [f"rack{rack}-gpu{gpu}.lan" for rack in range(1, 5) for gpu in range(8)],
    "10.0.0.[1:2,9]": ["10.0.0.1", "10.0.0.2", "10.0.0.9"],
    "a,b1": ["a", "b1", "a"],
    "gpu7,gpu[07:08]": ["gpu7", "gpu07", "gpu08"],
    "gpu[09:11,99],gpu100": ["gpu09", "gpu10", "gpu11", "gpu99", "gpu100"],
    "x[1,3,5]": ["x1", "x3", "x5"],
    "n1a2,n2a[2:3]": ["n1a2", "n2a2", "n2a3"],
    "gpu１,²": ["gpu１", "²"],
    "": [],
}


@pytest.mark.parametrize("expected", FOLDED)
def test_host_names_fold_to_ranges(expected: str) -> None:
    assert ",".join(ranges(FOLDED[expected])) == expected


def test_what_does_not_fit_is_left_out() -> None:
    assert shown(["a", "b", "c"], 2) == "a,..."
    assert shown([f"gpu{number:03}" for number in range(1, 800, 2)], 20) == "gpu[001,003,005,007,...]"
    assert shown(["a-very-long-name-that-stays-whole"], 10) == "a-very-long-name-that-stays-whole"


def test_every_sentence_of_the_reports_is_used_and_there() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(report.__file__).parent.glob("*.py"))
    kinds = re.findall(r'\.name\("(\w+)"', source)
    prefixes = tuple(f"report.{prefix}-" for prefix in {*kinds, "is", "label", "work"})
    used = set(re.findall(r'"(report\.[a-z-]+)"', source))
    there = set(yaml.safe_load(resources.files("autoglm_fix.locale").joinpath("en/report.yml").read_text("utf-8")))
    assert used <= there
    assert {code for code in there - used if not code.startswith(prefixes)} == set()


def test_all_work_of_a_host_has_its_words() -> None:
    agent = Path(report.__file__).parents[1] / "agent"
    source = "".join(path.read_text("utf-8") for path in agent.rglob("*.py"))
    told = re.findall(r'(?:\.progress\(|_watch\()f?"([^"{]*)', source)
    assert {"starting ", "waiting for the service", "asking"} <= set(told)
    for words in (Words("en"), Words("zh")):
        assert all(words.work(f"{each}x" if each.endswith(" ") else each) for each in told)
    chinese = [Words("zh").work(f"{each}x" if each.endswith(" ") else each) for each in told]
    assert [said for said in chinese if said.isascii()] == []
    assert Words("zh").work("model-00001-of-00005.safetensors") == "model-00001-of-00005.safetensors"


OURS = {
    "status": [status.value for status in HostStatus],
    "is": [status.value for status in HostStatus]
    + ["answers", "answers-again", "answers-faults", "answers-unproved", "silent", "badly"],
    "step": [status.value for status in StepStatus],
    "symptom": get_args(Symptom),
    "severity": get_args(Severity),
    "proof": get_args(ProofStatus),
    "check": get_args(ClaimStatus),
    "claim": ["tokens", "gpu", "weights", "image"],
    "phase": ["connect", "start", "look", "apply", "check", "prove"],
    "risk": ["safe", "restart", "interrupts", "starts", "disruptive"],
    "undo": ["exact", "state", "none"],
    "rollback": ["restored", "refused", "partial"],
}


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_our_own_is_in_both_languages(kind: str, language: str) -> None:
    for word in OURS[kind]:
        assert Catalogue(language).template(f"report.{kind}-{word}", "many" if kind == "is" else "summary")


def test_a_pipe_and_the_documents_do_not_load_rich() -> None:
    code = (
        "import io, sys\n"
        "import autoglm_fix.report.document, autoglm_fix.report.jsonl, autoglm_fix.report.html\n"
        "from autoglm_fix.report.console import Console\n"
        "Console(io.StringIO())\n"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
