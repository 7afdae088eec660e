"""Those who ask the service, and give up too early or never."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoglm_fix.agent.asking.client import Client
from autoglm_fix.agent.asking.nginx import FrontEnd
from autoglm_fix.agent.facts.callers import Callers

from . import timeouts_callers_findings as found
from .finding import Finding
from .timeouts_rules import rounded, rules, span

_PART = re.compile(r"([0-9]{1,9})(ms|[smhdwMy]?)")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
# nginx.org/en/docs/syntax.html
_UNITS = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}


def callers_wait(callers: Callers, generate: float) -> Iterator[Finding]:
    """``generate`` is how long an answer may take, in seconds. Where several proxies lead to it, each is told."""
    for client in callers.clients:
        yield from _client(client)
    for front_end in callers.front_ends:
        yield from _front_end(front_end, generate)


def _client(client: Client) -> Iterator[Finding]:
    rule = rules().callers.client
    subject = f"{client.path}:{client.line}"
    line = f"timeout={rounded(rule.first_token_s):.0f}"
    if client.timeout in ("", "None"):
        retries = int(client.retries[:3]) if _NUMBER.fullmatch(client.retries) else rule.retries
        limit = "∞" if client.timeout else span(rule.default * (1 + retries))
        yield found.ClientUnset(subject=subject, limit=limit, url=client.url, line=line)
    elif _NUMBER.fullmatch(client.timeout) and (seconds := float(client.timeout)) < rule.first_token_s:
        need = span(rule.first_token_s)
        yield found.ClientTooShort(subject=subject, limit=span(seconds), need=need, url=client.url, line=line)


def _front_end(front_end: FrontEnd, generate: float) -> Iterator[Finding]:
    rule = rules().callers.nginx
    place = f"{front_end.path}:{front_end.line}"
    reads = in_nginx(front_end.read) if front_end.read else rule.default
    if reads is not None and 0 < reads < generate:
        yield found.FrontEndTooShort(
            subject=place,
            limit=span(reads),
            need=span(generate),
            by=front_end.read_by or "nginx",
            target=front_end.target,
            where=front_end.read_by or place,
            line=f"proxy_read_timeout {rounded(max(generate, 2 * rule.default)):.0f}s;",
        )
    sends = in_nginx(front_end.send) if front_end.send else None
    if sends is not None and 0 < sends < rule.least_send:
        yield found.FrontEndSendsTooShort(
            subject=place,
            limit=span(sends),
            need=span(rule.default),
            by=front_end.send_by,
            target=front_end.target,
            line=f"proxy_send_timeout {rule.default:.0f}s;",
        )


def in_nginx(value: str) -> float | None:
    """A time as nginx writes it ("60s", "1h 30m", "500ms") in seconds; None for what is none."""
    text = value.replace(" ", "")
    if not text or _PART.sub("", text):
        return None
    return float(sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
