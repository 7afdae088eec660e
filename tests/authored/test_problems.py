from __future__ import annotations

import pytest

from autoglm_fix.authored.problems import BadInput, Position, Problem, did_you_mean, enumeration, quoted


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem("playbooks/gpu.yml", 14, 5, "unknown diagnostic 'wieghts'", "Did you mean 'weights'?"),
            "playbooks/gpu.yml:14:5: unknown diagnostic 'wieghts'. Did you mean 'weights'?",
        ),
        (Problem("p.yml", 0, 0, "there is no such file"), "p.yml: there is no such file"),
        (Problem("a\x1b[2J.yml", 1, 2, "x"), "a\\x1b[2J.yml:1:2: x"),
    ],
)
def test_a_problem_is_one_line_of_what_where_and_what_to_do(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_bad_input_has_every_problem_once_in_the_order_of_the_files() -> None:
    late, early = Position("b", 1, 1).problem("x"), Position("a", 10, 1).problem("x")
    first = Position("a", 9, 2).problem("x")
    caught = BadInput([late, early, first, late])
    assert caught.problems == [first, early, late]
    assert str(caught) == "a:9:2: x\na:10:1: x\nb:1:1: x"
    assert isinstance(caught, ValueError)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("wieghts", "Did you mean 'weights'?"),
        ("Weights", "Did you mean 'weights'?"),
        ("zzz", "The diagnostics are: tokenizer, weights."),
    ],
)
def test_the_nearest_word_is_proposed_else_all_there_are(word: str, hint: str) -> None:
    assert did_you_mean(word, ["weights", "tokenizer"], nouns="diagnostics") == hint
    assert did_you_mean("zzz", ["weights"]) == ""
    assert did_you_mean("zzz", [], nouns="fixes") == "There are no fixes."


def test_shown_texts_are_short_and_without_control_characters() -> None:
    assert quoted("a\nb\x00") == "'a\\nb\\x00'"
    assert quoted("你好") == "'你好'"
    assert len(quoted("x" * 1000)) < 100
    assert enumeration([str(n) for n in range(20)], 3) == "0, 1, 2 and 17 more"
