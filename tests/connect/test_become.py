"""Another user on a host by sudo, su and doas: real ones, with their real files, and one clear error for every no."""

from __future__ import annotations

import pwd
import random
import threading
import time
import zlib
from collections.abc import Iterator

import pytest

from autoglm_fix.connect import Agent, NotConnected, Stream
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.local import execute
from autoglm_fix.connect.process import ProcessStream
from autoglm_fix.connect.route import Become, Credentials, Route
from autoglm_fix.connect.start import start_agent
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.connect.accounts import HELLO, Account, add_accounts
from tests.hosts import Host, boot
from tests.hosts.needs import needs

SUDOERS = """\
Defaults lecture=always, logfile=/run/sudo.log, timestamp_timeout=0
root ALL=(ALL) ALL
asked ALL=(ALL) ALL
free ALL=(ALL) NOPASSWD: ALL
foreign ALL=(ALL) ALL
some ALL=(ALL) NOPASSWD: /usr/bin/id
Defaults:onterm requiretty
onterm ALL=(ALL) NOPASSWD: ALL
Defaults:termasked requiretty
termasked ALL=(ALL) ALL
Defaults:pty use_pty
pty ALL=(ALL) NOPASSWD: ALL
Defaults:ptyasked use_pty, requiretty
ptyasked ALL=(ALL) ALL
Defaults:rootpw rootpw
rootpw ALL=(ALL) ALL
"""
DOAS = """\
permit nopass free as root
permit asked as root
permit persist foreign as root
permit nopass some as root cmd id
"""
USERS = ("asked", "free", "some", "outside", "onterm", "termasked", "pty", "ptyasked", "rootpw")
MIB = 1 << 20


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    needs("other users", ["sudo", "su", "doas", "fish"])
    with boot(tmp_path_factory.mktemp("host") / "gpu01", systemd=False) as host:
        add_accounts(host, **dict.fromkeys(USERS, "/bin/bash"), foreign="/usr/bin/fish", shut="/usr/sbin/nologin")
        add_accounts(host, gone="/bin/sh", stale="/bin/sh", fishy="/usr/bin/fish")
        host.run("sh", "-ec", "chage -E 1 gone; chage -d 0 stale; echo root:pw-root | chpasswd")
        # Whoever types a wrong password waits for seconds: the tests need not.
        host.run("sh", "-ec", "sed -i 's/pam_unix.so/pam_unix.so nodelay/' /etc/pam.d/common-auth")
        host.run("sed", "-i", "s/^FAIL_DELAY.*/FAIL_DELAY 0/", "/etc/login.defs")
        host.write("/etc/sudoers", SUDOERS, 0o440)
        host.write("/etc/doas.conf", DOAS, 0o400)
        yield host


SUDO, SU, DOAS_ = Become("sudo"), Become("su"), Become("doas")

# login user, how, password
GRANTED: dict[str, tuple[str, Become, str | None]] = {
    "sudo without a password": ("free", SUDO, None),
    "sudo with one that is not asked for": ("free", SUDO, "pw-free"),
    "sudo with a password, after its lecture": ("asked", SUDO, "pw-asked"),
    "sudo from fish": ("foreign", SUDO, "pw-foreign"),
    "sudo that asks for root's": ("rootpw", SUDO, "pw-root"),
    "sudo with options of its own": ("free", Become("sudo", options=("-H", "-S", "-n", "-E")), None),
    "sudo -i": ("asked", Become("sudo", options=("-i",)), "pw-asked"),
    "sudo by its path": ("free", Become("sudo", program="/usr/bin/sudo"), None),
    "sudo that wants a terminal": ("onterm", SUDO, None),
    "sudo that wants a terminal and a password": ("termasked", SUDO, "pw-termasked"),
    "sudo on a terminal of its own": ("pty", SUDO, None),
    "sudo on two terminals": ("ptyasked", SUDO, "pw-ptyasked"),
    "su": ("free", SU, "pw-root"),
    "su -": ("free", Become("su", options=("-",)), "pw-root"),
    "su from fish": ("foreign", SU, "pw-root"),
    "su as root": ("root", SU, None),
    "su as root with a password that is not asked for": ("root", SU, "pw-root"),
    "doas without a password": ("free", DOAS_, None),
    "doas with one that is not asked for": ("free", DOAS_, "pw-free"),
    "doas with a password": ("asked", DOAS_, "pw-asked"),
    "doas from fish": ("foreign", DOAS_, "pw-foreign"),
}


@pytest.mark.parametrize("case", GRANTED)
def test_it_starts_as_the_other_user(host: Host, case: str) -> None:
    login, become, password = GRANTED[case]
    assert Account(host, login).hello(become, password)["uid"] == 0


@pytest.mark.parametrize("become", [Become("sudo", "fishy"), Become("su", "fishy")], ids=["sudo", "su"])
def test_the_other_user_may_have_another_shell(host: Host, become: Become) -> None:
    assert Account(host, "root").hello(become)["uid"] == int(host.run("id", "-u", "fishy").stdout)


# login user, how, password: code
DENIED: dict[str, tuple[str, Become, str | None, str]] = {
    "sudo asks, none given": ("asked", SUDO, None, "password-needed"),
    "sudo asks on a terminal, none given": ("termasked", SUDO, None, "password-needed"),
    "sudo, wrong": ("asked", SUDO, "pw-wrong", "wrong-password"),
    "sudo on a terminal, wrong": ("termasked", SUDO, "pw-wrong", "wrong-password"),
    "not in sudoers": ("outside", SUDO, "pw-outside", "not-allowed"),
    "only some commands": ("some", SUDO, None, "password-needed"),
    "only some commands, with a password": ("some", SUDO, "pw-some", "command-denied"),
    "no such user by sudo": ("free", Become("sudo", "noone"), None, "no-user"),
    "no such user by su": ("free", Become("su", "noone"), "x", "no-user"),
    "no such user by doas": ("free", Become("doas", "noone"), None, "no-user"),
    "no sudo": ("free", Become("sudo", program="/usr/local/bin/sudo"), None, "no-program"),
    "no su": ("free", Become("su", program="/usr/local/bin/su"), "x", "no-program"),
    "no doas": ("free", Become("doas", program="/usr/local/bin/doas"), None, "no-program"),
    "sudo without its bit": ("free", Become("sudo", program="/usr/local/lib/sudo"), None, "no-setuid"),
    "su asks, none given": ("free", SU, None, "password-needed"),
    "su, wrong": ("free", SU, "pw-wrong", "wrong-password"),
    "su to an account that has expired": ("root", Become("su", "gone"), None, "expired"),
    "su to an account whose password must be renewed": ("asked", Become("su", "stale"), "pw-stale", "expired"),
    "su to an account without a shell": ("root", Become("su", "shut"), None, "no-shell"),
    "doas asks, none given": ("asked", DOAS_, None, "password-needed"),
    "doas, wrong": ("asked", DOAS_, "pw-wrong", "wrong-password"),
    "no rule of doas": ("outside", DOAS_, "pw-outside", "not-allowed"),
    "doas for other commands": ("some", DOAS_, None, "not-allowed"),
}


@pytest.mark.parametrize("case", DENIED)
def test_a_no_is_one_clear_error(host: Host, case: str) -> None:
    login, become, password, code = DENIED[case]
    if become.program == "/usr/local/lib/sudo":
        host.run("sh", "-c", "cp /usr/bin/sudo /usr/local/lib/sudo && chmod 755 /usr/local/lib/sudo")
    why = Account(host, login).refusal(become, password)
    assert (why.code, why.refused) == (f"become.{code}", True)
    for language in LANGUAGES:
        assert Catalogue(language).part(why.code, "summary", why.values)
        assert Catalogue(language).part(why.code, "advice", why.values)
    assert password is None or password not in repr((why.values, why.tail, why.args))


@pytest.mark.parametrize("case", ["sudo with a password, after its lecture", "doas with a password"])
def test_a_login_that_seems_to_ask_is_not_told_the_password(host: Host, case: str) -> None:
    login, become, password = GRANTED[case]
    host.write(
        f"/home/{login}/.bashrc",
        "printf 'Password: ' >&2; printf 'Password: '; read -t 0.3 x; echo \"$x\" >/tmp/told\n",
    )
    said = Account(host, login).hello(become, password)
    told = host.read("/tmp/told")
    host.run("rm", f"/home/{login}/.bashrc", "/tmp/told")
    assert (said["uid"], told) == (0, "\n")


def test_a_stop_ends_the_waiting() -> None:
    stop = threading.Event()
    stop.set()

    def silent(_command: str, *, terminal: bool = False) -> Stream:
        return ProcessStream(["sleep", "100"], terminal=terminal)

    with pytest.raises(NotConnected) as stopped:
        start_agent(silent, Route(become=SU), Credentials(become_password="pw"), host="gpu01", stop=stop)
    assert (stopped.value.code, stopped.value.refused) == ("connect.stopped", False)


def test_one_wrong_password_is_one_attempt(host: Host) -> None:
    host.run("sh", "-c", ": >/run/sudo.log")
    Account(host, "asked").refusal(SUDO, "pw-wrong")
    assert "1 incorrect password attempt" in host.read("/run/sudo.log")


def test_a_password_is_on_no_command_line_and_in_no_environment(host: Host) -> None:
    for login, become, password in GRANTED["su"], GRANTED["sudo with a password, after its lecture"]:
        assert password is not None
        with Account(host, login).agent(become, password) as agent:
            agent.ask(HELLO)
            seen = host.run("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null", check=False).stdout
        assert "python" in seen
        assert password not in seen


@pytest.mark.parametrize("prompt", ["Verification code: ", "Password for the lecture hall's door: "])
def test_a_question_that_nobody_answers_ends_in_time(host: Host, prompt: str) -> None:
    script = f"#!/bin/sh\nprintf '%s' \"{prompt}\" >&2\nread answer\nprintf '%s' \"{prompt}\" >&2\nread answer\n"
    host.write("/usr/local/bin/asks", script, 0o755)
    answered = "Password" in prompt
    began = time.monotonic()
    why = Account(host, "free").refusal(Become("su", program="asks"), "pw-root", timeout_s=60 if answered else 4)
    assert why.code == ("become.wrong-password" if answered else "become.timed-out")
    # The program would ask for ever: it ends at the deadline, with all the time that a busy machine may take.
    assert time.monotonic() - began < 120
    assert why.tail[-1].startswith(prompt.strip())


def test_it_is_said_where_sshd_gives_no_terminal(host: Host) -> None:
    key = host.read("/root/.ssh/authorized_keys")
    host.write("/home/onterm/.ssh/authorized_keys", f"no-pty {key}")
    why = Account(host, "onterm").refusal(SUDO)
    host.write("/home/onterm/.ssh/authorized_keys", key)
    assert (why.code, why.refused) == ("become.needs-terminal", True), (why.values, why.tail)


ECHO = """
import os
n=int.from_bytes(r(8),"big")
d=r(n)
v=memoryview(d)
while v:v=v[os.write(1,v):]
os._exit(0)
"""


@pytest.mark.parametrize(
    ("case", "transport"),
    [
        ("su", "ssh"),
        ("su", "openssh"),
        ("doas with a password", "ssh"),
        ("sudo on a terminal of its own", "ssh"),
        ("sudo on two terminals", "openssh"),
    ],
)
def test_every_byte_arrives_as_it_was(host: Host, case: str, transport: str) -> None:
    login, become, password = GRANTED[case]
    body, content = zlib.compress(ECHO.encode()), random.Random(7).randbytes(MIB) + bytes(range(256)) * 16
    with Account(host, login, transport).channel(become, password) as channel:
        channel.write(len(body).to_bytes(4, "big") + body + len(content).to_bytes(8, "big") + content)
        heard, latest = b"", time.monotonic() + 60
        while len(heard) < len(content) and time.monotonic() < latest:
            heard += channel.read(1.0)
    assert heard == content


class Noted:
    """A stream that notes what is done with it."""

    def __init__(self, stream: Stream, notes: list[str]) -> None:
        self._stream, self._notes = stream, notes
        self.said, self.close = stream.said, stream.close

    def read(self, timeout_s: float) -> bytes:
        self._notes.append("waits")
        return self._stream.read(timeout_s)

    def write(self, data: bytes) -> None:
        self._notes.append("sends")
        self._stream.write(data)


@pytest.mark.parametrize(
    ("become", "password", "waits"),
    [
        (None, None, False),
        (SUDO, None, False),
        (DOAS_, None, False),
        (SUDO, "pw-free", True),
        (SU, "pw-root", True),
    ],
)
def test_only_for_a_password_is_anything_waited_for(
    host: Host, become: Become | None, password: str | None, waits: bool
) -> None:
    account, notes = Account(host, "free"), list[str]()
    with account.execute() as execute:

        def noting(command: str, *, terminal: bool = False) -> Stream:
            return Noted(execute(command, terminal=terminal), notes)

        credentials = Credentials(become_password=password)
        agent = Agent(start_agent(noting, account.route(become), credentials, host="gpu01"))
        before = list(notes)
        assert agent.ask(HELLO)["uid"] == (0 if become else int(host.run("id", "-u", "free").stdout))
        agent.close()
    assert ("waits" in before) == waits


@pytest.mark.parametrize("become", [Become("sudo", "nobody"), Become("su", "games", options=("-s", "/bin/sh"))])
def test_this_machine_is_no_exception(host: Host, become: Become) -> None:
    with Connections() as connections:
        agent = Agent(connections.open("localhost", Route(become=become), Credentials()))
        try:
            said = agent.ask(HELLO)
        finally:
            agent.close()
    assert said["uid"] == pwd.getpwnam(become.user).pw_uid


def test_a_terminal_of_this_machine_will_do_as_well() -> None:
    agent = Agent(start_agent(execute, Route(become=SU), Credentials(), host="localhost"))
    assert agent.ask(HELLO)["uid"] == 0
    agent.close()
