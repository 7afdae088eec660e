"""A generation over the service's own endpoint, watched from its host: raw evidence, no judgement."""

from __future__ import annotations

import base64
import os
import random
import time
from typing import Any

from .. import nvml
from ..context import Context
from ..endpoint import counters
from ..endpoint.caller import Address, Caller, Trouble
from ..endpoint.chat import Patience
from ..endpoint.owner import device_nodes, is_local, owner_of, units_beside
from ..endpoint.talk import Talk, is_cut, named, new_nonce
from ..reach import Reach, Who
from ..unknown import CannotTell
from . import picture
from .waiting import manager, wait

_CANARIES = ("Repeat exactly: {}", "请原样重复：{}")
_CANARY_TOKENS = _IMAGE_TOKENS = 64
# One answer may take all the time that there is for asking; its first token (behind a queue, or on a slow machine) and
# the next after a token these shares of it, and never less than so many seconds.
_FIRST_SHARE, _FIRST_S = 0.2, 60.0
_GAP_SHARE, _GAP_S = 0.05, 10.0
# The first answer may have to wait for compilers, and of these servers for the weights.
_COLD_GAP_S = 60.0
_LOAD_LATE = ("transformers", "ollama", "custom")
_ANOTHER_S = 10.0
# How long an engine may take to count what it has sent.
_SETTLED_S = 3.0
_TURN_S = 0.2


def ask(
    ctx: Context,
    state: object = None,
    *,
    prompt: str,
    max_new_tokens: int,
    timeout_s: float,
    start_timeout_s: float,
    key: str | None = None,
) -> dict[str, Any]:
    """Ask the running service what a caller would, and see who on this host answers.

    ``start_timeout_s`` is how long it may take to become ready, ``timeout_s`` how long all asking may (see
    ``patience``). ``canary``,
    ``main``, ``plain``, ``one``, ``bogus``, ``image`` and ``blind`` are answers (see ``chat``), None where nothing was
    asked. The ``key`` is in nothing that is returned.
    """
    dice = random.SystemRandom()
    asked = {
        "tokens": max_new_tokens,
        "nonce": new_nonce(),
        "number": "".join(dice.choice("123456789") for _ in range(4)),  # a 0 could be read as a letter
        "colour": dice.choice(sorted(picture.COLOURS)),
        "shape": dice.choice(picture.SHAPES),
        "counted": 0,
    }
    evidence: dict[str, Any] = {
        "asked": asked,
        "engine": ctx.declared.engine,
        "url": ctx.declared.endpoint,
        **dict.fromkeys(("trouble", "waited", "models", "model", "owner", "service", "counters", "ollama", "nvml")),
        **dict.fromkeys(("canary", "main", "plain", "one", "bogus", "image", "blind", "vision")),
    }
    try:
        caller = Caller(Address.of(ctx.declared.endpoint or ""), key)
    except Trouble as err:
        return {**evidence, "trouble": {"kind": err.kind, "stage": "connect", "message": str(err)}}
    evidence["url"] = caller.address.url
    # First what may need code that is not here yet: a request that asks for it begins anew.
    evidence["service"] = manager(ctx)
    evidence["vision"], evidence["weights"] = _model(ctx)
    evidence["waited"] = wait(ctx, caller, start_timeout_s)
    if not evidence["waited"]["why"]:
        evidence["models"] = counters.models(caller)
        evidence["model"] = ctx.declared.served_model_name or named(ctx, evidence["models"]["ids"])
        _look(caller, evidence)
        usual = patience(timeout_s)
        first_s = timeout_s if evidence["engine"] in _LOAD_LATE else usual.first_s
        cold = Patience(first_s, max(usual.gap_s, _COLD_GAP_S), timeout_s)
        talk = Talk(ctx, caller, evidence["model"], timeout_s, cold)
        _converse(talk, evidence, prompt, usual)
        asked["counted"] = talk.tokens
        _look_again(ctx, caller, evidence)
    return evidence


def patience(timeout_s: float) -> Patience:
    """How long to wait for one answer of a service that is warm, where all asking may take ``timeout_s``."""
    return Patience(max(_FIRST_S, _FIRST_SHARE * timeout_s), max(_GAP_S, _GAP_SHARE * timeout_s), timeout_s)


def _converse(talk: Talk, evidence: dict[str, Any], prompt: str, usual: Patience) -> None:
    """Ask one thing after another; what hangs or is refused once is not asked again.

    ``usual`` is the patience with it once it has answered.
    """
    asked = evidence["asked"]
    for question in _CANARIES:
        heard = evidence["canary"] = talk.say(question.format(asked["nonce"]), _CANARY_TOKENS, temperature=0)
        if heard and not talk.reasons and is_cut(heard):
            talk.reasons = True
            heard = evidence["canary"] = talk.say(question.format(asked["nonce"]), _CANARY_TOKENS, temperature=0)
        if not _went(heard):
            return
        talk.patience = usual
        if asked["nonce"] in _all_of(heard):
            break
    evidence["main"] = talk.say(prompt, asked["tokens"])
    if not _went(evidence["main"]):
        return
    evidence["plain"] = talk.say(prompt, asked["tokens"], stream=False, temperature=0, logprobs=True)
    if not _went(evidence["plain"]):
        return
    evidence["one"] = talk.say(prompt, 1, stream=False, temperature=0)
    evidence["bogus"] = talk.to_another(f"no-such-model-{asked['nonce']}", _ANOTHER_S).say(prompt, 1, stream=False)
    if evidence["vision"] is not False:
        png = base64.b64encode(picture.draw(asked["number"], asked["colour"], asked["shape"])).decode()
        text = {"type": "text", "text": "Which number is in the picture, and which colour has the shape below it?"}
        shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + png}}
        evidence["image"] = talk.say([shown, text], _IMAGE_TOKENS, stream=False, temperature=0)
        evidence["blind"] = talk.say([text], 1, stream=False, temperature=0)


def _went(heard: dict[str, Any] | None) -> bool:
    return heard is not None and heard["status"] == 200 and not heard["error"]


def _all_of(heard: dict[str, Any] | None) -> str:
    return "".join(((heard["content"] or "") + heard["reasoning"]).split()) if heard else ""


def _look(caller: Caller, evidence: dict[str, Any]) -> None:
    """Who answers, and what the engine and the driver say before anything is asked."""
    evidence["service"] = evidence["waited"]["service"] or evidence["service"]
    local = is_local(caller.peer)
    evidence["owner"] = {**(owner_of(caller.peer, caller.address.port) if local else {}), "local": local}
    evidence["nvml"] = {"before": nvml.snapshot() if local else {}, "after": {}}
    evidence["counters"] = {"before": counters.counters(caller), "after": {}}


def _look_again(ctx: Context, caller: Caller, evidence: dict[str, Any]) -> None:
    before, until = evidence["counters"]["before"], time.monotonic() + _SETTLED_S
    while before:
        after = evidence["counters"]["after"] = counters.counters(caller)
        if counters.generated(before, after) >= evidence["asked"]["counted"] or time.monotonic() > until:
            break
        time.sleep(_TURN_S)
    if evidence["engine"] == "ollama":
        evidence["ollama"] = counters.loaded_by_ollama(caller)
    if evidence["owner"]["local"]:
        # A worker may have been started by the first request.
        evidence["owner"].update(owner_of(caller.peer, caller.address.port))
        _compare(ctx, evidence)
        evidence["owner"]["nodes"] = device_nodes(evidence["owner"]["tree"] + evidence["service"].get("pids", []))
        if evidence["nvml"]["before"].get("problem") != nvml.NO_ANSWER:
            evidence["nvml"]["after"] = nvml.snapshot()


def _compare(ctx: Context, evidence: dict[str, Any]) -> None:
    """Whose the processes are that listen, where the service's manager knows of none of its own."""
    if evidence["service"].get("pids") or "state" not in evidence["service"]:
        return
    # It may have come up while it was asked.
    service = evidence["service"] = manager(ctx)
    if not service.get("pids"):
        evidence["owner"]["others"] = units_beside(evidence["owner"]["pids"], service.get("unit", ""))


def _model(ctx: Context) -> tuple[bool | None, int]:
    """Whether the model takes pictures (None: nobody can say), and the bytes of its weights (0: unknown)."""
    from ..model.config import parse_config
    from ..model.folder import locate

    try:
        reach = Reach(ctx.view, Who(ctx.service.user))
        folder = reach.follow(locate(ctx, reach.who, reach).inside).seen_at
        names = [name for name in os.listdir(folder) if name.endswith(".safetensors")]
        size = sum(os.path.getsize(os.path.join(folder, name)) for name in names)
        with open(os.path.join(folder, "config.json"), "rb") as source:
            config = parse_config(source.read(1 << 20))
    except (CannotTell, OSError):
        return None, 0
    return (config.vision if config.state == "ok" else None), size
