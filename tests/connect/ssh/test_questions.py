"""What a host may ask during the login: the password is given once, to the question for it, and to no other."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence

import paramiko
import pytest

from autoglm_fix.connect import NotConnected
from autoglm_fix.connect.route import Credentials
from autoglm_fix.connect.ssh.login import Logins
from autoglm_fix.connect.ssh.settings import SshSettings

PASSWORD = "correct horse"


class Asking(paramiko.ServerInterface):
    """A host that asks what no PAM of the lab does."""

    def __init__(self, prompts: Sequence[tuple[str, bool]], methods: str = "keyboard-interactive") -> None:
        self.prompts = prompts
        self.methods = methods
        self.answers: list[str] = []
        self.passwords: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return self.methods

    def check_auth_password(self, username: str, password: str) -> int:
        self.passwords.append(password)
        return paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: bytes | str) -> int | paramiko.InteractiveQuery:
        return paramiko.InteractiveQuery("a title", "instructions", *self.prompts)

    def check_auth_interactive_response(self, responses: list[str]) -> int | paramiko.InteractiveQuery:
        self.answers += responses
        if responses == [PASSWORD]:
            return paramiko.InteractiveQuery("", "")  # as PAM does: a last question with nothing in it
        return paramiko.AUTH_FAILED if responses else paramiko.AUTH_SUCCESSFUL


@pytest.mark.parametrize(
    ("prompts", "code"),
    [
        ([("Password: ", False)], ""),
        ([("root@gpu01's password:", False)], ""),
        ([("口令：", False)], ""),
        ([("Verification code: ", False)], "login.question"),
        ([("Password: ", True)], "login.question"),
        ([("Password: ", False), ("Verification code: ", False)], "login.question"),
        ([("Current password: ", False)], "login.password-expired"),
        ([("New password: ", False)], "login.password-expired"),
        ([("\x1b]0;owned\x07Token", False)], "login.question"),
    ],
)
def test_only_a_question_for_the_password_is_answered(prompts: Sequence[tuple[str, bool]], code: str) -> None:
    asking = Asking(prompts)
    error = ask(asking)
    assert (error.code if error else "") == code
    assert error is None or error.values.get("question") in (prompts[0][0].strip(), None)
    assert asking.answers == ([] if code else [PASSWORD])


def test_a_password_is_not_said_again_in_another_way() -> None:
    asking = Asking([("Password: ", False)], "password,keyboard-interactive")
    error = ask(asking)
    assert error is not None
    assert (error.code, asking.passwords, asking.answers) == ("login.denied", [PASSWORD], [])


def ask(asking: Asking) -> NotConnected | None:
    """Log in to such a host with a password."""
    here, there = socket.socketpair()
    wanted = SshSettings("gpu01", "gpu01", 22, "root", methods=("password", "keyboard-interactive"), timeout_s=30.0)
    with (
        contextlib.closing(paramiko.Transport(there)) as server,
        contextlib.closing(paramiko.Transport(here)) as client,
    ):
        server.add_server_key(paramiko.ECDSAKey.generate())
        server.start_server(threading.Event(), asking)
        client.start_client(timeout=30)
        try:
            Logins().authenticate(client, wanted, Credentials(PASSWORD), time.monotonic() + 30)
        except NotConnected as error:
            return error
        finally:
            client.close()
            server.join(5)
            client.join(5)
    return None
