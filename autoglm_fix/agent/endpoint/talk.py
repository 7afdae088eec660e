"""Questions to one model over an endpoint, within one time for all of them."""

from __future__ import annotations

import os
import random
import time
from typing import Any

from ..context import Context
from .caller import Caller
from .chat import Patience, chat

# A model that reasons gets so many tokens before its answer.
_REASONING_TOKENS = 512
# What a server may refuse to be told.
_OPTIONAL = ("stream_options", "logprobs")


def new_nonce() -> str:
    """A word that nobody could have answered before."""
    return f"ZX-{random.SystemRandom().randrange(1000, 10000)}"


class Talk:
    """Requests to one model. ``tokens`` counts those of all answers.

    ``patience`` may change between two questions, and ``reasons`` is to be set once the model was seen to do so.
    """

    def __init__(self, ctx: Context, caller: Caller, model: str, seconds: float, patience: Patience) -> None:
        self.reasons = False
        self.tokens = 0
        self.patience = patience
        self._ctx = ctx
        self._caller = caller
        self._model = model
        self._end = time.monotonic() + seconds

    def say(self, question: Any, limit: int, *, stream: bool = True, **more: Any) -> dict[str, Any] | None:
        """What came back of a question (a text, or parts with a picture); None where no time is left."""
        left = self._end - time.monotonic()
        if left <= 0:
            return None
        if self.reasons and limit > 1:
            limit += max(_REASONING_TOKENS, limit)
        turn = {"role": "user", "content": question}
        body = {"model": self._model, "messages": [turn], "max_tokens": limit, "stream": stream, **more}
        if stream:
            body["stream_options"] = {"include_usage": True}
        patience = Patience(*(min(left, each) for each in vars(self.patience).values()))
        heard = chat(self._caller, body, patience, lambda count: self._ctx.progress("asking", count, limit, "tokens"))
        if heard["status"] in (400, 422) and any(name in body for name in _OPTIONAL):
            plain = {name: value for name, value in body.items() if name not in _OPTIONAL}
            heard = chat(self._caller, plain, patience)
        told = (heard["usage"] or {}).get("completion_tokens")
        heard.update(limit=limit, tokens=told if type(told) is int and told >= 0 else heard["pieces"])
        self.tokens += heard["tokens"]
        return heard

    def to_another(self, model: str, seconds: float) -> Talk:
        """The same with a model of another name."""
        return Talk(self._ctx, self._caller, model, seconds, self.patience)


def named(ctx: Context, ids: list[str] | None) -> str:
    """The name to ask for where the inventory gives none: the one that is served."""
    model = ctx.declared.model or ""
    if not ids or model in ids:
        return model
    return next((name for name in ids if os.path.basename(name) == os.path.basename(model)), ids[0])


def is_cut(heard: dict[str, Any]) -> bool:
    """Whether it was still reasoning when its tokens were used up."""
    text = (heard["content"] or "").strip()
    opened = text.startswith(("<think>", "[THINK]")) and "</think>" not in text and "[/THINK]" not in text
    return heard["finish"] == "length" and (opened or bool(heard["reasoning"] and not text))
