"""The stage of a start whose log tells none (a plain Python program's), as far as what it holds and moves tells it."""

from __future__ import annotations

from autoglm_fix.agent.facts.start_up import StartUp

_FULL = 1 << 20
# What a Python program with torch holds before it has read a weight, and a CUDA context on its card.
_LIBRARIES = 1 << 30
# Of a smaller model, its libraries take as much as its weights, and nothing can be told.
_LEAST = 2 << 30
_MOST, _SOME = 0.8, 0.1


def stage_by_progress(start: StartUp, total: int) -> str:
    """``weights``, ``to-device``, ``compile`` or ``first-token``, empty where nothing sure can be said.

    ``total`` is the size of the model's weights in bytes. Weights that are read straight onto a card are ``weights``;
    a card that fills while nothing is read any more is ``to-device``.
    """
    if len(start.samples) < 2:
        return ""
    first, last = start.samples[0], start.samples[-1]
    if start.compilers:
        return "compile"
    known = last.gpu is not None and first.gpu is not None
    filled = (last.gpu or 0) - (first.gpu or 0) if known else 0
    read = (last.read or 0) - (first.read or 0) if last.read is not None and first.read is not None else 0
    if filled > _FULL and read < filled / 4:
        return "to-device"
    if total < _LEAST:
        return ""
    held = last.gpu or 0
    if held >= _MOST * total:
        return "first-token"
    whole = last.resident >= _MOST * total
    if known and whole and held < _SOME * total + _LIBRARIES:
        return "to-device"
    some = max(last.resident, held) >= _SOME * total + _LIBRARIES
    return "weights" if some and not (whole and not read) else ""
