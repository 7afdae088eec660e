"""Each phase of connecting has its own deadline and its own sentence, and only what may pass is tried again."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_fix.connect import NotConnected
from autoglm_fix.connect.route import Credentials, Route
from autoglm_fix.connect.ssh.dial import Interrupted
from autoglm_fix.connect.ssh.settings import KEEPALIVE_S
from autoglm_fix.connect.ssh.wire import SocketEnds
from autoglm_fix.locale import Catalogue
from tests.connect.ssh.faults import Proxy, listening, proxy, saying
from tests.connect.ssh.lab import heard, held, held_again, known, link, links, route
from tests.hosts import Host, boot

# For what never comes. What has to come first may take its time.
SHORT_S = 0.5
ENOUGH_S = 1.8
LONG_S = 30.0


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("hosts") / "gpu01", systemd=False) as host:
        host.write("/root/.bashrc", "")
        yield host


@pytest.fixture(scope="module")
def known_hosts(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return known(tmp_path_factory.mktemp("ssh"), host)


@pytest.fixture
def between(host: Host) -> Iterator[Proxy]:
    with proxy(host.address, 22) as between:
        yield between


def failure(to: Route) -> NotConnected:
    """Why there is no connection."""
    with pytest.raises(NotConnected) as caught, link(to):
        pass
    for language in ("en", "zh"):
        assert Catalogue(language).part(caught.value.code, "summary", caught.value.values)
    return caught.value


def said(error: NotConnected) -> str:
    return Catalogue("en").part(error.code, "summary", error.values)


@pytest.mark.parametrize(
    ("words", "then_close", "timeout_s", "sentence"),
    [
        (b"", False, SHORT_S, "no SSH banner in 0.5 s"),
        (b"SSH-2.0-lab\r\n", False, ENOUGH_S, "the key exchange was not done in 1.8 s"),
        (b"220 mail ESMTP\r\n", True, LONG_S, 'what answers on port {port} is no SSH server: it said "220 mail ESMTP"'),
        (b"\x00\xff\x1b[31m\r\n", True, LONG_S, "what answers on port {port} is no SSH server"),
        (b"", True, LONG_S, "the connection was dropped before an SSH banner"),
        (
            b"Exceeded MaxStartups\r\n",
            True,
            LONG_S,
            "the connection was dropped before an SSH banner: it said 'Exceeded",
        ),
        (
            b"SSH-1.5-old\r\n",
            False,
            LONG_S,
            "no encryption that both sides know: Incompatible version (1.5 instead of",
        ),
        (
            b"SSH-2.0-lab\r\n" + b"\x00\x00\x00\x0c\x0a\x63" + b"z" * 10,
            True,
            LONG_S,
            "the key exchange failed: Expecting packet",
        ),
    ],
)
def test_whatever_answers_there_is_one_sentence(
    host: Host, known_hosts: Path, words: bytes, then_close: bool, timeout_s: float, sentence: str
) -> None:
    with saying(words, then_close) as port:
        error = failure(route(host, known_hosts, port, timeout_s))
        assert said(error).startswith(sentence.format(port=port))
    assert not error.refused


def test_a_port_that_nobody_listens_on_refuses(host: Host, known_hosts: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert said(failure(route(host, known_hosts, port))) == f"port {port} of 127.0.0.1 refuses connections"


def test_an_address_where_nothing_answers_has_its_deadline(host: Host, known_hosts: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.create_connection(server.getsockname()):
        # Its queue is full now: the kernel drops who knocks.
        port = server.getsockname()[1]
        error = failure(route(host, known_hosts, port, SHORT_S))
    assert said(error) == f"nothing answers on port {port} of 127.0.0.1 in 0.5 s"


def test_a_name_that_there_is_not_is_said(host: Host, known_hosts: Path) -> None:
    error = failure(replace(route(host, known_hosts), address="gpu01.invalid"))
    assert said(error).startswith("the name gpu01.invalid cannot be looked up")


def test_a_proxy_command_that_fails_is_quoted(host: Host, known_hosts: Path) -> None:
    error = failure(route(host, known_hosts, proxycommand="echo no such bastion >&2; exit 1"))
    assert said(error) == "the connection was dropped before an SSH banner: its ProxyCommand ended"
    assert error.tail == ("no such bastion",)


def test_a_proxy_command_that_hangs_is_ended_at_the_deadline(host: Host, known_hosts: Path) -> None:
    error = failure(route(host, known_hosts, timeout_s=SHORT_S, proxycommand="sh -c 'sleep 1000; true'"))
    assert error.code == "link.no-banner"


def test_a_connection_that_is_dropped_is_tried_again(host: Host, known_hosts: Path, between: Proxy) -> None:
    between.refuse = 2
    with link(route(host, known_hosts, between.port)) as one:
        assert heard(one.execute("echo here"))[0] == b"here\n"
    assert between.accepted == 3


def test_three_times_is_enough(host: Host, known_hosts: Path, between: Proxy) -> None:
    between.refuse = 100
    assert failure(route(host, known_hosts, between.port)).code == "link.no-greeting"
    assert between.accepted == 3


def test_what_is_dropped_in_the_key_exchange_is_tried_again(host: Host, known_hosts: Path, between: Proxy) -> None:
    between.cut_after = 300
    assert failure(route(host, known_hosts, between.port)).code == "link.dropped"
    assert between.accepted == 3


def test_what_does_not_speak_is_not_asked_again_after_its_deadline(host: Host, known_hosts: Path) -> None:
    with proxy(host.address, 22) as between:
        between.frozen.set()
        assert failure(route(host, known_hosts, between.port, SHORT_S)).code == "link.no-banner"
        while not between.accepted:
            time.sleep(0.01)
        assert between.accepted == 1


def test_a_slow_link_is_slow_and_works(host: Host, known_hosts: Path, between: Proxy) -> None:
    between.per_s = 20_000
    with link(route(host, known_hosts, between.port)) as one:
        assert heard(one.execute("head -c 5000 /dev/zero"))[0] == bytes(5000)


def test_a_stopped_run_waits_for_nothing(host: Host, known_hosts: Path) -> None:
    stop = threading.Event()
    with saying(b"") as port, links(stop) as made:
        timer = threading.Timer(0.1, stop.set)
        timer.start()
        with pytest.raises(NotConnected) as caught:
            made.link("gpu01", route(host, known_hosts, port, timeout_s=60), Credentials())
        timer.join()
    assert caught.value.code == "connect.stopped"


def test_at_most_eight_handshakes_are_in_flight_to_one_sshd(host: Host, known_hosts: Path) -> None:
    stop = threading.Event()
    taken: list[socket.socket] = []
    with listening(taken.append) as port, links(stop) as made:

        def connect() -> None:
            with pytest.raises(NotConnected):
                made.link("gpu01", route(host, known_hosts, port, timeout_s=60), Credentials())

        threads = [threading.Thread(target=connect) for _ in range(20)]
        for thread in threads:
            thread.start()
        while len(taken) < 8:
            time.sleep(0.01)
        time.sleep(0.2)
        assert len(taken) == 8
        stop.set()
        for thread in threads:
            thread.join()
    for each in taken:
        each.close()


def test_thirty_hosts_on_one_sshd_all_get_in(host: Host, known_hosts: Path, between: Proxy) -> None:
    to = route(host, known_hosts, between.port)
    came: list[bytes] = []
    with links() as made:

        def connect() -> None:
            one = made.link("gpu01", to, Credentials())
            came.append(heard(one.execute("echo here"))[0])
            one.close()

        threads = [threading.Thread(target=connect) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert came == [b"here\n"] * 30


def test_failures_leave_no_thread_no_file_and_no_process(host: Host, known_hosts: Path) -> None:
    before = held()
    for words, then_close in ((b"", True), (b"SSH-2.0-lab\r\n", True), (b"", False), (b"SSH-2.0-lab\r\n", False)):
        with saying(words, then_close) as port:
            failure(route(host, known_hosts, port, 0.1))
    failure(route(host, known_hosts, timeout_s=0.1, proxycommand="sleep 1000"))
    assert held_again(before) == before


@pytest.mark.parametrize("how", ["frozen", "stopped"])
@pytest.mark.slow
def test_a_frozen_connection_ends_after_three_questions_without_an_answer(
    host: Host, known_hosts: Path, between: Proxy, how: str
) -> None:
    to = route(host, known_hosts, between.port, serveraliveinterval="2", serveralivecountmax="3")
    with link(to) as one:
        stream = one.execute("echo $PPID; exec sleep 1000")
        sshd = stream.read(60).decode().strip()
        for _ in range(2):  # while it answers, it goes on
            assert stream.read(1) == b""
        if how == "frozen":
            between.frozen.set()
        else:
            host.run("kill", "-STOP", sshd)
        _, end = heard(stream)
        assert str(end) == "it gave no sign of life for 6 s"
    if how == "stopped":
        host.run("kill", "-KILL", sshd)


@pytest.mark.slow
def test_a_write_into_a_frozen_connection_ends_too(host: Host, known_hosts: Path, between: Proxy) -> None:
    to = route(host, known_hosts, between.port, serveraliveinterval="2", serveralivecountmax="3")
    with link(to) as one:
        stream = one.execute("cat >/dev/null")
        stream.write(b"x")
        between.frozen.set()
        with pytest.raises(Exception, match="no sign of life"):
            stream.write(bytes(50_000_000))


def test_where_ssh_is_to_ask_no_questions_the_kernel_still_asks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        SocketEnds(near, 0.0, 3)
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE_S


def test_a_connection_that_breaks_off_ends_at_once(host: Host, known_hosts: Path, between: Proxy) -> None:
    with link(route(host, known_hosts, between.port)) as one:
        stream = one.execute("sleep 1000")
        between.cut.set()
        _, end = heard(stream)
    assert str(end) in ("the other end closed the connection", "connection reset by peer")


def test_ipv4_is_tried_beside_a_broken_ipv6(host: Host, known_hosts: Path, between: Proxy) -> None:
    # localhost is ::1 first, where nobody listens.
    to = replace(route(host, known_hosts, between.port), address="localhost")
    with link(to) as one:
        assert heard(one.execute("echo here"))[0] == b"here\n"


@contextlib.contextmanager
def stopped_soon(stop: threading.Event) -> Iterator[None]:
    """The run is stopped while what is inside waits: long before the 60 s that it would have."""
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    yield
    timer.join()


def test_a_stopped_run_gives_up_who_is_in_the_middle_of_the_login(host: Host, known_hosts: Path) -> None:
    settings = ("AuthorizedKeysFile=none", "AuthorizedKeysCommand=/bin/sleep 1000", "AuthorizedKeysCommandUser=root")
    host.run("/usr/sbin/sshd", "-p", "2201", "-o", "PidFile=/run/stalls.pid", *(f"-o{each}" for each in settings))
    to = replace(route(host, known_hosts, timeout_s=60), port=2201)
    before, stop = held(), threading.Event()
    with links(stop) as made, stopped_soon(stop), pytest.raises(NotConnected) as caught:
        made.link("gpu01", to, Credentials())
    assert caught.value.code == "connect.stopped"
    assert held_again(before) == before
    host.run("sh", "-c", "kill $(cat /run/stalls.pid)")


@pytest.mark.parametrize("what", ["a session", "a tunnel"])
def test_a_stopped_run_gives_up_who_does_not_open_a_channel(
    host: Host, known_hosts: Path, between: Proxy, what: str
) -> None:
    before, stop = held(), threading.Event()
    with links(stop) as made:
        one = made.link("gpu01", route(host, known_hosts, between.port, timeout_s=60), Credentials())
        between.frozen.set()
        with stopped_soon(stop), pytest.raises((NotConnected, Interrupted)) as caught:
            one.execute("echo here") if what == "a session" else one.tunnel("127.0.0.1", 22, 60.0)
        one.close()
    assert isinstance(caught.value, Interrupted) or caught.value.code == "connect.stopped"
    between.cut.set()
    assert held_again(before)["threads"] <= before["threads"]
