from __future__ import annotations

import pytest

from autoglm_fix.proof import text

SENTENCE = "The capital of France is Paris, and it lies on the Seine in the north of the country, as everybody knows."


def ids_of(said: str) -> list[int]:
    """A token for each word, which is what repetition is about."""
    known: dict[str, int] = {}
    return [known.setdefault(word, len(known)) for word in said.split()]


@pytest.mark.parametrize(
    ("said", "garbage"),
    [
        (SENTENCE, False),
        ("4", False),
        ("Yes. Yes.", False),
        ("你好！有什么可以帮你的吗？", False),
        ("do(action='Tap', element=[499, 182]) do(action='Tap', element=[120, 640])", False),
        ("! " * 12, True),
        ("the " * 40, True),
        ("agement to a specifications " * 12, True),
        ("好 " * 30, True),
        ("|---|---|---|---|" * 20, True),
    ],
)
def test_repetition_is_told_from_speech(said: str, garbage: bool) -> None:
    assert text.repeats(ids_of(said), text.shape(ids_of(said), said)) is garbage


@pytest.mark.parametrize(
    ("said", "garbage"),
    [
        (SENTENCE, False),
        ("你好，世界\ufffd\ufffd", False),
        ("a\ufffd", False),
        ("\ufffd" * 12, True),
        ("v\ufffdv\ufffdv\ufffd\ufffdv", True),
    ],
)
def test_broken_bytes_are_told_from_a_cut_character(said: str, garbage: bool) -> None:
    assert text.unreadable(text.shape([1], said)) is garbage


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("Paris", "Paris"),
        ("\n<answer>finish(message='done')</answer>\n", "finish(message='done')"),
        ("<answer></answer>", ""),
        ("a < b and b > c", "a < b and b > c"),
    ],
)
def test_tags_around_an_answer_are_not_read(answer: str, seen: str) -> None:
    assert text.visible(answer) == seen
