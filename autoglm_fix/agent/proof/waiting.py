"""Waits for a service to become ready, and not a moment longer than it has any hope."""

from __future__ import annotations

import time
from typing import Any

from ..context import Context
from ..endpoint import counters
from ..endpoint.caller import Caller
from ..endpoint.owner import is_local, owner_of, tree
from ..unknown import CannotTell
from ..usage import is_over, used_by

_EVERY_S = 1.0
_ASK_MANAGER_S = 5.0
# Nothing moves for so long: it is stuck. Nobody is even there to move: nobody is starting it.
_STUCK_S = 60.0
_NOBODY_S = 15.0
_OVER = ("failed", "stopped", "restarting", "absent")
_LOG_LINES = 20


def wait(ctx: Context, caller: Caller, seconds: float) -> dict[str, Any]:
    """``why`` is empty where the service is ready, else ``ended``, ``stuck``, ``time``, ``nobody`` or ``address``.

    ``health`` is its last answer to that question, ``service`` what its manager says (see ``manager``),
    ``stuck_s`` how long nothing had moved.
    """
    started = moved = time.monotonic()
    asked_manager = float("-inf")
    service: dict[str, Any] = {}
    before: object = None
    main: int | None = None
    while True:
        health = counters.health(caller)
        now = time.monotonic()
        found = {"seconds": now - started, "health": health, "stuck_s": now - moved, "service": service}
        if _ready(health):
            return {**found, "why": ""}
        if health["error"] and health["error"]["kind"] in ("address", "tls"):
            return {**found, "why": "address"}
        if now - asked_manager > _ASK_MANAGER_S or (main is not None and is_over(main)):
            asked_manager = now
            service = found["service"] = manager(ctx)
            if _has_ended(service, main):
                return {**found, "why": "ended"}
        main = service.get("pid") or main
        pids = tree(service.get("pids", []))
        elsewhere = bool(caller.peer) and not is_local(caller.peer)
        if not pids and caller.peer and not elsewhere:
            pids = owner_of(caller.peer, caller.address.port)["tree"]
        seen = (used_by(pids), service.get("log"), health["status"])
        if seen != before or elsewhere:  # what moves on another machine cannot be seen
            before, moved = seen, now
        if now - moved > (_STUCK_S if pids else _NOBODY_S):
            return {**found, "why": "stuck" if pids else "nobody"}
        if now - started >= seconds:
            return {**found, "why": "time"}
        ctx.progress("waiting for the service", int(now - started), int(seconds) + 1, "s")
        time.sleep(min(_EVERY_S, max(seconds - (now - started), 0.05)))


def manager(ctx: Context) -> dict[str, Any]:
    """What the service's manager says now: ``state``, ``pid`` and ``pids``, how it ``ended``, the end of its ``log``.

    ``unit`` is what the manager calls it, with its whole name. Where it cannot tell there is its ``reason`` alone.
    """
    from ..facts.service import Service

    try:
        seen = Service.collect(ctx)
    except CannotTell as err:
        return {"reason": str(err)}
    return {
        "state": seen.state,
        "manager": seen.manager,
        "unit": seen.defined.name if seen.defined else "",
        "pid": seen.running.pid if seen.running else None,
        "pids": seen.running.pids if seen.running else [],
        "ended": vars(seen.ended) if seen.ended else None,
        "log": seen.log[-_LOG_LINES:],
    }


def _has_ended(service: dict[str, Any], main: int | None) -> bool:
    """Whether the manager says so, or the process that was starting is gone and no other has come."""
    if service.get("state") in _OVER or main is None:
        return service.get("state") in _OVER
    if service.get("pid") is None:
        return is_over(main) if "reason" in service else service["state"] not in ("starting", "running")
    return service["pid"] == main and is_over(main)


def _ready(health: dict[str, Any]) -> bool:
    """Whether it speaks. Some have no such page; 503 is "still loading"."""
    return health["status"] is not None and health["status"] not in (502, 503, 504)
