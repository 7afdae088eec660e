"""Services as facts, made of texts, and what changes make of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autoglm_fix.agent.changes.recreate import Recreate
from autoglm_fix.agent.changes.write_file import WriteFile, splice
from autoglm_fix.agent.facts.service import Container, Definition, Running, Service, Source
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.launch import ByHand, Edit, edited

KINDS = {"unit": "unit", "program": "program", "compose": "compose", "script": "script"}


def source(kind: str, path: str, text: str | None, **more: Any) -> Source:
    """A file as a fact; None for one that is not there."""
    name = path.rpartition("/")[2]
    if text is None:
        return Source(kind, TextFile(name, path, path, "missing", **more))
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Source(kind, TextFile(name, path, path, "ok" if text.strip() else "empty", text, digest, **more))


def service(
    manager: str,
    *sources: Source,
    name: str = "autoglm.service",
    argv: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
    container: Container | None = None,
    running: Sequence[str] | None = None,
    **more: Any,
) -> Service:
    defined = Definition(
        manager,
        name,
        argv=list(argv) if argv is not None else None,
        environment=dict(environment) if environment is not None else None,
        sources=list(sources),
        container=container,
        **more,
    )
    live = Running(1, [1], list(running), {}) if running is not None else None
    return Service("autoglm", manager, "running" if live else "stopped", defined, running=live)


def edit(of: Service, wanted: Edit) -> list[WriteFile | Recreate]:
    """The changes of an edit, which must be possible."""
    changes = edited(of, wanted, says="lower_batch.options", values={"service": of.name})
    assert not isinstance(changes, ByHand), changes
    assert all(isinstance(change, (WriteFile, Recreate)) and change.risk == "restart" for change in changes)
    return [change for change in changes if isinstance(change, (WriteFile, Recreate))]


def by_hand(of: Service, wanted: Edit) -> ByHand:
    """The answer for a person, where nothing could be edited."""
    answer = edited(of, wanted, says="lower_batch.options", values={})
    assert isinstance(answer, ByHand), answer
    return answer


def applied(of: Service, changes: Sequence[WriteFile | Recreate]) -> Service:
    """The service as its fact would be once the changes are made, exactly as the agent makes them."""
    defined = of.defined
    assert defined is not None
    sources = list(defined.sources)
    for change in changes:
        if isinstance(change, Recreate):
            environment = dict(defined.environment or {})
            for name, value in change.environment.items():
                environment.pop(name, None)
                environment |= {name: value} if value is not None else {}
            defined = replace(defined, argv=change.argv or defined.argv, environment=environment)
            continue
        at = next((n for n, each in enumerate(sources) if each.file.host == change.path), None)
        old = sources[at].file.text.encode("utf-8") if at is not None else b""
        assert change.before == (sources[at].file.sha256 if at is not None else None)
        new = splice(old, change.splices)
        assert hashlib.sha256(new).hexdigest() == change.after
        made = source("drop-in" if at is None else sources[at].kind, change.path, new.decode("utf-8"))
        sources = [*sources, made] if at is None else [*sources[:at], made, *sources[at + 1 :]]
    return replace(of, defined=replace(defined, sources=sources))


def texts(of: Service) -> dict[str, str]:
    """The texts of a definition by path."""
    assert of.defined is not None
    return {each.file.inside: each.file.text for each in of.defined.sources}
