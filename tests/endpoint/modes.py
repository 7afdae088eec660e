"""The ways in which model servers answer, and fail to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

MODEL = "autoglm-phone-9b"
PARIS = "The capital of France is Paris , and it lies on the Seine ."
_WORD = re.compile(r"ZX-\d+")


def sensible(question: str) -> list[str]:
    """Repeats the word that it is asked for, else speaks of Paris."""
    found = _WORD.search(question)
    return [found[0]] if found else [word + " " for word in PARIS.split()]


def always(*pieces: str) -> Callable[[str], list[str]]:
    return lambda _question: list(pieces)


def words(text: str) -> Callable[[str], list[str]]:
    return always(*[word + " " for word in text.split()])


NOTHING = always()


@dataclass(frozen=True)
class Mode:
    """How a server behaves. ``stalls_at`` and ``closes_at`` count pieces; ``status`` and ``body`` answer a chat."""

    says: Callable[[str], list[str]] = sensible
    thinks: Callable[[str], list[str]] = NOTHING
    unstreamed: Callable[[str], list[str]] | None = None
    null: bool = False
    served: tuple[str, ...] = (MODEL,)
    named: str | None = None
    any_model: bool = False
    status: int = 200
    body: str = ""
    type: str = "application/json"
    stalls_at: int | None = None
    closes_at: int | None = None
    fails_at: int | None = None
    pause_s: float = 0.0
    health: int = 200
    models: int = 200
    done: bool = True
    finish: str | None = "stop"
    streams: bool = True
    usage: bool = True
    counts: bool | None = True
    corrupts: bool = False
    keeps_limit: bool = True
    refuses: tuple[str, ...] = ()
    logprob: float | None = -0.2
    head: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    sees: bool = False
    blind: bool = False
    picture_tokens: int = 0


_DEAD = '{"error": {"message": "EngineDeadError: the engine core is dead", "code": 500}}'
_OOM = '{"error": {"message": "CUDA out of memory. Tried to allocate 2.00 GiB"}}'
_PAGE = "<!DOCTYPE html><html><title>Sign in</title></html>"

MODES: dict[str, Mode] = {
    "ok": Mode(),
    "no counters": Mode(counts=None),
    "no done": Mode(done=False, usage=False),
    "strict": Mode(refuses=("stream_options", "logprobs"), logprob=None),
    "no list of models": Mode(models=500),
    "thinks apart": Mode(thinks=always(*["hm "] * 3, "so ")),
    "thinks inline": Mode(
        says=lambda question: ["<think>", "easy", "</think>", "<answer>", *sensible(question), "</answer>"]
    ),
    "empty": Mode(says=always("")),
    "null": Mode(says=NOTHING, null=True),
    "bang": Mode(says=always(*"!" * 40)),
    "loop": Mode(says=words("agement to a specifications " * 20)),
    "broken bytes": Mode(says=always(*[letter + "\ufffd" for letter in "abcdefghijkl"])),
    "reasoning only": Mode(
        says=NOTHING, thinks=lambda question: ["I ", "should ", "say ", *sensible(question)], null=True
    ),
    "tool calls": Mode(says=always("call!"), null=True),
    "canned": Mode(says=words("I am ready to help you with anything .")),
    "forgetful": Mode(says=lambda question: ["Sure ", "! "] if "ZX" in question else sensible(question)),
    "html": Mode(body=_PAGE, type="text/html"),
    "bad gateway": Mode(status=502, body=_PAGE, type="text/html"),
    "other program": Mode(body='{"hello": "world"}'),
    "stall before": Mode(stalls_at=0, health=404),
    "stall between": Mode(stalls_at=1),
    "slow": Mode(pause_s=0.3),
    "wrong model": Mode(served=("qwen",), named="qwen", any_model=True),
    "echoes the name": Mode(served=("qwen",), any_model=True),
    "any model": Mode(any_model=True),
    "other models": Mode(served=("qwen", "llama")),
    "dead engine": Mode(stalls_at=0),
    "engine died": Mode(status=500, body=_DEAD),
    "out of memory": Mode(status=500, body=_OOM),
    "still counters": Mode(counts=False),
    "corrupts": Mode(corrupts=True),
    "key": Mode(key="sk-right-0123456789"),
    "no chat": Mode(status=404, body='{"detail":"Not Found"}'),
    "busy": Mode(status=429, body='{"error": "too many requests"}'),
    "rejects": Mode(status=400, body='{"error": {"message": "chat template is missing"}}'),
    "closes at once": Mode(closes_at=0),
    "closes between": Mode(closes_at=1),
    "fails between": Mode(fails_at=1),
    "ends without a word": Mode(done=False, finish=None),
    "not streamed": Mode(streams=False),
    "only streamed": Mode(unstreamed=always("")),
    "only unstreamed": Mode(says=lambda question: sensible(question) if "ZX" in question else [], unstreamed=sensible),
    "ignores limits": Mode(keeps_limit=False),
    "salad": Mode(logprob=-9.0),
    "through nginx": Mode(head={"Server": "nginx/1.24"}, counts=None),
    "cut": Mode(
        says=NOTHING,
        thinks=words("one two three four five six seven eight nine ten eleven"),
        finish="length",
    ),
    "sees": Mode(sees=True, picture_tokens=144),
    "refuses pictures": Mode(blind=True),
    "looks away": Mode(picture_tokens=144),
    "loading": Mode(health=503, status=503, body='{"error": {"message": "Loading model"}}'),
}
