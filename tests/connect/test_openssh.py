"""The system's own ssh: what it is told, what it says, and that it never gets a secret where others could read it."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.connect import ChannelClosed, NotConnected
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.openssh import OpenSsh, argv
from autoglm_fix.connect.openssh_said import Login, Phase, explain, fingerprint
from autoglm_fix.connect.route import Credentials, Route
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.connect.ssh.faults import listening
from tests.hosts import Host, boot

ROUTE = Route("openssh", "gpu01", user="root", timeout_s=10)
WITH = ("summary", "advice")
NEGOTIATE = "Unable to negotiate with ::1 port 22:"
OURS = "Connection closed by UNKNOWN port 65535\r\n"
DENIED = "root@g: Permission denied (publickey).\r\n"
PASSWORD = "correct horse $(battery) 'staple'"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("host"), systemd=False) as host:
        host.run("useradd", "-m", "-s", "/bin/bash", "ann")
        host.run("chpasswd", stdin=f"ann:{PASSWORD}\n")
        yield host


@pytest.fixture
def route(host: Host, tmp_path: Path) -> Route:
    known = tmp_path / "known_hosts"
    known.write_text(f"{host.address} {host.host_key}\n")
    # What the person who runs the tests has configured is not meant.
    options = {"userknownhostsfile": str(known), "configfile": "none", "globalknownhostsfile": "none"}
    return replace(ROUTE, address=host.address, key_file=str(host.key), options=options)


def output(route: Route, credentials: Credentials | None = None, command: str = "echo hi", **how: Any) -> bytes:
    """All that a command says on its stdout there."""
    with contextlib.closing(OpenSsh(route, credentials or Credentials(), **how)(command)) as stream:
        said = b""
        with contextlib.suppress(ChannelClosed):
            while True:
                said += stream.read(10)
    return said


def refused(route: Route, credentials: Credentials | None = None, **how: Any) -> NotConnected:
    """Why a command could not be started; each has its sentences."""
    with pytest.raises(NotConnected) as why:
        output(route, credentials, **how)
    words(why.value)
    return why.value


def words(why: NotConnected) -> str:
    said = [Catalogue(language).part(why.code, part, why.values) for language in LANGUAGES for part in WITH]
    assert all(said), why.code
    return "\n".join(said)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["-l", "root", "--", "gpu01", "true"]),
        ({"port": 2222, "key_file": "/k"}, ["-p", "2222", "-l", "root", "-i", "/k", "--", "gpu01", "true"]),
        ({"address": "[::1]", "user": ""}, ["--", "::1", "true"]),
    ],
)
def test_the_route_is_on_the_command_line(change: Mapping[str, Any], expected: list[str]) -> None:
    assert argv(replace(ROUTE, **change), "true")[-len(expected) :] == expected


def test_settings_of_the_inventory_outrank_ours_but_for_those_that_keep_it_safe() -> None:
    options = {"connecttimeout": "3", "batchmode": "no", "program": "ssh", "configfile": "/c"}
    line = argv(replace(ROUTE, options=options), "true", accept_new=True)
    assert line[:6] == ["ssh", "-F", "/c", "-e", "none", "-T"]
    settings = [word.lower() for option, word in itertools.pairwise(line) if option == "-o"]
    assert settings.index("connecttimeout=3") < settings.index("connecttimeout=10")
    assert settings.index("batchmode=yes") < settings.index("batchmode=no")
    assert {"forwardagent=no", "remotecommand=none", "stricthostkeychecking=accept-new"} < set(settings)
    assert not [setting for setting in settings if setting.startswith(("program", "configfile"))]


@pytest.mark.parametrize(
    "change", [{"address": "-oProxyCommand=reboot"}, {"user": "-x"}, {"address": ""}, {"user": "a\n"}]
)
def test_a_name_that_ssh_would_take_for_an_option_is_refused(change: Mapping[str, str]) -> None:
    assert refused(replace(ROUTE, **change)).code == "openssh.bad-name"


@pytest.mark.parametrize(
    ("pieces", "kept", "phase"),
    [
        ([b"debug1: Connecting to h port 22.\r\nnoise\n"], b"noise\n", Phase.CONNECT),
        ([b"debug1: Connection est", b"ablished.\r\n"], b"", Phase.BANNER),
        ([b"debug1: Remote protocol version 2.0\r\nWelcome\r\n"], b"Welcome\r\n", Phase.KEYS),
        ([b"[sudo] password for ann: "], b"[sudo] password for ann: ", Phase.CONNECT),
        (
            [b"de", b"bacle: ", b"debug1: is said in the middle\n"],
            b"debacle: debug1: is said in the middle\n",
            Phase.CONNECT,
        ),
        ([b'Authenticated to h ([::1]:22) using "publickey".\r\n', b"x"], b"x", Phase.OPEN),
        ([b"debug1: SSH2_MSG_NEWKEYS received\r\ndebug1: Connection established.\r\n"], b"", Phase.LOGIN),
    ],
)
def test_its_own_words_are_sifted_from_those_of_the_command(pieces: list[bytes], kept: bytes, phase: Phase) -> None:
    login = Login()
    assert (b"".join(map(login.sift, pieces)), login.phase) == (kept, phase)


@pytest.mark.parametrize(
    ("said", "code", "passing"),
    [
        ("ssh: Could not resolve hostname g: Name or service not known\r\n", "openssh.name-unknown", False),
        ("ssh: Could not resolve hostname g: Temporary failure in name resolution\r\n", "openssh.no-name-server", True),
        ("ssh: connect to host g port 22: No route to host\r\n", "openssh.no-route", False),
        ("ssh: connect to host g port 22: Connection timed out\r\n", "openssh.connect-timeout", False),
        ("ssh: connect to host g port 22: Operation timed out\r\n", "openssh.connect-timeout", False),
        ("Connection timed out during banner exchange\r\n", "openssh.banner-timeout", True),
        ("kex_exchange_identification: Connection closed by remote host\r\n", "openssh.dropped", True),
        ("ssh_exchange_identification: read: Connection reset by peer\r\n", "openssh.dropped", True),
        (f"{NEGOTIATE} no matching cipher found. Their offer: 3des-cbc\r\n", "openssh.no-common", False),
        ("Received disconnect from ::1: Too many authentication failures\r\n", "openssh.too-many-keys", False),
        (f"Permissions 0644 for '/k' are too open.\r\n{DENIED}", "openssh.key-too-open", False),
        (f'Load key "/k": invalid format\r\n{DENIED}', "openssh.key-unreadable", False),
        ("@       WARNING: REVOKED HOST KEY DETECTED!               @\r\n", "openssh.host-key-revoked", False),
        ("/c line 3: Bad configuration option: foo\r\n/c: terminating, 1 bad\r\n", "openssh.configuration", False),
        ("Bad owner or permissions on /home/ann/.ssh/config\r\n", "openssh.configuration", False),
        ("something new\r\n", "openssh.failed", False),
    ],
)  # fmt: skip
def test_what_it_says_has_our_words(said: str, code: str, passing: bool) -> None:
    why = explain(said, Login(), ROUTE, 255)
    assert (why.code, why.passing, why.behind) == (code, passing, None)
    assert why.tail[-1] == said.splitlines()[-1].rstrip()
    assert "{" not in words(why)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.OPEN])
def test_each_phase_that_takes_too_long_has_its_words(phase: Phase) -> None:
    login = Login()
    login.phase = phase
    why = explain("", login, ROUTE, None)
    assert why.code.endswith("-timeout") and "10" in words(why)


@pytest.mark.parametrize(
    ("said", "passing"),
    [
        ("kex_exchange_identification: closed\r\nConnection closed by 10.0.0.1 port 22\r\n", True),
        ("ann@bastion: Permission denied (publickey).\r\n", False),
    ],
)  # fmt: skip
def test_a_jump_host_that_drops_connections_may_take_the_next(said: str, passing: bool) -> None:
    login = Login()
    login.sift(b"debug1: Setting implicit ProxyCommand from ProxyJump: ssh -W '[%h]:%p' bastion\r\n")
    login.sift(b"debug1: Executing proxy command: exec ssh -W '[gpu01]:22' bastion\r\n")
    why = explain(f"{said}{OURS}", login, ROUTE, 255)
    assert (why.code, why.behind, why.passing) == ("openssh.jump", "bastion", passing)


def test_a_host_that_the_jump_host_does_not_reach_is_not_the_jump_hosts_failure() -> None:
    login = Login()
    login.sift(b"debug1: Setting implicit ProxyCommand from ProxyJump: ssh -W '[%h]:%p' bastion\r\n")
    login.sift(b"debug1: Executing proxy command: exec ssh -W '[gpu01]:22' bastion\r\n")
    said = "channel 0: open failed: connect failed: No route to host\r\nstdio forwarding failed\r\n"
    why = explain(said, login, ROUTE, 255)
    assert (why.code, why.behind, why.values["reason"]) == ("openssh.beyond-jump", None, "No route to host")
    assert "bastion" in words(why)


@pytest.mark.parametrize("text", ["", "gpu01 ssh-ed25519\n", "gpu01 ssh-ed25519 AAAA*\n", "\n"])
def test_a_known_key_that_cannot_be_read_has_no_fingerprint(tmp_path: Path, text: str) -> None:
    (tmp_path / "known_hosts").write_text(text)
    assert fingerprint(tmp_path / "known_hosts", 1) == "?"


def test_without_ssh_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(ROUTE).code == "openssh.missing"


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where connections are taken and nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.slow
def test_a_server_that_never_speaks_is_given_up_in_time(silent: int) -> None:
    here = replace(ROUTE, address="127.0.0.1", port=silent, timeout_s=3, options={"configfile": "none"})
    why = refused(here)
    assert (why.code, why.passing) == ("openssh.banner-timeout", True)


def test_a_connection_that_is_dropped_before_the_login_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[int] = []

        def drop() -> None:
            with contextlib.suppress(OSError):
                while True:
                    server.accept()[0].close()
                    taken.append(1)

        dropping = threading.Thread(target=drop)
        dropping.start()
        why = refused(replace(ROUTE, address="127.0.0.1", port=server.getsockname()[1], options={"configfile": "none"}))
        server.shutdown(socket.SHUT_RDWR)
        dropping.join()
    assert (why.code, len(taken)) == ("openssh.dropped", 3)


def test_a_stop_ends_the_waiting(silent: int) -> None:
    stop = threading.Event()
    here = replace(ROUTE, address="127.0.0.1", port=silent, timeout_s=60, options={"configfile": "none"})
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    with pytest.raises(NotConnected, match=r"connect\.stopped"):
        output(here, stop=stop)
    timer.join()


@pytest.mark.slow
def test_a_host_key_that_is_not_known_is_refused_and_shown(route: Route, host: Host) -> None:
    why = refused(replace(route, options={**route.options, "userknownhostsfile": "/dev/null"}))
    assert why.code == "openssh.host-key-unknown"
    assert why.values["shown"] == host.run("ssh-keygen", "-lf", "/etc/ssh/lab_host_key").stdout.split()[1]


@pytest.mark.slow
def test_a_host_key_that_was_never_seen_is_noted_where_that_is_wanted(route: Route, host: Host, tmp_path: Path) -> None:
    known = tmp_path / "new_known_hosts"
    new = replace(route, options={**route.options, "userknownhostsfile": str(known), "hashknownhosts": "no"})
    assert output(new, accept_new=True) == b"hi\n"
    assert host.host_key.split()[1] in known.read_text()


@pytest.mark.slow
def test_a_host_key_that_has_changed_is_refused_with_both_fingerprints(
    route: Route, host: Host, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    other = host.key.with_suffix(".pub").read_text().split()[1]
    known.write_text(f"# mine\n{host.address} ssh-ed25519 {other}\n")
    for accept_new in (False, True):
        why = refused(route, accept_new=accept_new)
        assert why.code == "openssh.host-key-changed"
        shown, was = (host.run("ssh-keygen", "-lf", "-", stdin=key).stdout.split()[1] for key in
                      (host.host_key, f"ssh-ed25519 {other}"))  # fmt: skip
        assert (why.values["shown"], why.values["known"]) == (shown, was)
        assert f'ssh-keygen -f "{known}" -R "{host.address}"' in words(why)


@pytest.mark.slow
def test_a_key_that_the_host_does_not_take_is_denied(route: Route, tmp_path: Path) -> None:
    why = refused(replace(route, user="nobody-of-that-name"))
    assert (why.code, why.refused) == ("openssh.denied", False)
    assert "publickey" in why.values["methods"]


@pytest.mark.slow
def test_a_port_where_nobody_listens_is_named(route: Route) -> None:
    why = refused(replace(route, port=2))
    assert (why.code, why.values["port"]) == ("openssh.refused", 2)


@pytest.mark.slow
def test_a_password_is_given_when_it_is_asked_for_and_lies_nowhere(route: Route, tmp_path: Path) -> None:
    # Says what it was called with, and is ssh.
    spy, seen = tmp_path / "spy", tmp_path / "seen"
    spy.write_text(f'#!/bin/sh\n{{ printf "%s\\n" "$@"; env; }} >{seen}\nexec ssh "$@"\n')
    spy.chmod(0o755)
    ann = replace(route, user="ann", key_file="", options={**route.options, "program": str(spy)})
    assert output(ann, Credentials(password=PASSWORD), "whoami") == b"ann\n"
    assert "SSH_ASKPASS=/proc/" in seen.read_text()
    for secret in ("correct horse", "staple"):
        assert secret not in seen.read_text()
    # What it asked is not what the command says.
    assert refused(ann, Credentials(password="wrong")).code == "openssh.denied"


@pytest.mark.slow
def test_the_passphrase_of_a_key_is_given_too(route: Route, host: Host, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(host.key.read_bytes())
    key.chmod(0o600)
    os.spawnlp(os.P_WAIT, "ssh-keygen", "ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(key))
    closed = replace(route, key_file=str(key), options={**route.options, "identitiesonly": "yes"})
    assert output(closed, Credentials(passphrase="open sesame")) == b"hi\n"
    assert refused(closed).code in ("openssh.denied", "openssh.key-unreadable")


JUMP = "Host jump\n HostName 127.0.0.1\n Port {port}\n"


@pytest.mark.parametrize(
    ("option", "config"),
    [
        ({"proxyjump": "root@jump"}, JUMP),
        ({}, JUMP + "Host gpu*\n ProxyJump root@jump\n"),
        ({}, JUMP + "Host gpu*\n ProxyCommand ssh -F {config} -W %h:%p root@jump\n"),
        ({}, JUMP + 'Match exec "test %n != jump"\n ProxyJump other@jump\n'),
    ],
)
def test_at_most_eight_log_in_to_one_jump_host_at_once(option: Mapping[str, str], config: str, tmp_path: Path) -> None:
    stop = threading.Event()
    taken: list[socket.socket] = []
    file = tmp_path / "config"
    with listening(taken.append) as port, Connections(stop=stop) as connections:
        file.write_text(config.format(port=port, config=file))

        def connect(number: int) -> None:
            to = replace(ROUTE, address=f"gpu{number:02d}", timeout_s=60, options={"configfile": str(file), **option})
            with pytest.raises(NotConnected, match=r"connect\.stopped"):
                connections.open(to.address, to, Credentials())

        threads = [threading.Thread(target=connect, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        while len(taken) < 8:
            time.sleep(0.01)
        time.sleep(0.5)
        count = len(taken)
        stop.set()
        for thread in threads:
            thread.join()
    for each in taken:
        each.close()
    assert count == 8


@pytest.fixture
def behind(route: Route, host: Host, tmp_path: Path) -> Route:
    """The way to the host through a jump host, which is the same one by another name."""
    config = tmp_path / "config"
    known = f"UserKnownHostsFile {route.options['userknownhostsfile']}"
    config.write_text(f"Host bastion\n HostName {host.address}\n IdentityFile {host.key}\nHost *\n {known}\n")
    return replace(route, options={**route.options, "configfile": str(config), "proxyjump": "root@bastion"})


@pytest.mark.slow
def test_a_jump_host_is_passed_with_a_key(behind: Route) -> None:
    assert output(behind) == b"hi\n"


@pytest.mark.slow
def test_a_jump_host_is_not_told_the_hosts_password(behind: Route) -> None:
    # The password that is ann's on both would open the jump host as well.
    options = {**behind.options, "proxyjump": "ann@bastion"}
    why = refused(replace(behind, user="ann", key_file="", options=options), Credentials(password=PASSWORD))
    assert (why.code, why.behind) == ("openssh.jump", "bastion")
    assert "Permission denied" in " ".join(why.tail)


@pytest.mark.slow
def test_a_host_that_the_jump_host_cannot_reach_is_named(behind: Route) -> None:
    why = refused(replace(behind, port=2))
    assert (why.code, why.behind) == ("openssh.beyond-jump", None)


@pytest.mark.slow
def test_a_master_of_the_users_own_is_used(route: Route, tmp_path: Path) -> None:
    path = tmp_path / "master"
    shared = {"controlmaster": "auto", "controlpath": str(path), "controlpersist": "60"}
    both = replace(route, options={**route.options, **shared})
    assert output(both) == b"hi\n" and path.exists()
    assert output(both, command="echo again; echo beside >&2") == b"again\n"
    os.spawnlp(os.P_WAIT, "ssh", "ssh", "-q", "-o", f"ControlPath={path}", "-O", "exit", "x")


@pytest.mark.slow
def test_a_command_on_a_terminal_has_one(route: Route) -> None:
    with contextlib.closing(OpenSsh(route, Credentials())("tty", terminal=True)) as stream:
        said = b""
        with contextlib.suppress(ChannelClosed):
            while True:
                said += stream.read(10)
    # What the login says there comes first.
    assert said.splitlines()[-1].startswith(b"/dev/pts/")
