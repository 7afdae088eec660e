"""``autoglm-fix schema``: JSON Schemas, for editors and for what reads our documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import click


def _playbook() -> Mapping[str, Any]:
    from autoglm_fix.playbook.schema import schema

    return schema()


def _inventory() -> Mapping[str, Any]:
    from autoglm_fix.inventory.schema import schema

    return schema()


def _result() -> Mapping[str, Any]:
    from autoglm_fix.report.schema import result_schema

    return result_schema()


def _events() -> Mapping[str, Any]:
    from autoglm_fix.report.jsonl import event_schema

    return event_schema()


_SCHEMAS: dict[str, Callable[[], Mapping[str, Any]]] = {
    "playbook": _playbook,
    "inventory": _inventory,
    "result": _result,
    "events": _events,
}


@click.command("schema")
@click.option("--of", "of", type=click.Choice(list(_SCHEMAS)), default="playbook", show_default=True)
def command(of: str) -> int:
    """Print the JSON Schema of playbooks, inventories, result documents, or lines of events.

    In an editor: # yaml-language-server: $schema=playbook.schema.json
    """
    click.echo(json.dumps(_SCHEMAS[of](), indent=2, ensure_ascii=False))
    return 0
