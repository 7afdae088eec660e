"""One chat request, streamed or not, and what came back."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Callable

from .caller import Answer, Caller, Trouble
from .events import Events

_KEPT_CHARS = 20_000
_SAID_CHARS = 600


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for the first piece of the answer, between two, for all of it."""

    first_s: float
    gap_s: float
    total_s: float


def chat(
    caller: Caller, body: dict[str, Any], patience: Patience, told: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Ask, and say what came.

    ``error`` is None or ``kind``, ``stage`` (``connect``, ``first``, ``gap``, ``total``) and ``message``; ``said`` the
    beginning of what was no answer. ``content`` is None where no text came at all, ``reasoning`` what came apart
    from it. ``pieces`` counts pieces with text; ``first_s`` is when the first came, ``gap_s`` the longest wait after
    it. ``logprob`` is the mean over the answer's tokens, None where the server gives none. ``told`` hears the count.
    """
    heard = _Heard(told)
    started = time.monotonic()
    try:
        until = started + (patience.first_s if body["stream"] else patience.total_s)
        with caller.open(caller.address.path + "/chat/completions", until, body) as answer:
            heard.about.update(status=answer.status, type=answer.type, server=answer.server)
            if answer.status == 200 and answer.type == "text/event-stream":
                _follow(heard, answer, started, patience)
            else:
                text = answer.text()
                if answer.status != 200 or not heard.take(text):
                    heard.about["said"] = text[:_SAID_CHARS]
    except Trouble as err:
        heard.about["error"] = caller.told(err, heard.stage(err, started + patience.total_s))
    heard.about["seconds"] = time.monotonic() - started
    return heard.evidence(caller, started)


def _follow(heard: _Heard, answer: Answer, started: float, patience: Patience) -> None:
    events = Events()
    heard.about["streamed"] = True
    for data in answer.chunks():
        before = heard.pieces
        for text in events.feed(data):
            heard.take(text)
        if heard.done:
            return
        if heard.pieces > before:
            answer.wait_until(min(heard.last + patience.gap_s, started + patience.total_s))
    for text in events.end():
        heard.take(text)


class _Heard:
    """An answer as it comes together."""

    def __init__(self, told: Callable[[int], None] | None) -> None:
        self.about: dict[str, Any] = {
            **dict.fromkeys(("status", "error", "content", "finish", "model", "usage", "logprob", "failed")),
            **dict.fromkeys(("type", "said", "reasoning"), ""),
            "server": ["", ""],
            "streamed": False,
            "tool_calls": 0,
        }
        self.done = False
        self.pieces = 0
        self.first = self.last = self.gap = 0.0
        self._told = told
        self._logprobs: list[float] = []

    def take(self, text: str) -> bool:
        """A completion or a chunk of one, as JSON; False for anything else."""
        if text.strip() == "[DONE]":
            self.done = True
            return True
        try:
            chunk = json.loads(text)
        except (ValueError, RecursionError):
            return False
        if not isinstance(chunk, dict):
            return False
        if chunk.get("error"):
            self.about["failed"] = json.dumps(chunk["error"], ensure_ascii=False)[:_SAID_CHARS]
            return True
        self._keep("model", chunk.get("model"), str)
        self._keep("usage", chunk.get("usage"), dict)
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            return False
        for choice in choices[:1]:
            if isinstance(choice, dict):
                self._take_choice(choice)
        return True

    def _take_choice(self, choice: dict[str, Any]) -> None:
        self._keep("finish", choice.get("finish_reason"), str)
        said = choice.get("delta") or choice.get("message")
        said = said if isinstance(said, dict) else {}
        text = _text(said.get("content"))
        thought = _text(said.get("reasoning_content")) or _text(said.get("reasoning")) or ""
        if text is not None:
            self.about["content"] = ((self.about["content"] or "") + text)[:_KEPT_CHARS]
        self.about["reasoning"] = (self.about["reasoning"] + thought)[:_KEPT_CHARS]
        calls = said.get("tool_calls")
        calls = calls if isinstance(calls, list) else []
        self.about["tool_calls"] += len(calls)
        chances = choice.get("logprobs")
        for each in (chances.get("content") or []) if isinstance(chances, dict) else []:
            if isinstance(each, dict) and isinstance(each.get("logprob"), (int, float)):
                self._logprobs.append(float(each["logprob"]))
        if text or thought or calls:
            now = time.monotonic()
            self.gap = max(self.gap, now - self.last) if self.pieces else 0.0
            self.first, self.last = self.first or now, now
            self.pieces += 1
            if self._told:
                self._told(self.pieces)

    def _keep(self, name: str, value: object, kind: type) -> None:
        if isinstance(value, kind):
            self.about[name] = value

    def stage(self, trouble: Trouble, end: float) -> str:
        """Which wait a trouble ended."""
        if trouble.kind in ("address", "refused", "unreachable", "tls"):
            return "connect"
        if not self.pieces:
            return "first"
        return "total" if time.monotonic() >= end else "gap"

    def evidence(self, caller: Caller, started: float) -> dict[str, Any]:
        for name in ("said", "content", "reasoning", "failed"):
            self.about[name] = caller.hide(self.about[name]) if self.about[name] else self.about[name]
        if self._logprobs:
            self.about["logprob"] = sum(self._logprobs) / len(self._logprobs)
        return {
            **self.about,
            "done": self.done,
            "pieces": self.pieces,
            "first_s": self.first - started if self.pieces else None,
            "last_s": self.last - started if self.pieces else None,
            "gap_s": self.gap,
        }


def _text(value: object) -> str | None:
    """The text of a field that is one, or a list of parts."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else None
