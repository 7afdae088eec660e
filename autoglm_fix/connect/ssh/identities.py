"""The keys that may log in to a host, in the order in which they are tried, and why others cannot be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from paramiko import Message

from .agent import Agent, AgentKey, AgentSilent
from .certificates import SUFFIX, certified
from .key_files import KeyFile, KeyFiles, NotUsable, public_blob
from .known_hosts import fingerprint
from .settings import SshSettings

# How an agent is told which of RSA's signatures is wanted.
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}


@dataclass(frozen=True)
class Identity:
    """A key, or a certificate, that can be offered. ``sure``: signed with at once, without asking first."""

    label: str
    blob: bytes
    sign: Callable[[bytes, str], bytes] = field(repr=False)
    sure: bool = True

    @property
    def kind(self) -> str:
        """What it says of itself: ``ssh-ed25519``, ``ssh-rsa-cert-v01@openssh.com``."""
        return Message(self.blob).get_string().decode("ascii", "replace")

    def __str__(self) -> str:
        return f"{self.label} ({fingerprint(self.blob)})"


class Identities:
    """What one login can try. ``skipped`` says of each key that was left out why, in a few words."""

    def __init__(
        self, settings: SshSettings, files: KeyFiles, agent: Agent | None, passphrase: str | None, deadline: float
    ) -> None:
        self.skipped: list[str] = []
        self._settings = settings
        self._files = files
        self._agent = agent
        self._passphrase = passphrase
        self._deadline = deadline

    def __iter__(self) -> Iterator[Identity]:
        seen: set[bytes] = set()
        for identity in self._in_order():
            if identity.blob not in seen:
                seen.add(identity.blob)
                yield identity

    def _in_order(self) -> Iterator[Identity]:
        """Those that were named, what the agent holds (certificates first), and the usual files.

        The agent is asked when its turn comes.
        """
        if self._settings.identities_named:
            yield from self._of_files()
        if not self._settings.identities_only:
            held = [(certified(key.blob)[0], key) for key in self._held()]
            alone = len({plain or key.blob for plain, key in held}) == 1
            for _, key in sorted(held, key=lambda pair: not pair[0]):
                yield from self._certified("", self._of_agent(key, sure=alone))
        if not self._settings.identities_named:
            yield from self._of_files()

    def _of_files(self) -> Iterator[Identity]:
        for path in self._settings.identity_files:
            try:
                file = self._files.look(path)
                yield from self._certified(path, self._of_file(file))
            except FileNotFoundError:
                if self._settings.identities_named:
                    self.skipped.append(f"{path}: no such file")
            except NotUsable as reason:
                self.skipped.append(f"{path}: {reason}")

    def _of_file(self, file: KeyFile) -> Identity:
        # With the agent no passphrase is needed, and nothing has to be decrypted.
        if (file.encrypted or not file.private) and (key := self._held_as(file.blob)):
            return self._of_agent(key, sure=True)
        key_itself = self._files.unlock(file, self._passphrase)
        return Identity(file.path, key_itself.blob, key_itself.sign)

    def _certified(self, path: str, identity: Identity) -> Iterator[Identity]:
        """A key with its certificates before it: the one beside the file, and those that were named."""
        beside = [f"{path.removesuffix('.pub')}-cert.pub"] if path else []
        for place in (*beside, *self._settings.certificate_files):
            blob = public_blob(place)
            plain, out = certified(blob) if blob else (b"", "")
            if plain == identity.blob and out:
                self.skipped.append(f"{place}: {out}")
            elif plain == identity.blob:
                yield Identity(place, blob, identity.sign, identity.sure)
        yield identity

    def _of_agent(self, key: AgentKey, *, sure: bool) -> Identity:
        agent = self._agent

        def sign(data: bytes, algorithm: str) -> bytes:
            if agent is None:
                raise AgentSilent("it is gone")
            return agent.sign(key, data, _FLAGS.get(algorithm.removesuffix(SUFFIX), 0), self._deadline)

        return Identity(f"agent: {key.comment}", key.blob, sign, sure)

    def _held(self) -> tuple[AgentKey, ...]:
        if self._agent is None:
            return ()
        try:
            # Its patience is its own; what is left for the login may be all used up by one that hangs.
            return self._agent.keys(min(self._deadline, time.monotonic() + self._settings.timeout_s / 2))
        except AgentSilent as silent:
            reason = f"agent {self._agent.path}: {silent}"
            if reason not in self.skipped:
                self.skipped.append(reason)
            return ()

    def _held_as(self, blob: bytes) -> AgentKey | None:
        return next((key for key in self._held() if blob and key.blob == blob), None)
