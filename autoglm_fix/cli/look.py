"""``autoglm-fix`` without arguments: look at this machine, read-only, and say which command comes next."""

from __future__ import annotations

import sys

import click

_INVENTORY = """\
  all:
    hosts:
      localhost:
        ansible_connection: local
        service:
          python: /path/to/the/service/bin/python
          model: {model}
"""


def look_around() -> int:
    """Print the models that this machine holds, and an inventory to begin with."""
    from autoglm_fix.agent.facts.candidates import Candidates
    from autoglm_fix.agent.service import ServiceSpec
    from autoglm_fix.agent.unknown import Unknown
    from autoglm_fix.connect import Agent, ChannelClosed
    from autoglm_fix.connect.transport import Route
    from autoglm_fix.engine.bound import Patience
    from autoglm_fix.engine.gather import Facts, Want
    from autoglm_fix.report.safe import safe

    want = Want.of(Candidates, {}, {}, Patience(60.0))
    try:
        agent = Agent(Route(python=sys.executable).open())
        try:
            found = Facts(agent, ServiceSpec(model="/nowhere"), lambda _what, _event: None).gather([want])[want]
        finally:
            agent.close()
    except ChannelClosed as err:
        click.echo(f"autoglm-fix: {err}", err=True)
        return 2
    if not isinstance(found, Candidates):
        why = found.reason if isinstance(found, Unknown) else found.message
        click.echo(f"autoglm-fix: this machine could not be looked at: {safe(why)}", err=True)
        return 2
    models = found.found
    if models:
        click.echo("Models on this machine:")
        for model in models:
            click.echo(f"  {safe(model.path)}" + (f"  ({safe(model.problem)})" if model.problem else ""))
    else:
        click.echo(f"No model was found below {', '.join(found.searched)}.")
    click.echo("\nTo repair a service that gives no output, say in a file inventory.yml where it is:\n")
    click.echo(_INVENTORY.format(model=safe(models[0].path) if models else "/path/to/the/model"))
    click.echo("and look first:            autoglm-fix run no-output -i inventory.yml --dry-run")
    click.echo("See it at work instead:    autoglm-fix demo")
    return 0
