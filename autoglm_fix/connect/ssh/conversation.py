"""The protocol of the login (RFC 4252): one request at a time, its answer within a deadline."""

from __future__ import annotations

import enum
import re
import threading
import time
from collections.abc import Callable

from paramiko import Message, SSHException, Transport
from paramiko.auth_handler import AuthHandler

from .dial import Stopped, wait

_SERVICE_REQUEST, _REQUEST, _INFO_RESPONSE = b"\x05", b"\x32", b"\x3d"
_SERVICE = "ssh-userauth"
_CONNECTION = "ssh-connection"
# What a host asks when it wants the password, in the languages that PAM speaks it.
_PASSWORD = re.compile(
    r"pass(wor[dt]|phrase)|mot de passe|contraseña|senha|has[łl]o|парол|parol|密码|密碼|口令|パスワード|암호|비밀번호",
    re.IGNORECASE,
)
_NEW = re.compile(r"new|retype|again|current|新|重新|当前", re.IGNORECASE)


class Answer(enum.Enum):
    """What became of a request."""

    ACCEPTED = "accepted"  # logged in
    PARTIAL = "partial"  # right, and more is wanted
    REFUSED = "refused"
    USABLE = "usable"  # a public key would do
    EXPIRED = "expired"  # the password is right, and must be changed
    ASKED = "asked"  # a question that is not for a password
    ENDED = "ended"  # the connection is gone
    SLOW = "slow"  # the deadline has passed


class Conversation(AuthHandler):
    """A login in progress. paramiko's own waits for the service before each request, and keeps no list of methods.

    ``offered`` are the methods that the host said could go on, None before it said any. ``question`` is the prompt that
    could not be answered. All handlers are called by the transport's thread.
    """

    def __init__(self, transport: Transport, user: str, stopped: Stopped = lambda: False) -> None:
        super().__init__(transport)
        self._stopped = stopped
        self.offered: tuple[str, ...] | None = None
        self.question = ""
        self._line = transport
        self._user = user
        self._begun = False
        self._answer: Answer | None = None
        self._password: str | None = None

    def request(self, method: str, deadline: float, fill: Callable[[Message], None] | None = None) -> Answer:
        """Send one request and wait for what becomes of it. ``fill`` adds the method's own fields.

        Raises Interrupted.
        """
        message = Message()
        message.add_byte(_REQUEST)
        message.add_string(self._user)
        message.add_string(_CONNECTION)
        message.add_string(method)
        if fill:
            fill(message)
        self.auth_method = method
        self._answer = None
        self.auth_event = answered = threading.Event()
        try:
            if not self._begun:
                # The protocol lets the first request follow at once: a whole round trip less.
                self._begun = True
                service = Message()
                service.add_byte(_SERVICE_REQUEST)
                service.add_string(_SERVICE)
                self._line.packetizer.send_message(service)
            self._line.packetizer.send_message(message)
        except (SSHException, EOFError, OSError):
            return Answer.ENDED
        wait(answered, max(0.0, deadline - time.monotonic()), self._stopped)
        if self.authenticated:
            return Answer.ACCEPTED
        if self._answer:
            return self._answer
        return Answer.SLOW if self._line.is_active() else Answer.ENDED

    def offer_key(self, blob: bytes, algorithm: str, deadline: float) -> Answer:
        """Ask whether a key would do."""
        return self.request("publickey", deadline, lambda message: _key(message, False, blob, algorithm))

    def use_key(self, blob: bytes, algorithm: str, sign: Callable[[bytes], bytes], deadline: float) -> Answer:
        """Log in with a key. ``sign`` may raise; nothing was sent then."""
        signed = Message()
        signed.add_string(self._line.session_id or b"")
        signed.add_byte(_REQUEST)
        for text in (self._user, _CONNECTION, "publickey"):
            signed.add_string(text)
        _key(signed, True, blob, algorithm)
        signature = sign(signed.asbytes())

        def fill(message: Message) -> None:
            _key(message, True, blob, algorithm)
            message.add_string(signature)

        return self.request("publickey", deadline, fill)

    def use_password(self, password: str, deadline: float) -> Answer:
        """Log in with a password."""

        def fill(message: Message) -> None:
            message.add_boolean(False)
            message.add_string(password)

        return self.request("password", deadline, fill)

    def answer_prompts(self, password: str, deadline: float) -> Answer:
        """Log in by answering the one question for the password; any other ends it, named in ``question``."""
        self._password = password

        def fill(message: Message) -> None:
            message.add_string("")
            message.add_string("")

        return self.request("keyboard-interactive", deadline, fill)

    def _settle(self, answer: Answer) -> None:
        self._answer = answer
        if self.auth_event:
            self.auth_event.set()

    # What paramiko calls when a message has come.

    def _parse_service_accept(self, m: Message) -> None:
        """Nothing waits for it."""

    def _parse_userauth_failure(self, m: Message) -> None:
        methods, partial = tuple(m.get_list()), m.get_boolean()
        self.offered = methods
        self._settle(Answer.PARTIAL if partial else Answer.REFUSED)

    def _parse_userauth_info_request(self, m: Message) -> None:
        # One number, and a meaning for each method.
        if self.auth_method == "publickey":
            self._settle(Answer.USABLE)
        elif self.auth_method == "password":
            self._settle(Answer.EXPIRED)
        elif self.auth_method == "keyboard-interactive":
            self._prompted(m)

    def _prompted(self, m: Message) -> None:
        _title, _instructions, _language = m.get_string(), m.get_string(), m.get_string()
        prompts = [(m.get_string().decode("utf-8", "replace"), m.get_boolean()) for _ in range(min(m.get_int(), 8))]
        answers = []
        for text, echoed in prompts:
            expired = bool(_NEW.search(text)) and bool(_PASSWORD.search(text))
            if self._password is None or echoed or len(prompts) > 1 or expired or not _PASSWORD.search(text):
                self.question = text.strip()[:200]
                self._settle(Answer.EXPIRED if expired else Answer.ASKED)
                return
            # Never twice: a wrong one that is sent again locks accounts.
            answers.append(self._password)
            self._password = None
        response = Message()
        response.add_byte(_INFO_RESPONSE)
        response.add_int(len(answers))
        for answer in answers:
            response.add_string(answer)
        self._line.packetizer.send_message(response)


def _key(message: Message, signed: bool, blob: bytes, algorithm: str) -> None:
    message.add_boolean(signed)
    message.add_string(algorithm)
    message.add_string(blob)
