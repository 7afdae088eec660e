"""Reaching the hosts of an earlier run again: their routes are in its record, their passwords are nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoglm_fix.authored.vault import Keyring
from autoglm_fix.connect.route import Credentials, JumpLogins, nothing_known
from autoglm_fix.inventory.routes import Asked, Reach

_NEEDS = "needs"
_SECRETS = ("password", "become_password", "passphrase")


def noted(to: Reach) -> dict[str, Any]:
    """A route as a record keeps it, with the names of the secrets that go with it."""
    needs = [name for name in _SECRETS if getattr(to.credentials, name) is not None]
    if to.route.become is None and "become_password" in needs:
        needs.remove("become_password")
    return {**to.route.as_dict(), **({_NEEDS: needs} if needs else {})}


def credentials_again(
    hosts: Mapping[str, Mapping[str, Any]], inventories: Sequence[str], asked: Asked, keys: Keyring
) -> tuple[dict[str, Credentials], JumpLogins]:
    """The passwords of a record's hosts, from the command line and the inventories, and those of jump hosts.

    Raises BadInput.
    """
    typed = asked.credentials
    found = dict.fromkeys(hosts, typed)
    jump_logins: JumpLogins = nothing_known
    if inventories:
        from autoglm_fix.inventory import load_inventory
        from autoglm_fix.inventory.jump_logins import InventoryLogins

        from .ways import ways

        inventory = load_inventory(inventories, keys)
        jump_logins = InventoryLogins(inventory, {})
        known = {name: inventory.hosts[name] for name in hosts if name in inventory.hosts}
        way = ways(known, inventory, {}, {name: _becoming(asked, hosts[name]) for name in known})
        found.update({name: to.credentials for name, to in way.to.items()})
    return found, jump_logins


def lacking(hosts: Mapping[str, Mapping[str, Any]], credentials: Mapping[str, Credentials]) -> list[str]:
    """The hosts that were reached with a password that nobody has given this time."""
    return [
        name
        for name, route in hosts.items()
        if any(getattr(credentials[name], each, None) is None for each in route.get(_NEEDS, ()))
    ]


def _becoming(asked: Asked, route: Mapping[str, Any]) -> Asked:
    """So that the password of becoming is read where the run became somebody."""
    from dataclasses import replace

    become = route.get("become") or {}
    return replace(asked, become=bool(become), become_method=str(become.get("method", "")))
