"""The login: keys, certificates, the agent, passwords, with as few round trips as there can be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

from paramiko import Transport

from ..channel import NotConnected
from ..route import Credentials
from .agent import Agent, AgentSilent
from .certificates import SUFFIX
from .conversation import Answer, Conversation
from .dial import Stopped
from .identities import Identities, Identity
from .key_files import KeyFiles
from .patterns import in_list
from .settings import SshSettings

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_GSSAPI = "gssapi-with-mic"


class Logins:
    """Logs in to the hosts of one run, from any thread; key files are read and decrypted once."""

    def __init__(self) -> None:
        self._files = KeyFiles()
        self._agents: dict[str, Agent] = {}
        self._lock = threading.Lock()

    def authenticate(
        self,
        transport: Transport,
        settings: SshSettings,
        credentials: Credentials,
        deadline: float,
        stopped: Stopped = lambda: False,
    ) -> None:
        """Log in, by ``time.monotonic()`` of ``deadline`` at the latest.

        Raises NotConnected (``login.<what>``), and Interrupted once it is ``stopped``.

        The transport has exchanged keys (``start_client``) and its host key was accepted.
        """
        transport.auth_handler = conversation = Conversation(transport, settings.user, stopped)
        agent = self._agent(settings.agent) if settings.agent else None
        identities = Identities(settings, self._files, agent, credentials.passphrase, deadline)
        _Login(conversation, transport, settings, identities, credentials.password, deadline).run()

    def _agent(self, path: str) -> Agent:
        with self._lock:
            return self._agents.setdefault(path, Agent(path))


class _Login:
    """One login: the methods in turn, until the host is content or nothing is left to try."""

    def __init__(
        self,
        conversation: Conversation,
        transport: Transport,
        settings: SshSettings,
        identities: Identities,
        password: str | None,
        deadline: float,
    ) -> None:
        self._conversation = conversation
        self._transport = transport
        self._settings = settings
        self._identities = identities
        self._keys = iter(identities)
        self._password = password
        self._deadline = deadline
        self._tried: list[str] = []
        self._keys_tried = 0
        self._ways: Mapping[str, Callable[[], Iterator[Answer]]] = {
            "publickey": self._with_keys,
            "password": self._with_password,
            "keyboard-interactive": self._with_prompts,
        }

    def run(self) -> None:
        going_on = True
        while going_on:
            going_on = False
            for method in self._settings.methods:
                answer = self._by(method)
                if answer is Answer.ACCEPTED:
                    return
                if answer is Answer.PARTIAL:
                    going_on = True
                    break
        # What the host would take is not known yet where nothing could be tried; and some take anybody.
        if self._conversation.offered is None:
            answer = self._conversation.request("none", self._deadline)
            if self._decided(answer) is Answer.ACCEPTED:
                return
        raise self._denied()

    def _by(self, method: str) -> Answer:
        """What one method comes to: accepted, partly accepted, or refused."""
        if not self._allowed(method):
            return Answer.REFUSED
        for answer in self._ways[method]():
            if self._decided(answer) in (Answer.ACCEPTED, Answer.PARTIAL):
                return answer
            if not self._allowed(method):
                break
        return Answer.REFUSED

    def _allowed(self, method: str) -> bool:
        return self._conversation.offered is None or method in self._conversation.offered

    def _decided(self, answer: Answer) -> Answer:
        """The answer, where the login can go on from it. Raises NotConnected where it can't."""
        if answer is Answer.SLOW:
            raise NotConnected("login.slow", {**self._values(), "seconds": f"{self._settings.timeout_s:g}"})
        if answer is Answer.ENDED:
            raise self._hung_up()
        if answer is Answer.EXPIRED:
            raise NotConnected("login.password-expired", self._values())
        if answer is Answer.ASKED:
            raise NotConnected("login.question", {**self._values(), "question": self._conversation.question})
        return answer

    def _hung_up(self) -> NotConnected:
        said: str = getattr(self._transport.packetizer, "farewell", "")
        if "too many" in said.lower() or (not said and self._keys_tried > 1):
            return NotConnected("login.too-many-keys", {**self._values(), "number": self._keys_tried})
        # Nothing was answered yet: a host that is too busy to log anybody in may do so in a moment.
        return NotConnected(
            "login.dropped", {**self._values(), "said": said or "-"}, passing=self._conversation.offered is None
        )

    def _with_keys(self) -> Iterator[Answer]:
        for identity in self._keys:
            for algorithm in self._algorithms(identity.kind):
                answer = self._with_key(identity, algorithm)
                if answer is None:
                    break
                yield answer

    def _with_key(self, identity: Identity, algorithm: str) -> Answer | None:
        """What the host says to a key; None where the key does not sign."""
        conversation, deadline = self._conversation, self._deadline
        self._keys_tried += 1
        if str(identity) not in self._tried:
            self._tried.append(str(identity))
        if not identity.sure:
            answer = conversation.offer_key(identity.blob, algorithm, deadline)
            if answer is not Answer.USABLE:
                return answer
        try:
            return conversation.use_key(
                identity.blob, algorithm, lambda data: identity.sign(data, algorithm.removesuffix(SUFFIX)), deadline
            )
        except AgentSilent as silent:
            self._tried.remove(str(identity))
            self._identities.skipped.append(f"{identity}: {silent}")
            return None

    def _algorithms(self, kind: str) -> tuple[str, ...]:
        """How a key is to sign: an RSA key with the better of the digests that the host says it knows."""
        plain = kind.removesuffix(SUFFIX)
        names = _RSA if plain == "ssh-rsa" else (plain,)
        known = _server_algorithms(self._transport) if plain == "ssh-rsa" else ()
        usable = [name for name in names if (not known or name in known) and self._may_sign(name)]
        tail = SUFFIX if kind.endswith(SUFFIX) else ""
        return tuple(name + tail for name in usable[:1])

    def _may_sign(self, name: str) -> bool:
        """Whether PubkeyAcceptedAlgorithms leaves it."""
        listed = self._settings.key_algorithms
        if not listed or listed[0] in "+^":
            return True
        return not in_list(name, listed[1:]) if listed[0] == "-" else in_list(name, listed)

    def _with_password(self) -> Iterator[Answer]:
        if self._password is not None:
            self._tried.append("password")
            answer = self._conversation.use_password(self._password, self._deadline)
            if answer is not Answer.REFUSED or self._allowed("password"):
                # It was looked at: said again in another way, a wrong one could lock the account.
                self._password = None
            yield answer

    def _with_prompts(self) -> Iterator[Answer]:
        if self._password is not None:
            self._tried.append("keyboard-interactive")
            yield self._conversation.answer_prompts(self._password, self._deadline)
            self._password = None

    def _values(self) -> dict[str, object]:
        return {
            "host": self._settings.name,
            "user": self._settings.user,
            "methods": list(self._conversation.offered or ()),
            "tried": list(self._tried),
            "skipped": list(self._identities.skipped),
        }

    def _denied(self) -> NotConnected:
        values = self._values()
        if self._tried:
            return NotConnected("login.denied", values)
        skipped = self._identities.skipped
        beyond = self._beyond()
        if beyond:
            return NotConnected("ssh.needs-openssh", {"setting": beyond[0], "where": beyond[1]})
        if any("passphrase" in reason for reason in skipped):
            return NotConnected("login.locked-key", values)
        return NotConnected("login.nothing-to-try", values)

    def _beyond(self) -> tuple[str, str] | None:
        """What ssh would log in with and paramiko can't: Kerberos, a token, a security key."""
        offered = self._conversation.offered or ()
        usable = {
            "GSSAPIAuthentication": _GSSAPI,
            "HostbasedAuthentication": "hostbased",
            "PKCS11Provider": "publickey",
        }
        for each in self._settings.beyond:
            if usable.get(each.setting) in offered:
                return each.setting, each.place
        for reason in self._identities.skipped:
            if ": sk" in reason:
                return "a security key", reason.partition(": ")[0]
        return None


def _server_algorithms(transport: Transport) -> tuple[str, ...]:
    """The signatures that the host says it knows, empty where it does not say."""
    extensions: Mapping[str, bytes] = getattr(transport, "server_extensions", {})
    said = extensions.get("server-sig-algs", b"")
    return tuple((said.decode("ascii", "replace") if isinstance(said, bytes) else said).split(",")) if said else ()
