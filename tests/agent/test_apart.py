from __future__ import annotations

import json
import os
import time

import pytest

from autoglm_fix.agent.apart import Apart, say


def answer(work: object, seconds: float = 60) -> dict[str, object]:
    assert callable(work)
    return Apart(work).answer(time.monotonic() + seconds)


def test_what_the_child_says_arrives() -> None:
    assert answer(lambda sink: say(sink, {"gpus": ["x" * 300_000]})) == {"gpus": ["x" * 300_000]}


def test_a_child_that_hangs_is_left_behind() -> None:
    assert answer(lambda sink: time.sleep(60), 0.05) == {"problem": "the driver does not answer"}


@pytest.mark.parametrize("words", [b"", b"garbage", b"[1]", json.dumps({"half": 1}).encode()[:-1]])
def test_a_child_that_says_nothing_of_use_counts_as_dead(words: bytes) -> None:
    assert answer(lambda sink: os.write(sink, words)) == {"problem": "the process that asked the driver died"}


def test_a_child_that_fails_counts_as_dead() -> None:
    assert answer(lambda sink: os.kill(os.getpid(), 9)) == {"problem": "the process that asked the driver died"}
