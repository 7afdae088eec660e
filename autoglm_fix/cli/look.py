"""``autoglm-fix`` without arguments: look at this machine, read-only, and say which command comes next."""

from __future__ import annotations

import sys

import click

_SEARCHED = ("/models", "/data/models", "/data", "/mnt", "/srv", "~/models", "~/.cache/huggingface/hub")


def look_around() -> int:
    """Print what this machine holds that could be a service, and an inventory to begin with."""
    from autoglm_fix.agent.facts.candidates import Candidates
    from autoglm_fix.agent.service import ServiceSpec
    from autoglm_fix.connect import Agent, ChannelClosed
    from autoglm_fix.connect.bundle import argv
    from autoglm_fix.connect.local import LocalChannel
    from autoglm_fix.engine.gather import Facts, Want

    want = Want.of(Candidates, {"search": list(_SEARCHED)}, {}, 60.0)
    try:
        agent = Agent(LocalChannel(argv(sys.executable)))
    except ChannelClosed as err:
        click.echo(f"autoglm-fix: {err}", err=True)
        return 2
    try:
        found = Facts(agent, ServiceSpec(model="/nowhere"), lambda _what, _event: None).gather([want])[want]
    finally:
        agent.close()
    models = found.found if isinstance(found, Candidates) else []
    if not models:
        click.echo(f"No model was found below {', '.join(_SEARCHED)}.")
        click.echo("\nSee it at work on a small real model:  autoglm-fix demo")
        return 0
    click.echo("Models on this machine:")
    for model in models:
        click.echo(f"  {model.path}")
    click.echo("\nTo repair a service that gives no output, say where it is in a file inventory.yml:\n")
    click.echo(_inventory(models[0].path))
    click.echo("and look first:  autoglm-fix run no-output -i inventory.yml --dry-run")
    return 0


def _inventory(model: str) -> str:
    return (
        "  all:\n    hosts:\n      localhost:\n        ansible_connection: local\n        service:\n"
        f"          python: {sys.executable}   # the service's own Python\n          model: {model}\n"
    )
