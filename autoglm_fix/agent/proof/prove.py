"""A generation in the service's own Python, watched from outside: raw evidence, no judgement."""

from __future__ import annotations

import base64
import os
import random
import time
from typing import Any

from .. import nvml
from ..context import Context
from ..model.folder import locate
from ..no_answer import NoAnswer
from ..reach import Reach, Who
from ..service_run.call import call
from ..unknown import CannotTell
from ..usage import session
from . import generate, picture

# A model so small is tried on the CPU even where a GPU is asked for: two of three claims can be shown.
SMALL = 2 << 30
_PICKLES = (".bin", ".pth", ".pt")


def prove(
    ctx: Context,
    state: object = None,
    *,
    prompt: str,
    max_new_tokens: int,
    require_gpu: bool,
    timeout_s: float,
) -> dict[str, Any]:
    """Let the service's model generate, beside whatever runs; what was seen of it, as JSON-able values.

    ``probe`` is what the service's Python says, None where it says nothing; then ``died`` (see NoAnswer)
    or ``skipped`` tells why. ``nvml`` holds what the driver said before, during and after, and the
    process ids of the probe. CannotTell where the service names no model, or nobody may look at it.
    """
    reach = Reach(ctx.view, Who(ctx.service.user))
    located = locate(ctx, reach.who, reach)
    reached = reach.follow(located.inside)
    weights, pickled = _weigh(reached.seen_at) if reached.seen else (0, False)
    asked = {"tokens": max_new_tokens, **_unguessable()}
    seen = _Seen(ctx, weights)
    evidence: dict[str, Any] = {
        "asked": asked,
        "model": located.inside,
        "weights": weights,
        "skipped": None,
        "died": None,
        "probe": None,
        "nvml": seen.nvml,
    }
    cpu_allowed = not require_gpu or weights <= SMALL
    if not reached.seen:
        evidence["skipped"] = "absent"
    elif pickled:
        evidence["skipped"] = "pickled"
    else:
        evidence["skipped"] = _hindered(seen.nvml["before"], weights, cpu_allowed)
    if evidence["skipped"]:
        return evidence
    arguments = {
        "model": ctx.service.model if located.source == "hub" else located.inside,
        "weights": weights,
        "free": {gpu["uuid"]: gpu["free"] for gpu in seen.nvml["before"].get("gpus", []) if "free" in gpu},
        "prompt": prompt,
        "max_new_tokens": max_new_tokens,
        "cpu_allowed": cpu_allowed,
        "nonce": asked["nonce"],
        "picture": base64.b64encode(picture.draw(asked["number"], asked["colour"], asked["shape"])).decode(),
        "question": "Which number is in the picture, and which colour has the shape below it?",
    }
    started = time.monotonic()
    try:
        watched = ctx.like(emit=seen.heard)
        evidence["probe"] = call(watched, "proof.generate", generate.run.__name__, arguments, timeout_s=timeout_s)
    except NoAnswer as err:
        evidence["died"] = {**vars(err), "reason": str(err), "stage": seen.stage, "after_s": time.monotonic() - started}
    seen.nvml["after"] = nvml.snapshot()
    return evidence


def _unguessable() -> dict[str, Any]:
    """What the model is to repeat, and what it is to see in the picture: new each time."""
    dice = random.SystemRandom()
    return {
        "nonce": f"ZX-{dice.randrange(1000, 10000)}",
        "number": "".join(dice.choice("123456789") for _ in range(4)),  # a 0 could be read as a letter
        "colour": dice.choice(sorted(picture.COLOURS)),
        "shape": dice.choice(picture.SHAPES),
    }


class _Seen:
    """What is seen of the probe from outside, at the moments that it announces."""

    def __init__(self, ctx: Context, weights: int) -> None:
        self._ctx = ctx
        self._weights = weights
        self._pid = 0
        self.stage = ""
        self.nvml: dict[str, Any] = {"before": nvml.snapshot(), "during": None, "after": None, "pids": []}

    def heard(self, event: dict[str, Any]) -> None:
        """Take note of an event, or pass it on."""
        kind = event.get("event")
        if kind == "started":
            self._pid = event["pid"]
        elif kind == "stage":
            self.stage = event["stage"]
            if self.stage == "load":
                self._ctx.progress("loading the model", 0, self._weights)
            elif self.stage == "generated":
                self.nvml["during"] = nvml.snapshot()
                self.nvml["pids"] = session(self._pid)
        elif kind == "progress":
            self._ctx.progress(event["what"], event["done"], event["total"], event["unit"])
        else:
            self._ctx.emit(event)


def _weigh(folder: str) -> tuple[int, bool]:
    """The size of the weights in bytes once loaded, and whether there are only pickled ones."""
    sizes: dict[str, int] = {}
    try:
        names = os.listdir(folder) if os.path.isdir(folder) else [folder]
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                sizes[name] = os.path.getsize(path)
    except OSError as err:
        raise CannotTell(f"cannot read {folder}: {err.strerror}") from err
    plain = {name: size for name, size in sizes.items() if name.endswith(".safetensors")}
    # Where a hub has the weights a second time, in the vendor's layout, only these are loaded.
    weights = sum(size for name, size in plain.items() if name.startswith("model")) or sum(plain.values())
    if weights:
        return weights, False
    quantized = [size for name, size in sizes.items() if name.endswith(".gguf")]
    if quantized:
        return 8 * max(quantized), False  # four bits become 32 while it is loaded
    return 0, any(name.endswith(_PICKLES) for name in sizes)


def _hindered(seen: dict[str, Any], weights: int, cpu_allowed: bool) -> str | None:
    """Why nothing need be started, None where nothing hinders.

    ``wedged`` is the driver: every process that asks it would hang. ``gpu``: all GPUs together cannot
    hold the weights now.
    """
    if seen.get("problem") == nvml.NO_ANSWER:
        return "wedged"
    free = [gpu["free"] for gpu in seen.get("gpus", []) if "free" in gpu]
    return "gpu" if free and sum(free) < weights and not cpu_allowed else None
