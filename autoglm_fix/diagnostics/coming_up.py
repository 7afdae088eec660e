"""Whether a service has shown that it comes up: the one rule for all who judge what its start needs."""

from __future__ import annotations

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.facts.start_up import StartUp
from autoglm_fix.agent.unknown import Unknown

from .log_signatures import telling

# One that is up for less than this, in seconds, has not shown that it stays up.
SETTLED_S = 120.0


def has_come_up(service: Service, answers: bool | None) -> bool:
    """Whether its last start has come to its end and it stays up: then it has what a start takes.

    ``answers``: whether its endpoint does; None where it has none, or nobody could ask. A manager has no say in it:
    for systemd (``Type=simple``), for supervisor and for a container without a health check a program runs from its
    first moment on. One that was started again has to stay up for a while, and so has one that cannot be asked.
    """
    if service.running is None:
        return answers is True and service.state == "by-hand"
    stays = service.now - service.running.since >= SETTLED_S
    if service.ended is not None and service.ended.restarts > 0 and not stays:
        return False
    if answers is not None:
        return answers
    return stays and service.state in ("running", "by-hand") and telling(service.log) is None


def answers(start: StartUp | Unknown, service: Service) -> bool | None:
    """Whether its endpoint answers, as far as its start was looked at; None where that does not tell."""
    if not isinstance(start, StartUp) or start.state in ("runs", "unknown"):
        return None
    return start.state == "answers" or (False if service.endpoint else None)
