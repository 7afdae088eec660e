"""Generates with the service's model, in the service's Python, and says what happened: no judgement here."""

from __future__ import annotations

import importlib
import os
import platform
from typing import Any, Callable

from . import device, language, loading, looking, room
from .attempt import Attempt
from .opened import Opened
from .speaking import Speaker

Emit = Callable[[Any], None]

_CANARY_TOKENS = 32
_MEASURED_TOKENS = 64


def run(
    emit: Emit,
    *,
    model: str,
    weights: int,
    free: dict[str, int],
    prompt: str,
    max_new_tokens: int,
    cpu_allowed: bool,
    nonce: str,
    picture: str,
    question: str,
) -> dict[str, Any]:
    """Raw evidence. Sizes in bytes, ``free`` by the uuid of a GPU.

    ``picture`` is a PNG in base64 that a vision model is asked about.
    ``failure`` says which stage raised what, and ``short`` which memory did not suffice; after either
    there is no ``model``. Later stages that raised are ``main_failure``, ``canary_failure`` and so on.
    """
    evidence: dict[str, Any] = {"python": platform.python_version(), "uid": os.geteuid(), "short": None}
    opened = _open(emit, evidence, model, weights, free, cpu_allowed)
    if opened is None:
        return evidence
    torch = opened.torch
    torch.manual_seed(0)
    speaker = Speaker(opened, emit)
    used = [name for name in evidence["model"]["devices"] if name.startswith("cuda")]
    for each in used:
        torch.cuda.reset_peak_memory_stats(each)
    with Attempt(emit, "generate") as attempt:
        evidence["template"] = bool(getattr(opened.tokenizer, "chat_template", None))
        asked = opened.chat(prompt)
        evidence["main"] = speaker.speak(asked, max_new_tokens, "generating")
    evidence["main_failure"] = attempt.failure
    evidence["memory"] = device.memory(torch, used)
    emit({"event": "stage", "stage": "generated"})
    with Attempt(emit, "canary") as attempt:
        asked_too = opened.chat(f"Repeat exactly: {nonce}")
        evidence["canary"] = speaker.speak(asked_too, _CANARY_TOKENS, "asking a test question", opened.plain_settings())
    evidence["canary_failure"] = attempt.failure
    with Attempt(emit, "language") as attempt:
        evidence["language"] = language.measure(opened)
        said = evidence.get("main", {}).get("ids", [])[:_MEASURED_TOKENS]
        if said:
            before = asked["input_ids"]
            ids = torch.cat([before, before.new_tensor([said])], dim=1)
            evidence["said"] = language.of_ids(opened, ids, before.shape[1])
    evidence["language_failure"] = attempt.failure
    if opened.vision:
        with Attempt(emit, "image") as attempt:
            evidence["image"] = {}
            looking.look(opened, speaker, picture, question, evidence["image"])
        evidence["image_failure"] = attempt.failure
    return evidence


def _open(
    emit: Emit, evidence: dict[str, Any], model: str, weights: int, free: dict[str, int], cpu_allowed: bool
) -> Opened | None:
    """Import, choose a place, load. None where that went no further; the evidence says why."""
    with Attempt(emit, "import") as attempt:
        torch = importlib.import_module("torch")
        transformers = importlib.import_module("transformers")
        transformers.utils.logging.disable_progress_bar()
        evidence.update(torch=str(torch.__version__), transformers=str(transformers.__version__))
        evidence["cuda"] = device.look(torch, free)
    if not attempt.failure:
        place = room.place(torch, evidence, weights, cpu_allowed)
        if place is None:
            evidence["failure"] = None
            return None
    folder, options = loading.where(model)
    if not attempt.failure:
        with Attempt(emit, "config") as attempt:
            config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, **options)
            vision = evidence["vision"] = loading.is_vision(transformers, config)
    if not attempt.failure:
        with Attempt(emit, "tokenizer") as attempt:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **options)
    if not attempt.failure:
        with Attempt(emit, "load") as attempt:
            loaded, evidence["loading"] = loading.load(transformers, folder, options, str(place), vision)
            evidence["model"] = loading.contents(torch, loaded, emit)
            return Opened(torch, transformers, folder, vision, loaded, tokenizer)
    evidence["failure"] = attempt.failure
    return None
