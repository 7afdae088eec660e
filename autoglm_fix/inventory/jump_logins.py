"""Who logs in to a jump host, and with what, where the jump host is itself a host of the inventory."""

from __future__ import annotations

import threading

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Layer
from autoglm_fix.connect import NotConnected
from autoglm_fix.connect.route import JumpLogin

from .model import Host, Inventory
from .route_names import heeded, names_of
from .routes import ssh_login

_NAMES = names_of("ssh")
_TELLING = frozenset((*_NAMES.password, *_NAMES.passphrase))


class InventoryLogins:
    """The ``JumpLogins`` of an inventory: what it says of a host by the jump host's name, or else by its address.

    Only what stands there of that host counts: passwords that were typed (``-k``), or given with ``-e``, are for the
    hosts that a command is about.
    """

    def __init__(self, inventory: Inventory, extra: Layer) -> None:
        self._inventory = inventory
        self._extra = {name: written for name, written in extra.items() if name not in heeded()}
        self._found: dict[str, JumpLogin | None] = {}
        self._by_address: dict[str, Host] | None = None
        self._lock = threading.Lock()

    def __call__(self, name: str) -> JumpLogin | None:
        """What is known of a jump host; None where no password or passphrase is. Raises NotConnected."""
        with self._lock:
            if name not in self._found:
                self._found[name] = self._look(name)
            return self._found[name]

    def _look(self, name: str) -> JumpLogin | None:
        host = self._inventory.hosts.get(name) or self._addressed(name)
        if host is None or not _tells(host):
            return None
        try:
            return ssh_login(host, self._inventory, self._extra)[1]
        except BadInput as err:
            values = {"jump": name, "reason": str(err.problems[0])}
            raise NotConnected("jump.entry", values, behind=name) from err

    def _addressed(self, address: str) -> Host | None:
        """The one host with that address, of those with a password; addresses are asked for once."""
        if self._by_address is None:
            self._by_address = {}
            for host in filter(_tells, self._inventory.hosts.values()):
                try:
                    place, _ = ssh_login(host, self._inventory, self._extra)
                except BadInput:
                    continue  # nobody knows that it is the jump host
                self._by_address.setdefault(place, host)
        return self._by_address.get(address)


def _tells(host: Host) -> bool:
    return any(name in host.variables for name in _TELLING)
