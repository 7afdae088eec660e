"""What is wrong with one answer, apart from what it says: it was refused, it hangs, it was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autoglm_fix.diagnostics import Symptom

from ..claim import Claim, Evidence
from ..result import ClaimStatus

_SAID = 200
# So much longer than the longest wait between two tokens, and so many seconds, is a silence.
_PAUSES, _SILENT_S = 3, 1.0
# By the kind of trouble: the code, the symptom, and where to look.
_TROUBLES: Mapping[str, tuple[str, Symptom, tuple[str, ...]]] = {
    "address": ("endpoint.no-address", "refused", ("service",)),
    "refused": ("endpoint.refused", "refused", ("service",)),
    "unreachable": ("endpoint.unreachable", "refused", ("service",)),
    "tls": ("endpoint.tls", "refused", ("service",)),
    "broken": ("endpoint.not-http", "refused", ("service",)),
    "large": ("endpoint.not-openai", "refused", ("service",)),
}
# By the wait that a time-out ended.
_WAITS: Mapping[str, tuple[str, Symptom, tuple[str, ...]]] = {
    "connect": ("endpoint.unreachable", "refused", ("service",)),
    "first": ("endpoint.no-first-token", "hang", ("service", "timeouts", "cuda", "vram")),
    "gap": ("endpoint.stalled", "hang", ("service", "timeouts", "cuda", "vram")),
    "total": ("endpoint.too-slow", "slow", ("timeouts", "vram", "cuda")),
}
# What the words of an error point to.
_BLAMED = (
    (("out of memory", "outofmemory", "kv cache"), "vram"),
    (("cuda", "nccl", "cublas", "kernel image", "ptxas", "triton"), "cuda"),
    (("template", "jinja", "tokenizer"), "tokenizer"),
    (("no module named", "importerror", "cannot import", "attributeerror"), "dependencies"),
    (("safetensors", "size mismatch", "checkpoint"), "weights"),
)


@dataclass(frozen=True)
class Problem:
    """Why something did not pass, with the values of its sentence."""

    code: str
    symptom: Symptom = "none"
    points_to: tuple[str, ...] = ()
    values: Evidence = field(default_factory=dict)
    status: ClaimStatus = "fail"
    tail: tuple[str, ...] = ()

    def claim(self, name: str, facts: Evidence) -> Claim:
        """The claim that it spoils, with all that is known of it."""
        return Claim(name, self.status, {**facts, **self.values}, self.code, self.symptom, self.points_to)


def of_trouble(error: Evidence, url: str) -> Problem:
    """The problem behind an ``error`` of the agent's (``kind``, ``stage``, ``message``)."""
    values = {"url": url, "reason": error["message"]}
    if error["kind"] == "timeout":
        code, symptom, points_to = _WAITS[error["stage"] or "first"]
    elif error["kind"] == "closed":
        code, symptom, points_to = "endpoint.closed", "lost", ("service", "vram", "cuda")
    else:
        code, symptom, points_to = _TROUBLES[error["kind"]]
    return Problem(code, symptom, points_to, values)


def of_transport(heard: Evidence, evidence: Evidence) -> Problem | None:
    """What kept an answer from coming whole, None where it came. A slow one has ``tokens`` and ``seconds``."""
    url = str(evidence["url"])
    values: dict[str, Any] = {
        "url": url,
        "tokens": heard["pieces"],
        "seconds": round(heard["seconds"]),
        "status": heard["status"],
    }
    error = heard["error"]
    if heard["status"] not in (None, 200):
        return _refused(heard, evidence, values)
    if error and error["kind"] == "closed" and heard["pieces"]:
        return Problem("endpoint.cut-off", "cut", ("service", "vram", "timeouts"), values)
    if error:
        found = of_trouble(error, url)
        if found.code == "endpoint.too-slow" and _fell_silent(heard):
            found = of_trouble({**error, "stage": "gap"}, url)
        if found.code == "endpoint.no-first-token" and _looks_alive(evidence):
            found = Problem("endpoint.dead-engine", "hang", found.points_to, {"reason": "no token comes"})
        return Problem(found.code, found.symptom, found.points_to, {**values, **found.values})
    if heard["failed"]:
        words = str(heard["failed"])
        return Problem("endpoint.stream-error", "crashed", blamed(words), {**values, "message": words[:_SAID]})
    if heard["said"]:
        code = "endpoint.html" if _is_page(heard) else "endpoint.not-openai"
        return Problem(code, "refused", ("service",), {**values, "message": heard["said"][:_SAID]})
    if heard["streamed"] and heard["pieces"] and not heard["done"] and not heard["finish"]:
        return Problem("endpoint.cut-off", "cut", ("service", "vram", "timeouts"), values)
    return None


def blamed(words: str) -> tuple[str, ...]:
    """The diagnostics that an error's words point to, the service itself the last."""
    low = words.lower()
    return (*(name for signs, name in _BLAMED if any(sign in low for sign in signs)), "service")


def _refused(heard: Evidence, evidence: Evidence, values: Mapping[str, Any]) -> Problem:
    status, said = heard["status"], str(heard["said"])
    values = {**values, "message": said.strip()[:_SAID] or "?", "model": evidence["model"] or ""}
    if status in (401, 403):
        return Problem("endpoint.unauthorized", "refused", (), values, status="unproved")
    if status == 407 or _is_page(heard):
        return Problem("endpoint.html", "refused", ("service",), values)
    if status == 404 and not said.strip().startswith("{"):
        return Problem("endpoint.no-api", "refused", ("service",), values)
    served = (evidence.get("models") or {}).get("ids")
    if status in (400, 404) and _of_the_model(said, evidence["model"] or "", served):
        listed = served if served else ["?"]
        return Problem("endpoint.no-such-model", "refused", ("service",), {**values, "served": listed})
    if status == 404:
        return Problem("endpoint.no-api", "refused", ("service",), values)
    if status in (429, 502, 503, 504):
        return Problem("endpoint.busy", "refused", ("service", "timeouts"), values)
    if status >= 500:
        if "engine" in said.lower() and "dead" in said.lower():
            return Problem(
                "endpoint.dead-engine", "crashed", ("vram", "cuda", "service"), {**values, "reason": said[:_SAID]}
            )
        return Problem("endpoint.server-error", "crashed", blamed(said), values)
    return Problem("endpoint.rejected", "refused", blamed(said), values)


def _of_the_model(said: str, model: str, served: Any) -> bool:
    if served is not None and model not in served:
        return True
    low = said.lower()
    return "model" in low and any(sign in low for sign in ("not exist", "not found", "notfound", "pinned", "unknown"))


def _is_page(heard: Evidence) -> bool:
    return heard["type"] == "text/html" or str(heard["said"]).lstrip().startswith("<")


def _fell_silent(heard: Evidence) -> bool:
    """Whether nothing more was coming when time ran out, as its earlier pace tells."""
    silent = heard["seconds"] - (heard["last_s"] or 0.0)
    return bool(silent > max(_PAUSES * heard["gap_s"], _SILENT_S))


def _looks_alive(evidence: Evidence) -> bool:
    health = (evidence.get("waited") or {}).get("health") or {}
    return bool(health.get("status") == 200)
