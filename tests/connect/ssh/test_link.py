"""One SSH connection: what runs on it is heard whole, ends with a reason, and leaves nothing behind."""

from __future__ import annotations

import gc
import shlex
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.connect import Agent, ChannelClosed
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Credentials, Route
from autoglm_fix.connect.ssh.link import Link
from tests.connect.ssh.lab import heard, held, held_again, hello, known, link, links, route
from tests.hosts import Host, boot

MEGABYTES = 6_000_000


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("hosts") / "gpu01", systemd=False) as host:
        host.write("/root/.bashrc", "")
        yield host


@pytest.fixture(scope="module")
def way(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Route:
    return route(host, known(tmp_path_factory.mktemp("ssh"), host))


@pytest.fixture(scope="module")
def one(way: Route) -> Iterator[Link]:
    with link(way) as one:
        yield one


def python(program: str) -> str:
    return shlex.join([sys.executable, "-Ic", program])


def test_an_agent_answers(way: Route) -> None:
    with Connections() as connections:
        agent = Agent(connections.open("gpu01", way, Credentials()))
        assert hello(agent) == "gpu01"
        agent.close()


def test_both_streams_are_heard_however_much_they_say(one: Link) -> None:
    said = f"import os; d = bytes({MEGABYTES}); os.write; [(os.write(2, d[n:n+999]), os.write(1, d[n:n+999])) "
    stream = one.execute(python(f"{said} for n in range(0, {MEGABYTES}, 999)]"))
    data, end = heard(stream)
    assert (len(data), end.exit_code) == (MEGABYTES, 0)
    assert len(stream.said()) == 8192


def test_one_stream_after_the_other_is_no_deadlock(one: Link) -> None:
    program = f"import sys; sys.stderr.write('e' * {MEGABYTES}); sys.stdout.write('o' * {MEGABYTES})"
    data, end = heard(one.execute(python(program)))
    assert (len(data), end.exit_code, end.tail[-1][-3:]) == (MEGABYTES, 0, "eee")


def test_a_command_that_echoes_what_is_still_being_sent_is_no_deadlock(one: Link) -> None:
    stream = one.execute("tee /dev/stderr")
    stream.write(b"x" * MEGABYTES)
    stream.hang_up()
    assert heard(stream)[0] == b"x" * MEGABYTES


@pytest.mark.parametrize(
    ("command", "reason", "code"),
    [
        ("echo one; exit 3", "it ended with exit code 3", 3),
        ("echo one; kill -9 $$", "it was ended by SIGKILL", -9),
        ("echo one; exec 1>&- 2>&-; exit 0", "it ended with exit code 0", 0),
        ("echo one; sleep 30 & kill -TERM $$", "it was ended by SIGTERM", -15),
    ],
)
def test_how_a_command_ended_is_known(one: Link, command: str, reason: str, code: int | None) -> None:
    data, end = heard(one.execute(f"exec sh -c {shlex.quote(command)}"))
    assert (data, str(end), end.exit_code) == (b"one\n", reason, code)


def test_its_last_words_are_the_tail_of_its_end(one: Link) -> None:
    stream = one.execute("seq 1 20 >&2; exit 1")
    assert heard(stream)[1].tail == tuple(map(str, range(11, 21)))


def test_a_read_comes_back_early_when_something_was_said_on_stderr(one: Link) -> None:
    stream = one.execute("echo Password: >&2; read answer; echo $answer")
    assert stream.read(30) == b""
    assert stream.said() == "Password:\n"
    stream.write(b"secret\n")
    assert heard(stream)[0] == b"secret\n"


def test_a_stream_that_nobody_closed_does_not_come_in_the_way_of_the_next(one: Link) -> None:
    """Garbage may be collected in the middle of anything, so that must not send anything of its own."""
    stream = one.execute("sleep 60")
    gone = weakref.ref(stream)
    del stream
    gc.collect()
    assert gone() is None
    assert [each.closed for each in one._channels][-1:] == [False]
    assert heard(one.execute("echo x"))[0] == b"x\n"


def test_what_is_written_at_once_arrives(one: Link) -> None:
    stream = one.execute("head -c 5; sleep 60")
    stream.write(b"hello")
    assert stream.read(10) == b"hello"
    stream.close()


def test_a_terminal_is_one(one: Link) -> None:
    stream = one.execute("tty; stty size", terminal=True)
    assert heard(stream)[0].splitlines()[-2:] == [b"/dev/pts/0", b"50 200"]


def test_a_stream_that_was_closed_says_so(one: Link) -> None:
    stream = one.execute("cat")
    stream.close()
    stream.close()
    for use in (lambda: stream.write(b"x"), lambda: stream.read(0)):
        with pytest.raises(ChannelClosed, match="closed"):
            use()


def test_a_large_frame_goes_both_ways(one: Link) -> None:
    stream = one.execute("cat")
    frame = bytes(range(256)) * 1024
    stream.write(frame)
    got = b""
    while len(got) < len(frame):
        got += stream.read(10)
    assert got == frame
    stream.close()


def test_a_connection_that_was_ended_ends_what_ran_on_it(way: Route) -> None:
    with link(way) as one:
        stream = one.execute("sleep 100")
        one.hang_up()
        _, end = heard(stream)
    assert (str(end), end.exit_code) == ("it was ended from here", None)


@pytest.mark.slow
def test_fifty_connections_leave_no_thread_no_file_and_no_process(way: Route, host: Host) -> None:
    with link(way):
        pass
    before = held()
    with links() as made:
        for _ in range(50):
            one = made.link("gpu01", way, Credentials())
            stream = one.execute("cat")
            stream.write(b"x")
            assert stream.read(10) == b"x"
            stream.close()
            one.close()
    assert held_again(before) == before
    host.run("sh", "-c", "while pgrep -x cat; do sleep 0.02; done")


def test_what_runs_on_many_connections_at_once_is_kept_apart(way: Route) -> None:
    answers: dict[int, bytes] = {}
    with links() as made:

        def ask(number: int) -> None:
            one = made.link("gpu01", way, Credentials())
            answers[number] = heard(one.execute(f"echo {number}"))[0]
            one.close()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {number: f"{number}\n".encode() for number in range(20)}


def test_a_proxy_command_is_a_way_too_and_ends_with_the_connection(host: Host, way: Route, tmp_path: Path) -> None:
    program = f"""
import os, socket, threading
far = socket.create_connection(("{host.address}", 22))
def out():
    while data := far.recv(9999): os.write(1, data)
threading.Thread(target=out, daemon=True).start()
while data := os.read(0, 9999): far.sendall(data)
"""
    command = shlex.join([sys.executable, "-c", f"exec({program!r})"])
    to = route(host, Path(way.options["userknownhostsfile"]), proxycommand=command)
    before = held()
    with link(to) as one:
        assert heard(one.execute("echo here"))[0] == b"here\n"
    assert held_again(before) == before
