"""Accounts on a host of the lab, and agents that are started as them over a real ssh."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autoglm_fix.connect import Agent, Channel, Execute, NotConnected, Request
from autoglm_fix.connect.openssh import OpenSsh
from autoglm_fix.connect.route import Become, Credentials, Route
from autoglm_fix.connect.ssh.calls import Calls
from autoglm_fix.connect.ssh.links import Links
from autoglm_fix.connect.start import start_agent
from tests.hosts import Host

HELLO = Request("hello", modules=("autoglm_fix.agent.hello",))
# Passwords are "pw-" and the account's name.
ACCOUNT = """\
for user; do
    name=${user%%:*}
    useradd -m -s "${user#*:}" "$name"
    mkdir -p /home/$name/.ssh
    cp /root/.ssh/authorized_keys /home/$name/.ssh/
    chown -R $name: /home/$name/.ssh
    echo "$name:pw-$name" | chpasswd
done
"""


def add_accounts(host: Host, **shells: str) -> None:
    """Accounts by name, each with its login shell, that the host's key lets in; their password is ``pw-NAME``."""
    host.run("sh", "-ec", ACCOUNT, "sh", *(f"{name}:{shell}" for name, shell in shells.items()))


@dataclass(frozen=True)
class Account:
    """One account on a host, and how it is reached: by ``ssh`` or ``openssh``."""

    host: Host
    user: str
    transport: str = "ssh"

    def route(self, become: Become | None = None, python: str = "") -> Route:
        known_hosts = self.host.key.with_name("known_hosts")
        known_hosts.write_text(f"{self.host.address} {self.host.host_key}\n")
        options = {"userknownhostsfile": str(known_hosts), "identitiesonly": "yes", "identityagent": "none"}
        address, key = self.host.address, str(self.host.key)
        return Route(self.transport, address, None, self.user, key, options, python=python, become=become)

    @contextlib.contextmanager
    def execute(self) -> Iterator[Execute]:
        """Starts commands there."""
        if self.transport == "openssh":
            yield OpenSsh(self.route(), Credentials())
            return
        links = Links(Calls(accept_new=False, stop=threading.Event()))
        try:
            link = links.link("gpu01", self.route(), Credentials())
            try:
                yield link.execute
            finally:
                link.close()
        finally:
            links.close()

    @contextlib.contextmanager
    def channel(
        self, become: Become | None = None, password: str | None = None, *, python: str = "", timeout_s: float = 20.0
    ) -> Iterator[Channel]:
        """To an agent that starts there. Raises NotConnected."""
        route, credentials = self.route(become, python), Credentials(become_password=password)
        with self.execute() as execute:
            channel = start_agent(execute, route, credentials, host="gpu01", timeout_s=timeout_s)
            try:
                yield channel
            finally:
                channel.close()

    @contextlib.contextmanager
    def agent(self, *how: Any, **more: Any) -> Iterator[Agent]:
        """An agent that starts there. Raises NotConnected, at the first request at the latest."""
        with self.channel(*how, **more) as channel:
            yield Agent(channel)

    def hello(self, *how: Any, **more: Any) -> dict[str, Any]:
        """What an agent there says of itself."""
        with self.agent(*how, **more) as agent:
            said = agent.ask(HELLO)
        assert isinstance(said, dict), said
        return said

    def refusal(self, *how: Any, **more: Any) -> NotConnected:
        """Why no agent can be started there."""
        try:
            said = self.hello(*how, **more)
        except NotConnected as why:
            return why
        raise AssertionError(f"it was started: {said}")
