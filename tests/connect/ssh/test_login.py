"""The login against a real sshd: what gets in, in how many round trips, and what is said of what doesn't."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.packet import Packetizer

from autoglm_fix.connect import NotConnected
from autoglm_fix.connect.route import Credentials
from autoglm_fix.connect.ssh.algorithms import agree
from autoglm_fix.connect.ssh.host_keys import HostKeys
from autoglm_fix.connect.ssh.login import Logins
from autoglm_fix.connect.ssh.settings import Beyond, SshSettings
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.hosts import Host, boot

NOTHING = Credentials()
PASSWORD = "correct horse"
PASSPHRASE = "open sesame"
KINDS = {"ed25519": [], "ecdsa": [], "rsa": ["-b", "2048"]}
pytestmark = pytest.mark.skipif(not shutil.which("ssh-agent"), reason="there is no OpenSSH client to make keys with")
OTHER_PORT, WITH_PROMPTS, WITH_BOTH = 2201, 2202, 2203


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of each kind, plain and encrypted, some that no host knows, and an authority with certificates."""
    folder = tmp_path_factory.mktemp("keys")
    for kind, options in KINDS.items():
        keygen("-t", kind, *options, "-N", "", "-f", folder / kind)
        copy(folder, kind, f"locked-{kind}", "-N", PASSPHRASE, "-a", "1")
        keygen("-t", kind, *options, "-N", "", "-f", folder / f"certified-{kind}")
    copy(folder, "rsa", "pem", "-N", "", "-m", "PEM")
    copy(folder, "rsa", "locked-pkcs8", "-N", PASSPHRASE, "-m", "PKCS8")
    for name in ["authority", "expired", *(f"stranger{number}" for number in range(8))]:
        keygen("-t", "ed25519", "-N", "", "-f", folder / name)
    certified = [folder / f"certified-{kind}.pub" for kind in KINDS]
    keygen("-s", folder / "authority", "-I", "me", "-n", "root", "-V", "+1d", *certified)
    keygen("-s", folder / "authority", "-I", "me", "-n", "root", "-V", "20200101:20200102", folder / "expired.pub")
    return folder


def copy(folder: Path, key: str, name: str, *changes: str) -> None:
    """The same key under another name, and in another form."""
    shutil.copy(folder / key, folder / name)
    shutil.copy(folder / f"{key}.pub", folder / f"{name}.pub")
    if changes:
        keygen("-p", "-P", "", *changes, "-f", folder / name)


def keygen(*argv: str | Path) -> None:
    subprocess.run(["ssh-keygen", "-q", *argv], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Host]:
    """One sshd that takes keys and passwords, one that asks by PAM, one that wants a key and a password."""
    with boot(tmp_path_factory.mktemp("hosts") / "gpu01", systemd=False) as host:
        welcome = "".join((keys / f"{kind}.pub").read_text() for kind in KINDS)
        host.write("/root/.ssh/authorized_keys", welcome, 0o600)
        host.write("/root/.bashrc", "")
        host.write("/etc/ssh/authority.pub", (keys / "authority.pub").read_text())
        host.run("chpasswd", stdin=f"root:{PASSWORD}\n")
        host.run("useradd", "-m", "stale")
        host.run("chpasswd", stdin=f"stale:{PASSWORD}\n")
        host.run("chage", "-d", "0", "stale")
        usual = host.read("/etc/ssh/sshd_config")
        wanted = "PermitRootLogin yes\nTrustedUserCAKeys /etc/ssh/authority.pub\nPasswordAuthentication yes\n"
        wanted += "KbdInteractiveAuthentication no\n"
        sshd(host, OTHER_PORT, wanted + usual)
        prompts = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\nPermitRootLogin yes\n"
        sshd(host, WITH_PROMPTS, prompts + usual)
        sshd(host, WITH_BOTH, "AuthenticationMethods publickey,password\n" + wanted + usual)
        yield host


def sshd(host: Host, port: int, config: str) -> None:
    host.write(f"/etc/ssh/sshd_{port}", f"Port {port}\nPidFile none\n{config}")
    host.run("/usr/sbin/sshd", "-f", f"/etc/ssh/sshd_{port}")


def settings(host: Host, port: int = OTHER_PORT, **changes: Any) -> SshSettings:
    named = {"identity_files": tuple(map(str, changes.pop("files", ()))), "identities_named": True}
    usual = SshSettings("gpu01", host.address, port, "root", host_key_name="gpu01", timeout_s=30.0)
    return dataclasses.replace(
        usual, **{**named, "methods": ("publickey", "password", "keyboard-interactive"), **changes}
    )


class Counted(Packetizer):
    """Counts the times that the host was waited for: a packet that comes after one was sent."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.waits = 0
        self._sent = False

    def send_message(self, data: Any) -> None:
        self._sent = True
        super().send_message(data)

    def read_message(self) -> Any:
        found = super().read_message()
        # What sshd says of itself right after the keys (7) answers nothing.
        if self._sent and found[0] not in (6, 7):
            self.waits += 1
            self._sent = False
        return found


@contextlib.contextmanager
def line(wanted: SshSettings) -> Iterator[paramiko.Transport]:
    """A transport that has exchanged keys."""
    connection = socket.create_connection((wanted.hostname, wanted.port), timeout=30)
    transport = paramiko.Transport(connection, packetizer_class=Counted)
    try:
        agree(transport, wanted, HostKeys().preferred_algorithms(wanted))
        transport.start_client(timeout=30)
        yield transport
    finally:
        transport.close()
        connection.close()
        transport.join(5)


def log_in(wanted: SshSettings, credentials: Credentials = NOTHING, logins: Logins | None = None) -> int:
    """Log in, and run a command to show it. Returns how often the host was waited for."""
    with line(wanted) as transport:
        packets = transport.packetizer
        assert isinstance(packets, Counted)
        packets.waits = 0
        (logins or Logins()).authenticate(transport, wanted, credentials, time.monotonic() + wanted.timeout_s)
        waits = packets.waits
        assert transport.is_authenticated()
        channel = transport.open_session(timeout=30)
        channel.exec_command("true")
        channel.settimeout(30)
        assert channel.recv_exit_status() == 0
        channel.close()
    return waits


def refused(wanted: SshSettings, credentials: Credentials = NOTHING) -> NotConnected:
    with line(wanted) as transport, pytest.raises(NotConnected) as caught:
        Logins().authenticate(transport, wanted, credentials, time.monotonic() + wanted.timeout_s)
    error = caught.value
    for language in LANGUAGES:
        said = [Catalogue(language).part(error.code, part, error.values) for part in ("summary", "advice")]
        assert all(said)
        assert not any(secret in "".join(said) for secret in (PASSWORD, PASSPHRASE))
    assert not any(secret in repr(error) + repr(error.values) for secret in (PASSWORD, PASSPHRASE))
    return error


@pytest.mark.parametrize("kind", [*KINDS, "pem"])
def test_a_key_in_a_file_gets_in_at_its_first_word(host: Host, keys: Path, kind: str) -> None:
    assert log_in(settings(host, files=[keys / kind])) == 1


@pytest.mark.parametrize("kind", [*(f"locked-{kind}" for kind in KINDS), "locked-pkcs8"])
def test_an_encrypted_key_is_opened_with_the_passphrase(host: Host, keys: Path, kind: str) -> None:
    assert log_in(settings(host, files=[keys / kind]), Credentials(passphrase=PASSPHRASE)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_beside_the_key_gets_in(host: Host, keys: Path, kind: str) -> None:
    assert log_in(settings(host, files=[keys / f"certified-{kind}"])) == 1


def test_a_certificate_elsewhere_is_matched_with_its_key(host: Host, keys: Path, tmp_path: Path) -> None:
    shutil.copy(keys / "certified-ed25519", tmp_path / "key")
    files = (str(keys / "certified-rsa-cert.pub"), str(keys / "certified-ed25519-cert.pub"))
    assert log_in(settings(host, files=[tmp_path / "key"], certificate_files=files)) == 1


def test_a_password_gets_in_at_once_where_there_is_no_key(host: Host) -> None:
    assert log_in(settings(host), Credentials(PASSWORD)) == 1


def test_a_password_follows_a_key_that_is_refused(host: Host, keys: Path) -> None:
    assert log_in(settings(host, files=[keys / "stranger0"]), Credentials(PASSWORD)) == 2


def test_a_prompt_for_the_password_is_answered(host: Host) -> None:
    assert log_in(settings(host, WITH_PROMPTS), Credentials(PASSWORD)) <= 4


def test_a_host_may_want_a_key_and_a_password(host: Host, keys: Path) -> None:
    assert log_in(settings(host, WITH_BOTH, files=[keys / "ed25519"]), Credentials(PASSWORD)) == 2
    error = refused(settings(host, WITH_BOTH, files=[keys / "ed25519"]))
    assert (error.code, error.values["methods"]) == ("login.denied", ["password"])


def test_a_key_is_read_and_decrypted_once_a_run(host: Host, keys: Path, tmp_path: Path) -> None:
    shutil.copy(keys / "locked-ed25519", tmp_path / "key")
    logins, wanted = Logins(), settings(host, files=[tmp_path / "key"])
    log_in(wanted, Credentials(passphrase=PASSPHRASE), logins)
    (tmp_path / "key").unlink()
    failures = []

    def again() -> None:
        try:
            log_in(wanted, Credentials(passphrase=PASSPHRASE), logins)
        except NotConnected as error:
            failures.append(error)

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """An empty ssh-agent."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.01)
    yield str(path)
    process.terminate()
    process.wait(10)


def load(agent: str, *files: Path) -> None:
    subprocess.run(["ssh-add", "-q", *files], env={**os.environ, "SSH_AUTH_SOCK": agent}, check=True, timeout=20)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "certified-rsa"])
def test_the_only_key_of_an_agent_gets_in(host: Host, keys: Path, agent: str, kind: str) -> None:
    load(agent, keys / kind)
    assert log_in(settings(host, agent=agent, identities_named=False)) == 1


def test_a_certificate_that_is_named_goes_with_a_key_of_the_agent(
    host: Host, keys: Path, agent: str, tmp_path: Path
) -> None:
    shutil.copy(keys / "certified-ecdsa", tmp_path / "key")
    load(agent, tmp_path / "key")
    named = (str(keys / "certified-ecdsa-cert.pub"),)
    assert log_in(settings(host, agent=agent, identities_named=False, certificate_files=named)) == 1


def test_an_agent_is_asked_before_the_right_one_of_its_keys_signs(host: Host, keys: Path, agent: str) -> None:
    load(agent, keys / "stranger0", keys / "stranger1", keys / "rsa")
    assert log_in(settings(host, agent=agent, identities_named=False)) == 4


def test_an_agent_opens_what_is_encrypted_on_disk(host: Host, keys: Path, agent: str, tmp_path: Path) -> None:
    load(agent, keys / "stranger0", keys / "ed25519", keys / "stranger1")
    # The file that is named is locked, and its public half says which of the agent's keys it is.
    shutil.copy(keys / "ed25519", tmp_path / "key")
    keygen("-p", "-P", "", "-N", PASSPHRASE, "-f", tmp_path / "key")
    assert log_in(settings(host, agent=agent, files=[tmp_path / "key"], identities_only=True)) == 1
    assert log_in(settings(host, agent=agent, files=[keys / "ed25519.pub"], identities_only=True)) == 1


def test_too_many_keys_of_an_agent_are_named_as_the_cause(host: Host, keys: Path, agent: str) -> None:
    load(agent, *(keys / f"stranger{number}" for number in range(8)))
    error = refused(settings(host, agent=agent, identities_named=False))
    assert (error.code, error.values["number"]) == ("login.too-many-keys", 6)
    # The one that is named comes first, and none of the others then.
    assert log_in(settings(host, agent=agent, files=[keys / "ed25519"])) == 1
    assert refused(settings(host, agent=agent, identities_only=True, files=[keys / "none"])).code == (
        "login.nothing-to-try"
    )


def test_an_agent_that_never_answers_costs_a_run_its_patience_once(host: Host, keys: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(path)
        silent.listen(50)
        logins = Logins()
        wanted = settings(host, agent=path, identities_named=False, files=[keys / "ed25519"], timeout_s=0.5)
        with contextlib.suppress(NotConnected):
            log_in(wanted, Credentials(), logins)
        log_in(dataclasses.replace(wanted, timeout_s=30.0), Credentials(), logins)
        silent.settimeout(30)
        silent.accept()[0].close()
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.parametrize("path", ["/nowhere/agent", "/etc/passwd"])
def test_an_agent_that_is_gone_is_passed_over(host: Host, keys: Path, path: str) -> None:
    assert log_in(settings(host, agent=path, identities_named=False, files=[keys / "ed25519"])) == 1


def test_the_error_names_what_was_tried_and_what_was_not(host: Host, keys: Path, tmp_path: Path) -> None:
    shutil.copy(keys / "ed25519", tmp_path / "open")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "broken").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "broken").chmod(0o600)
    files = [keys / "stranger0", keys / "locked-rsa", tmp_path / "open", tmp_path / "broken", tmp_path / "absent",
             keys / "expired"]  # fmt: skip
    error = refused(settings(host, files=files))
    assert error.code == "login.denied"
    assert error.values["methods"] == ["publickey", "password"]
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", keys / "stranger0.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert error.values["tried"][0] == f"{keys}/stranger0 ({fingerprint})"
    assert error.values["skipped"] == [
        f"{keys}/locked-rsa: encrypted, no passphrase",
        f"{tmp_path}/open: mode 0644, chmod 600",
        f"{tmp_path}/broken: broken",
        f"{tmp_path}/absent: no such file",
        f"{keys}/expired-cert.pub: it expired at 2020-01-02 00:00:00 UTC",
    ]


@pytest.mark.slow
def test_a_wrong_password_is_said_once(host: Host) -> None:
    error = refused(settings(host), Credentials("wrong"))
    assert (error.code, error.values["tried"]) == ("login.denied", ["password"])
    error = refused(settings(host, WITH_PROMPTS), Credentials("wrong"))
    assert (error.code, error.values["tried"][-1]) in (
        ("login.denied", "keyboard-interactive"),
        ("login.question", "keyboard-interactive"),
    )


def test_nothing_to_log_in_with(host: Host, keys: Path) -> None:
    error = refused(settings(host, files=[]))
    assert (error.code, error.values["methods"]) == ("login.nothing-to-try", ["publickey", "password"])
    assert refused(settings(host, files=[keys / "locked-rsa"])).code == "login.locked-key"
    error = refused(settings(host, files=[keys / "locked-rsa"]), Credentials(passphrase="wrong"))
    assert (error.code, error.values["skipped"]) == ("login.locked-key", [f"{keys}/locked-rsa: wrong passphrase"])


def test_a_password_that_has_expired_is_not_changed(host: Host) -> None:
    assert refused(settings(host, WITH_PROMPTS, user="stale"), Credentials(PASSWORD)).code == "login.password-expired"


def test_what_only_ssh_can_do_is_named_with_its_line(host: Host, keys: Path, tmp_path: Path) -> None:
    beyond = (Beyond("PKCS11Provider", "/home/me/.ssh/config", 7),)
    error = refused(settings(host, beyond=beyond))
    assert (error.code, error.values["where"]) == ("ssh.needs-openssh", "/home/me/.ssh/config:7")
    error = refused(settings(host, files=[on_a_security_key(tmp_path / "id_ed25519_sk")]))
    assert (error.code, error.values["where"]) == ("ssh.needs-openssh", f"{tmp_path}/id_ed25519_sk")


def on_a_security_key(path: Path) -> Path:
    """A file as ssh-keygen writes it for a key that is on a token."""
    public = paramiko.Message()
    public.add_string("sk-ssh-ed25519@openssh.com")
    public.add_string(bytes(32))
    public.add_string("ssh:")
    whole = paramiko.Message()
    for text in ("none", "none", ""):
        whole.add_string(text)
    whole.add_int(1)
    whole.add_string(public.asbytes())
    whole.add_string(bytes(64))
    text = base64.encodebytes(b"openssh-key-v1\0" + whole.asbytes()).decode()
    path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n")
    path.chmod(0o600)
    return path


def test_a_host_that_does_not_answer_is_left_at_the_deadline(host: Host, keys: Path) -> None:
    wanted = settings(host, files=[keys / "ed25519"], timeout_s=0.3)
    with line(dataclasses.replace(wanted, timeout_s=30.0)) as transport:
        pids = host.run("pgrep", "-f", r"sshd: .*\[(net|priv|preauth)\]|sshd: \[accepted\]", check=False).stdout.split()
        host.run("kill", "-STOP", *pids)
        try:
            with pytest.raises(NotConnected) as caught:
                Logins().authenticate(transport, wanted, Credentials(), time.monotonic() + wanted.timeout_s)
        finally:
            host.run("kill", "-CONT", *pids)
    assert caught.value.code == "login.slow"
