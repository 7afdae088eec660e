"""Making a service generate: over its endpoint where it has one, else in its own Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import AgentError, Request
from autoglm_fix.diagnostics import Symptom
from autoglm_fix.proof import Proof, baseline, is_at_work, judge, judge_endpoint

from .script import Ask, Script
from .session import Session

# Whether it answers at all, where nobody asks for a proof.
READINESS = Ask("Hi", max_new_tokens=1, require_gpu=False, timeout_s=120.0)
_QUICK_S = 30.0
_GRACE_S = 60.0


@dataclass(frozen=True)
class Baseline:
    """What a caller saw of a service before anything was changed, and whether it answered well.

    ``at_work``: it may serve others all the same.
    """

    symptom: Symptom
    answers: bool
    at_work: bool = False

    @property
    def came_up(self) -> bool | None:
        """Whether it had come up by then; None where nobody can tell: it hangs, or its engine may have died."""
        if self.answers or self.at_work:
            return True
        return None if self.symptom in ("none", "hang", "crashed") else self.symptom != "refused"


def baseline_request(service: ServiceSpec, key: str | None) -> Request:
    """One short question over the endpoint, which waits for nothing."""
    return Request(
        "baseline",
        {"key": key},
        service=msgspec.to_builtins(service),
        modules=("autoglm_fix.agent.proof.baseline",),
        deadline_s=_QUICK_S + 30.0,
    )


def read_baseline(reply: Any) -> Baseline:
    """What the answer to that question, or its absence, says."""
    evidence = _evidence(reply)
    return Baseline(*baseline(evidence), is_at_work(evidence))


def prove(session: Session, script: Script, ask: Ask) -> Proof | None:
    """The judged proof; None where a Ctrl-C cut it off, which proves and disproves nothing.

    On a host on hold a service is asked over its endpoint; nothing is loaded beside it, on a GPU that is reserved.
    """
    service = script.service
    hold = None if service.endpoint else (session.standing or session.look_around()).hold
    if hold is not None:
        return Proof(service.name, "unproved", code="proof.on-hold", values={"reason": hold or "-"})
    arguments: dict[str, Any] = {
        "prompt": ask.prompt,
        "max_new_tokens": ask.max_new_tokens,
        "timeout_s": ask.timeout_s,
    }
    if service.endpoint:
        arguments.update(start_timeout_s=ask.start_timeout_s, key=script.key)
        reply = session.ask_endpoint(service, arguments, ask.start_timeout_s + ask.timeout_s + _GRACE_S)
    else:
        arguments["require_gpu"] = ask.require_gpu
        reply = session.prove(service, arguments, ask.timeout_s + _GRACE_S / 2)
    if isinstance(reply, AgentError) and reply.kind == "cancelled":
        return None
    judged = judge_endpoint if service.endpoint else judge
    return judged(_evidence(reply), service=service.name, require_gpu=ask.require_gpu)


def _evidence(reply: Any) -> Mapping[str, Any]:
    if isinstance(reply, AgentError):
        return {"error": reply.message, "kind": reply.kind, "tail": list(reply.tail)}
    evidence: Mapping[str, Any] = reply
    return evidence
