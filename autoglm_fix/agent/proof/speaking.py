"""One generation, watched token by token. Runs in the service's Python."""

from __future__ import annotations

import math
import time
from typing import Any, Callable

from .opened import Opened

Emit = Callable[[Any], None]

OPENINGS = ("<think>", "[THINK]", "<|channel|>analysis")
CLOSINGS = ("</think>", "[/THINK]", "<|channel|>final<|message|>")
# A model that means to reason gets so many tokens in all, and has begun to within so few.
_REASONING_TOKENS = 512
_BEGUN_WITHIN = 8
_PROGRESS_EVERY_S = 0.2


def open_in(text: str) -> bool:
    """Whether reasoning was opened in the text and not closed."""
    opened = max(text.rfind(mark) for mark in OPENINGS)
    return opened >= 0 and opened > max(text.rfind(mark) for mark in CLOSINGS)


def closed_in(text: str) -> bool:
    """Whether reasoning was closed in the text."""
    return any(mark in text for mark in CLOSINGS)


class Speaker:
    """Generates with a loaded model."""

    def __init__(self, opened: Opened, emit: Emit) -> None:
        self._opened = opened
        self._emit = emit
        template = str(getattr(opened.tokenizer, "chat_template", None) or "")
        words = opened.tokenizer.get_vocab()
        self._may_reason = any(mark in template or mark in words for mark in OPENINGS)

    def speak(self, inputs: Any, limit: int, what: str, settings: Any = None) -> dict[str, Any]:
        """Generate up to ``limit`` tokens after any reasoning, with the model's own settings or others.

        ``reasoning`` is ``none``, ``closed`` or ``open``, ``answer`` the text after it. ``ended`` is ``eos``
        or ``length``; ``limited_by`` names the setting of the model that allows fewer tokens. Times in
        seconds; ``bad_steps`` had logits that are no numbers.
        """
        prompt = inputs["input_ids"]
        used = settings or self._opened.model.generation_config
        limit, limited_by = _room(used, limit, prompt.shape[1])
        opened = open_in(self.decode(prompt[0], special=True))
        watch = _Watch(self, prompt.shape[1], limit, opened, self._may_reason, what)
        most = max(_REASONING_TOKENS, limit) + limit if watch.reasons and not limited_by else limit
        started = time.monotonic()
        ids, event_s = self._generate(inputs, used, most, watch) if most > 0 else ([], None)
        seconds = time.monotonic() - started
        return {
            "prompt_tokens": prompt.shape[1],
            "limit": limit,
            "limited_by": limited_by,
            "settings": _plain(used.to_diff_dict()),
            "event_s": event_s,
            **self._said(ids, opened, used.eos_token_id, watch.begins),
            "bad_steps": watch.bad,
            "first_token_s": watch.first - started if watch.steps else None,
            "seconds": seconds,
            "tokens_per_s": (watch.steps - 1) / (watch.last - watch.first) if watch.last > watch.first else None,
        }

    def _generate(self, inputs: Any, settings: Any, most: int, watch: _Watch) -> tuple[list[int], float | None]:
        """The ids of the new tokens, and the seconds that they took by the GPU's own clock."""
        model, transformers = self._opened.model, self._opened.transformers
        prompt, own = inputs["input_ids"], model.generation_config
        timer = _GpuTimer(self._opened.torch, prompt.device)
        model.generation_config = settings
        try:
            made = model.generate(
                **inputs,
                max_new_tokens=most,
                logits_processor=transformers.LogitsProcessorList([watch.saw]),
                stopping_criteria=transformers.StoppingCriteriaList([watch.enough]),
            )
        finally:
            model.generation_config = own
        event_s = timer.stop()
        return getattr(made, "sequences", made)[0][prompt.shape[1] :].tolist(), event_s

    def _said(self, ids: list[int], opened: bool, endings: Any, begins: int) -> dict[str, Any]:
        """The tokens as text, the answer apart from the reasoning before it, and what ended them.

        ``opened``: the prompt opened the reasoning. ``begins``: the reasoning took so many tokens; 0 if not counted.
        """
        raw = self.decode(ids, special=True)
        closed = closed_in(raw)
        reasoning = "closed" if closed else "open" if opened or open_in(raw) else "none"
        begins = (begins or self._closed_at(ids)) if closed else 0
        ended = bool(ids) and ids[-1] in (endings if isinstance(endings, (list, tuple)) else [endings])
        return {
            "ids": ids,
            "tokens": len(ids),
            "raw": raw,
            # Whatever ends it is no part of the answer, even if a wrong setting names a word for that.
            "answer": "" if reasoning == "open" else self.decode(ids[begins : len(ids) - ended], special=False),
            "reasoning": reasoning,
            "ended": "eos" if ended else "length",
        }

    def decode(self, ids: Any, *, special: bool) -> str:
        """The text of these tokens."""
        return str(self._opened.tokenizer.decode(ids, skip_special_tokens=not special))

    def show(self, what: str, done: int, total: int) -> None:
        """Say how many tokens there are."""
        self._emit({"event": "progress", "what": what, "done": done, "total": total, "unit": "tokens"})

    def _closed_at(self, ids: list[int]) -> int:
        """After how many tokens the reasoning is closed."""
        return next(count for count in range(1, len(ids) + 1) if closed_in(self.decode(ids[:count], special=True)))


class _Watch:
    """Sees the logits before each token and the tokens after it."""

    def __init__(self, speaker: Speaker, start: int, limit: int, opened: bool, may_reason: bool, what: str) -> None:
        self.reasons = opened or may_reason
        self.begins = 0
        self.steps = self.bad = 0
        self.first = self.last = 0.0
        self._speaker = speaker
        self._start = start
        self._limit = limit
        self._opened = opened
        self._answering = not self.reasons
        self._what = what
        self._told = 0.0

    def saw(self, input_ids: Any, scores: Any) -> Any:
        """The logits, unchanged. Their first look waits for the device: the first token's time is real."""
        top = scores.max(dim=-1).values
        if not bool(((top > float("-inf")) & (top < float("inf"))).all()):  # false for NaN, too
            self.bad += 1
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.steps += 1
        if self.last - self._told > _PROGRESS_EVERY_S:
            self._told = self.last
            self._speaker.show(self._what, self.steps, self._limit)
        return scores

    def enough(self, input_ids: Any, scores: Any, **_more: Any) -> Any:
        """Whether the answer has its tokens, those of the reasoning not counted."""
        new = input_ids[0][self._start :]
        if not self._answering:
            text = self._speaker.decode(new, special=True)
            if closed_in(text):
                self._answering, self.begins = True, len(new)
            elif not self._opened and len(new) >= _BEGUN_WITHIN and not open_in(text):
                self._answering = True
        done = self._answering and len(new) - self.begins >= self._limit
        return input_ids.new_full((input_ids.shape[0],), int(done)).bool()


class _GpuTimer:
    """Times on the GPU's own clock; None on the CPU."""

    def __init__(self, torch: Any, device: Any) -> None:
        self._torch = torch
        self._marks = []
        if device.type == "cuda":
            self._marks = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
            self._marks[0].record()

    def stop(self) -> float | None:
        if not self._marks:
            return None
        self._marks[1].record()
        self._torch.cuda.synchronize()
        return float(self._marks[0].elapsed_time(self._marks[1])) / 1000


def _room(settings: Any, asked: int, prompt_tokens: int) -> tuple[int, str]:
    """How many tokens the model's settings leave, and which of them leaves fewer than asked."""
    own = getattr(settings, "max_new_tokens", None)
    if own is not None and own < asked:
        return max(int(own), 0), "max_new_tokens"
    whole = getattr(settings, "max_length", None)
    # 20 is what older releases hold where nothing was said.
    if own is None and whole not in (None, 20) and whole - prompt_tokens < asked:
        return max(int(whole) - prompt_tokens, 0), "max_length"
    return asked, ""


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What JSON can carry of them."""
    kept = {name: value for name, value in values.items() if isinstance(value, (bool, int, float, str, list))}
    return {name: value for name, value in kept.items() if not isinstance(value, float) or math.isfinite(value)}
