"""What was found on hosts, told: sentences in one language, an inventory, a document."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import click

from autoglm_fix import discovery
from autoglm_fix.discovery import Found, Remark
from autoglm_fix.locale import Catalogue
from autoglm_fix.report import reasons
from autoglm_fix.report.safe import safe, safe_lines
from autoglm_fix.report.secrets import Secrets
from autoglm_fix.report.words import Words

from .survey import NotLooked, Surveyed

_MOST_MODELS = 30


class Sentences:
    """What was found, said in one language; secrets and control characters never get through."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._catalogue = Catalogue(language)

    def remark(self, remark: Remark, secrets: Secrets) -> str:
        """A remark's sentence."""
        return safe(secrets.hide(self._catalogue.text(remark.code, **remark.values)))

    def not_looked(self, failed: Mapping[str, NotLooked], secrets: Secrets) -> Iterator[str]:
        """That hosts could not be looked at, why, and what to do about it: once for all of one reason."""
        alike: dict[Hashable, dict[str, NotLooked]] = {}
        for host, err in failed.items():
            why = reasons.reason(err.fault, host) if err.fault is not None else str(err)
            alike.setdefault(why, {})[host] = err
        for errors in alike.values():
            yield self._not_looked(errors, secrets)

    def _not_looked(self, errors: Mapping[str, NotLooked], secrets: Secrets) -> str:
        hosts = self.hosts(list(errors))
        host, first = next(iter(errors.items()))
        faults = {name: err.fault for name, err in errors.items() if err.fault is not None}
        if first.fault is None:
            return self.text("not-looked", host=hosts, reason=secrets.hide(str(first)))
        words = Words(self._language)
        shared = reasons.in_common(faults)
        lines = [self.text("not-looked", host=hosts, reason=secrets.hide(words.fault(shared)))]
        if not reasons.names_itself(first.fault, shared):
            shared = first.fault
            example = f"{words.say('report.for-example', host=host)}{words.colon}{words.fault(shared)}"
            lines.append(f"  {safe(secrets.hide(example))}")
        hint = words.hint(shared).text
        return "\n".join([*lines, *([f"  {safe(secrets.hide(hint))}"] if hint else [])])

    def text(self, code: str, **values: Any) -> str:
        """Any sentence of the catalogue, fit for a terminal."""
        return safe(self._catalogue.text(f"discover.{code}", **values))

    def hosts(self, hosts: Sequence[str]) -> str:
        """``gpu[01:64] (64 hosts)``."""
        return Words(self._language).hosts(hosts)

    def line(self, found: Found, now: float) -> str:
        """A service in one line: its name, its state, what it serves, and what starts it."""
        keys = found.keys
        compose = keys.get("compose")
        handle = (
            keys.get("unit") or keys.get("container") or (compose.get("service") if isinstance(compose, dict) else "")
        )
        manager = "" if keys.get("manager") in (None, "command", "none") else f"{keys['manager']} {handle}"
        parts = [self.state(found, now), keys["engine"], keys.get("model"), manager, keys.get("endpoint")]
        return safe(f"{found.name}: " + " · ".join(str(each) for each in parts if each))

    def state(self, found: Found, now: float) -> str:
        """What its state is, since when, and how it ended."""
        state = self.text(f"state-{found.state}")
        ended = ""
        if found.signal:
            ended = self.text("ended-by-signal", signal=found.signal)
        elif found.code is not None:
            ended = self.text("ended-with-code", number=found.code)
        reason = found.reason if found.reason not in ("exit-code", "signal") else ""
        since = "" if found.at is None else self._ago(max(0.0, now - found.at))
        return ", ".join(each for each in (state, ended, reason, since) if each)

    def _ago(self, seconds: float) -> str:
        for name, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds >= 2 * length:
                return self.text(f"ago-{name}", number=int(seconds // length))
        return self.text("ago-seconds", number=int(seconds))


def told(seen: Mapping[str, Surveyed], says: Sentences) -> None:
    """What was found, for people: one line a service, then clients, models, and what could not be seen.

    Hosts of which the same is to be said are told of at once.
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    for host, each in seen.items():
        served = [found for found in each.found if found.state != "suggested"]
        head = "services-of" if served else "no-services"
        alike.setdefault((head, *_told(each, served, says)), []).append(host)
    for (head, *lines), hosts in alike.items():
        click.echo(says.text(head, host=says.hosts(hosts)))
        for each_line in lines:
            click.echo(each_line)


def _told(seen: Surveyed, served: Sequence[Found], says: Sentences) -> Iterator[str]:
    """What is said of one host."""
    for found in served:
        yield f"  {says.line(found, seen.now)}"
        for remark in found.remarks:
            yield f"    {says.remark(remark, seen.secrets)}"
    for client in seen.clients:
        url = seen.secrets.hide(client.base_url)
        yield says.text("client", path=client.path, url=url, model=client.model, set_by=client.set_by)
        yield f"  {says.remark(client.remark, seen.secrets)}"
    yield from _models(seen, says)
    if not (seen.models or served):
        yield says.text("no-models", searched=list(seen.searched))
    for reason in seen.unseen:
        yield says.text("unseen", reason=seen.secrets.hide(reason))


def _models(seen: Surveyed, says: Sentences) -> Iterator[str]:
    if seen.models:
        yield says.text("models")
    for model in seen.models[:_MOST_MODELS]:
        yield f"  {safe(model.path)}" + (f"  ({safe(model.problem)})" if model.problem else "")
    if len(seen.models) > _MOST_MODELS:
        yield f"  {says.text('more', number=len(seen.models) - _MOST_MODELS)}"
    if seen.ollama:
        yield says.text("ollama", models=list(seen.ollama))


def written(seen: Mapping[str, Surveyed], variables: Mapping[str, Mapping[str, object]], says: Sentences) -> str:
    """The inventory as YAML. ``variables`` are those of each host that say how it is reached."""
    hosts = {host: (variables[host], each.found) for host, each in seen.items()}
    text = discovery.inventory(hosts, partial(says.remark, secrets=Secrets()))
    return "\n".join(safe_lines(text)) + "\n"


def document(seen: Mapping[str, Surveyed], says: Sentences) -> dict[str, object]:
    """All of it as JSON."""
    hosts = []
    for host, each in seen.items():
        spoken = partial(says.remark, secrets=each.secrets)
        models = [{"path": model.path, "size": model.size, "problem": model.problem} for model in each.models]
        of = discovery.document(host, each.found, each.clients, each.unseen, spoken)
        hosts.append({**of, "models": models})
    return {"schema": 1, "hosts": hosts}
