"""``autoglm-fix`` without arguments: look at this machine, read-only, and say which command comes next."""

from __future__ import annotations

import click


def look_around() -> int:
    """Print the services and the models that this machine holds, and the command to go on with."""
    from autoglm_fix.connect.route import Route
    from autoglm_fix.inventory.routes import Reach
    from autoglm_fix.report.secrets import Secrets

    from . import options
    from .survey import NotLooked, survey
    from .telling import Sentences, told, written

    says = Sentences(options.language(None))
    host = "localhost"
    try:
        seen = {host: survey("localhost", Reach(Route()))}
    except NotLooked as err:
        for said in says.not_looked({host: err}, Secrets()):
            click.echo(f"autoglm-fix: {said}", err=True)
        return options.FAILED
    told(seen, says)
    served = [each for each in seen[host].found if each.state != "suggested"]
    if served:
        click.echo(f"\n{says.text('write-them')}")
        click.echo("  autoglm-fix discover -o inventory.yml")
        click.echo(says.text("and-look"))
    else:
        click.echo(f"\n{says.text('say-where')}\n")
        click.echo(written(seen, {host: {"ansible_connection": "local"}}, says))
        click.echo(says.text("and-look"))
    click.echo("  autoglm-fix run no-output -i inventory.yml --dry-run")
    click.echo(says.text("see-it-work"))
    click.echo("  autoglm-fix demo")
    return 0
