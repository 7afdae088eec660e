"""Why a service was not there to be asked: it ended, it is stuck, it does not start."""

from __future__ import annotations

from ..claim import Evidence
from .problem import Problem, of_trouble

_OF_A_START = ("service", "vram", "cuda", "dependencies", "weights")


def of_start(waited: Evidence, url: str) -> Problem | None:
    """The problem of a service that did not become ready; None where it did."""
    service, health = waited["service"], waited["health"]
    tail = tuple(service.get("log") or ())
    values = {"url": url, "seconds": round(waited["seconds"]), "stuck": round(waited["stuck_s"])}
    if not waited["why"]:
        return None
    if waited["why"] == "ended":
        ended = service.get("ended") or {}
        first = ("timeouts",) if ended.get("reason") == "timeout" else ()
        state = service.get("state") or "gone"
        values_of_end = {**values, "state": state, "how": _how(ended)}
        code = "endpoint.not-there" if state == "absent" else "endpoint.ended"
        return Problem(code, "crashed", (*first, *_OF_A_START), values_of_end, tail=tail)
    if waited["why"] == "stuck":
        return Problem("endpoint.start-stuck", "hang", ("timeouts", *_OF_A_START), values, tail=tail)
    error = health["error"]
    if error and error["kind"] != "timeout" and not (waited["why"] == "time" and service.get("pids")):
        found = of_trouble(error, url)
        return Problem(found.code, found.symptom, found.points_to, {**values, **found.values}, tail=tail)
    return Problem("endpoint.not-ready", "hang", ("timeouts", *_OF_A_START), values, tail=tail)


def _how(ended: Evidence) -> str:
    """How the last start ended ("exit code 1", "SIGKILL (oom-kill)"), "?" where nobody says."""
    said = f"exit code {ended['code']}" if ended.get("code") is not None else str(ended.get("signal") or "")
    reason = "out of memory" if ended.get("out_of_memory") else ended.get("reason") or ""
    return f"{said} ({reason})" if said and reason else said or reason or "?"
