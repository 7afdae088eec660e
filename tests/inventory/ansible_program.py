"""Run as a program: what the real Ansible says of inventories. A request in JSON a line, and its answer a line.

A request names ``sources`` and ``playbook`` (a folder or null), and what to tell: ``list`` and ``graph`` (true or
false), ``hosts`` (names), ``selected`` (pairs of a pattern and a limit or null). An answer has the same
keys; an entry of ``hosts`` or ``selected`` that Ansible refuses is null, and so is the whole answer where it refuses
a source.
"""

from __future__ import annotations

import json
import sys
from typing import Any


class InOrder(dict):
    """A set that remembers its order. Ansible's has none below the first level of groups."""

    def __init__(self, items: Any = ()) -> None:
        super().__init__(dict.fromkeys(items))

    def add(self, item: Any) -> None:
        self[item] = None

    def update(self, items: Any) -> None:
        super().update(dict.fromkeys(items))

    def difference_update(self, items: Any) -> None:
        for item in items:
            self.pop(item, None)

    def copy(self) -> InOrder:
        return InOrder(self)


def main() -> None:
    """Answer until there are no more requests."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    from ansible.inventory import group
    from ansible.parsing.vault import VaultSecretsContext

    VaultSecretsContext.initialize(VaultSecretsContext(secrets=[]))
    group.set = InOrder
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


def answer(request: dict[str, Any]) -> dict[str, Any] | None:
    from ansible.cli.inventory import InventoryCLI
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.vars.manager import VariableManager

    playbook = request.get("playbook")
    cli = InventoryCLI(["ansible-inventory"])
    told_to(cli, playbook, "--list")
    loader = DataLoader()
    if playbook:
        loader.set_basedir(playbook)
    try:
        cli.loader, cli.inventory = loader, InventoryManager(loader, request["sources"])
        cli.vm = VariableManager(loader, cli.inventory)
        found: dict[str, Any] = {}
        if request.get("list"):
            found["list"] = cli.dump(cli.json_inventory(cli.inventory.groups["all"]))
        if request.get("graph"):
            for key, options in (("graph", ()), ("graph-vars", ("--vars",))):
                told_to(cli, playbook, "--graph", *options)
                found[key] = cli.inventory_graph() + "\n"
        told_to(cli, playbook, "--list")
        found["hosts"] = {host: one(cli, host) for host in request.get("hosts", ())}
    except (AnsibleError, ValueError, TypeError) as err:
        sys.stderr.write(f"refused: {err}\n")
        return None
    found["selected"] = [selected(cli.inventory, pattern, limit) for pattern, limit in request.get("selected", ())]
    return found


def told_to(cli: Any, playbook: str | None, *options: str) -> None:
    """Have it parse a command line: its options are what its methods go by, and are meant to be set but once."""
    from ansible import context

    cli.init_parser()
    parsed = cli.parser.parse_args([*options, *(("--playbook-dir", playbook) if playbook else ())])
    context.CLIARGS = vars(cli.post_process_args(parsed))


def selected(manager: Any, pattern: Any, limit: str | None) -> list[str] | None:
    from ansible.errors import AnsibleError

    try:
        manager.subset(limit)
        return [host.name for host in manager.get_hosts(pattern)]
    except AnsibleError:
        return None


def one(cli: Any, name: str) -> str | None:
    hosts = cli.inventory.get_hosts(name)
    return cli.dump(cli._get_host_variables(hosts[0])) + "\n" if len(hosts) == 1 else None


if __name__ == "__main__":
    main()
