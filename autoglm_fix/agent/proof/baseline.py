"""What a caller sees of the service now: one short question over its endpoint, waiting for nothing."""

from __future__ import annotations

import time
from typing import Any

from ..context import Context
from ..endpoint import counters
from ..endpoint.caller import Address, Caller, Trouble
from ..endpoint.chat import Patience
from ..endpoint.talk import Talk, named, new_nonce

_TOKENS = 32
_A_SECOND = 1.0
_PATIENCE = Patience(first_s=20.0, gap_s=10.0, total_s=30.0)


def baseline(ctx: Context, state: object = None, *, key: str | None = None) -> dict[str, Any]:
    """``canary`` is what came back (see ``chat``), ``trouble`` why nothing could be asked. 45 s at most in all.

    Where nothing came in time, ``moved`` is by how many tokens the engine's counter goes on in a second: for others.
    """
    nonce = new_nonce()
    evidence: dict[str, Any] = {"asked": {"nonce": nonce}, "trouble": None, "canary": None, "moved": 0}
    try:
        caller = Caller(Address.of(ctx.declared.endpoint or ""), key)
    except Trouble as err:
        return {**evidence, "trouble": {"kind": err.kind, "stage": "connect", "message": str(err)}}
    # Never the completed service: its definition need not be here for one question.
    model = ctx.declared.served_model_name or named(ctx, counters.models(caller)["ids"])
    talk = Talk(ctx, caller, model, _PATIENCE.total_s, _PATIENCE)
    heard = evidence["canary"] = talk.say(f"Repeat exactly: {nonce}", _TOKENS, temperature=0)
    if heard is None or (heard["error"] and heard["error"]["kind"] == "timeout"):
        before = counters.counters(caller)
        if before:
            time.sleep(_A_SECOND)
            evidence["moved"] = counters.generated(before, counters.counters(caller))
    return evidence
