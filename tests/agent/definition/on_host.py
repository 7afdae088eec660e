"""The agent's own code, run on an isolated host as the agent runs it there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from autoglm_fix.agent.facts.service import Service
from tests.hosts import Host

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
_COLLECT = """
import json, sys
from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.service import ServiceSpec
ctx = Context(ServiceSpec(**json.load(sys.stdin)))
print(json.dumps([plain(Service.collect(ctx)), plain(ctx.service)]))
"""
_FACT = """
import importlib, json, sys
from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.service import ServiceSpec
module, name, spec = json.load(sys.stdin)
print(json.dumps(plain(getattr(importlib.import_module(module), name).collect(Context(ServiceSpec(**spec))))))
"""
DO = """
import json, sys
from autoglm_fix.agent import apply
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.state import State
verb, more = json.load(sys.stdin)
said = []
done = getattr(apply, verb)(Context(emit=said.append), State("/var/lib/autoglm-fix"), **more)
print(json.dumps([done, said]))
"""


def service(host: Host, **spec: Any) -> Service:
    """The fact as the controller gets it."""
    return msgspec.convert(_run(host, _COLLECT, spec)[0], Service)


def completed(host: Host, **spec: Any) -> dict[str, Any]:
    """The inventory's service with what its definition adds."""
    found: dict[str, Any] = _run(host, _COLLECT, spec)[1]
    return found


def collected(host: Host, kind: type[T], **spec: Any) -> T:
    """Any fact as the controller gets it."""
    return msgspec.convert(_run(host, _FACT, [kind.__module__, kind.__name__, spec]), kind)


def do(host: Host, verb: str, **arguments: Any) -> tuple[Any, list[dict[str, Any]]]:
    """A verb that changes the host: its answer, and the events meanwhile."""
    answer, said = _run(host, DO, [verb, arguments])
    return answer, said


def _run(host: Host, code: str, given: object) -> Any:
    done = host.run(sys.executable, "-c", code, stdin=json.dumps(given), env={"PYTHONPATH": str(ROOT)}, timeout=300)
    return json.loads(done.stdout)
