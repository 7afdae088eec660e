"""What a tired reader is spared: the same thing twice, and a remark where a command should be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoglm_fix.engine.events import HostPlan, PlansReady
from autoglm_fix.engine.results import Fault, HostStatus
from autoglm_fix.proof import Check
from autoglm_fix.report.again import Again

from . import runs
from .test_console import printed, summary


def test_what_is_left_has_the_last_word_after_the_undo() -> None:
    some = replace(runs.STUCK, steps=(runs.step_fixed(runs.SETTINGS_STEP), *runs.STUCK.steps))
    assert summary(runs.result(some), options=("-i", "x.yml")).endswith(
        f"To take the changes back:\n  autoglm-fix undo {runs.RUN}\n"
        "What to do next:\n  autoglm-fix run playbooks/no-output.yml -i x.yml -e weights_source=DIR\n"
        "  ls -l 'permission denied reading /models/x'"
    )
    both = summary(runs.result(runs.named(runs.STUCK, "a"), runs.named(runs.HEALTHY, "b")))
    assert "\nWhat to do next for a:\n  autoglm-fix run" in both
    assert both.splitlines()[-1].startswith("  ls -l")


def test_much_the_same_advice_is_given_once() -> None:
    text = summary(runs.result(runs.host("a", HostStatus.UNFIXED, runs.UNFIXED_STEP)))
    assert "Name one.\n" in text
    assert "Say where good files are" not in text
    assert text.count("weights_source") == 1


def test_steps_that_only_wait_for_an_unfixed_one_are_a_line() -> None:
    reason = f"the folder of {runs.MISSING.subject} is not there"
    waits = [replace(runs.UNKNOWN_STEP, name=n, error=Fault("run.unknown", {"reason": reason})) for n in "ab"]
    text = printed(runs.events(runs.result(runs.host("h", HostStatus.UNFIXED, runs.UNFIXED_STEP, *waits))))
    assert text.count("could not be checked until that is done: 'a', 'b'") == 2
    assert reason not in text
    alone = summary(runs.result(runs.host("h", HostStatus.UNKNOWN, *waits)))
    assert alone.count(reason) == 1


def test_what_keeps_several_steps_from_telling_anything_is_said_once() -> None:
    reasons = ("no container engine is on this host", "the service names no python")
    faults = [Fault("run.unknown", {"reason": reason}) for reason in reasons]
    steps = [replace(runs.UNKNOWN_STEP, name=n, error=faults[n == "b"]) for n in "abc"]
    text = printed(runs.events(runs.result(runs.host("h", HostStatus.UNKNOWN, *steps))))
    assert [text.count(reason) for reason in reasons] == [2, 2]  # in the plan, and in the summary
    assert "left   could not tell: a\n         could not tell: c\n  why    no container engine" in text


def test_a_reason_of_a_proof_and_what_to_do_are_said_once() -> None:
    claims = (
        Check("tokens", "fail", {"model": "/m"}, "proof.no-model"),
        Check("gpu", "unproved", {}, "proof.nothing-to-see"),
        Check("weights", "unproved", {}, "proof.nothing-to-see"),
    )
    proof = replace(runs.NO_PROOF, code="proof.no-model", values={"model": "/m"}, checks=claims, points_to=())
    text = summary(runs.result(runs.host("a", HostStatus.FAILED, proof=proof)))
    assert text.splitlines()[4:] == [
        "  proof  failed",
        "         There is no model at /m.",
        "         Say where it may have moved to.",
        "         tokens came: fail",
        "         on the GPU, by the right weights: unproved",
        "",
        "What to do next:",
        "  autoglm-fix run playbooks/no-output.yml -e weights_search=DIR",
    ]


def test_a_play_without_steps_has_no_plan() -> None:
    assert printed([PlansReady((HostPlan("a", ()),))]) == ""


def test_a_deeper_look_that_finds_nothing_new_is_not_shown_again() -> None:
    plan = next(event for event in runs.events(runs.result(runs.STUCK)) if isinstance(event, PlansReady))
    once = printed([plan])
    assert printed([plan, replace(plan, deeper=True)]) == once


def test_a_path_is_said_only_where_the_summary_names_no_file() -> None:
    named = replace(runs.SETTING, summary="correct generation_config.json", made=True)
    step = replace(runs.step_fixed(runs.SETTINGS_STEP), changes=(named,))
    text = printed(runs.events(runs.result(runs.host("a", HostStatus.VERIFIED, step, proof=runs.PROOF))))
    assert "a: changed: correct generation_config.json\n" in text
    assert "fix    correct generation_config.json\n" in text
    other = replace(step, service="second")
    two = printed(runs.events(runs.result(runs.host("a", HostStatus.VERIFIED, step, other))))
    assert f"a: changed: correct generation_config.json: {named.target}\n" in two


def test_the_plan_counts_in_a_log_alone() -> None:
    plan = next(event for event in runs.events(runs.result(runs.REPAIRED)) if isinstance(event, PlansReady))
    assert "2 changes on 1 host in all." in printed([plan])
    assert "1 host in all" not in printed([plan], terminal=True, width=100)


def test_an_offered_command_sets_a_variable_anew_instead_of_twice() -> None:
    again = Again("no-output", ("-i", "hosts.yml", "-e", "weights_source=/bad", "-e", "require_gpu=false"))
    offered = again.completed("autoglm-fix run no-output -e weights_source=DIR")
    assert offered == "autoglm-fix run no-output -i hosts.yml -e require_gpu=false -e weights_source=DIR"


TYPED = ("-i", "hosts.yml", "-l", "phones", "-e", "weights_source=/bad", "-b", "--vault-password-file", "vault")


@pytest.mark.parametrize(
    ("offered", "limit"),
    [
        (Again("no-output", TYPED).same(), "phones"),
        (Again("no-output", TYPED).completed("autoglm-fix run no-output -e weights_source=DIR"), "phones"),
        (Again("no-output", TYPED).failed("R"), "@failed:R"),
        (Again("no-output", TYPED).look(["gpu01"]), "gpu01"),
    ],
)
def test_an_offered_command_is_for_the_hosts_that_were_chosen_and_reaches_them(offered: str, limit: str) -> None:
    words = offered.split()
    assert [words[at + 1] for at, word in enumerate(words) if word == "-l"] == [limit]
    assert words.count("-b") == words.count("--vault-password-file") == words.count("vault") == 1
    assert [word for word in words if "weights_source" in word][1:] == []


@pytest.mark.parametrize(
    ("options", "undo"),
    [
        (("-i", "hosts.yml", "-l", "a", "-e", "x=1", "-b"), ""),
        (("-i", "hosts.yml", "-l", "a", "-e", "x=1", "-b", "-K"), " -i hosts.yml -b -K"),
        (TYPED, " -i hosts.yml -b --vault-password-file vault"),
    ],
)
def test_the_undo_that_is_offered_asks_for_the_passwords_again(options: tuple[str, ...], undo: str) -> None:
    assert Again("no-output", options).undo("R") == f"autoglm-fix undo R{undo}"
