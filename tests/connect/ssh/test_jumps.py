"""Hosts behind a jump host share the way there, and its failure is one failure."""

from __future__ import annotations

import contextlib
import re
import shlex
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autoglm_fix.connect import Agent, ChannelClosed, NotConnected
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Credentials, Route
from autoglm_fix.connect.ssh import jumps
from autoglm_fix.connect.ssh.link import Link
from autoglm_fix.connect.ssh.links import Links
from autoglm_fix.locale import Catalogue
from tests.connect.ssh.faults import Proxy, proxy
from tests.connect.ssh.lab import PYTHON, heard, held, held_again, hello, known, links
from tests.hosts import Host, boot

# The hosts behind the bastion: one more sshd on it, at as many addresses as are wanted.
BEHIND = """\
Port 2222
PidFile /run/behind.pid
MaxStartups 500
HostKey /etc/ssh/lab_host_key
PermitRootLogin prohibit-password
UsePAM no
"""
CONFIG = """\
Host *
  User root
  IdentityFile {key}
  IdentityAgent none
  IdentitiesOnly yes
  UserKnownHostsFile {known}
  HostKeyAlias bastion
Host bastion
  HostName 127.0.0.1
  Port {port}
Host 127.0.1.* 127.0.2.* second
  Port 2222
  ProxyJump bastion
Host second
  HostName 127.0.0.2
Host 127.0.3.*
  Port 2222
  ProxyJump second
Host 127.0.4.*
  ProxyJump bastion
"""


@pytest.fixture(scope="module")
def bastion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("hosts") / "bastion", systemd=False, name="bastion") as host:
        host.write("/root/.bashrc", "")
        host.write("/etc/ssh/behind", BEHIND)
        host.run("/usr/sbin/sshd", "-f", "/etc/ssh/behind")
        yield host


@dataclass
class Way:
    """The way to hosts behind the bastion, with a proxy before it."""

    between: Proxy
    config: Path

    def to(self, address: str, port: int | None = None, timeout_s: float = 30.0) -> Route:
        return Route("ssh", address, port, options={"configfile": str(self.config)}, timeout_s=timeout_s, python=PYTHON)


@pytest.fixture
def way(bastion: Host, tmp_path: Path) -> Iterator[Way]:
    with way_through(bastion, 22, tmp_path) as way:
        yield way


@contextlib.contextmanager
def way_through(bastion: Host, port: int, folder: Path) -> Iterator[Way]:
    """The way through the sshd on that port of the bastion."""
    with proxy(bastion.address, port) as between:
        config = folder / "config"
        config.write_text(CONFIG.format(key=bastion.key, known=known(folder, bastion), port=between.port))
        yield Way(between, config)


@contextlib.contextmanager
def another_sshd(bastion: Host, setting: str) -> Iterator[None]:
    """One more sshd on the bastion, on port 2300, with that setting."""
    pid_file = f"/run/{uuid.uuid4().hex}"
    bastion.run("/usr/sbin/sshd", "-o", setting, "-o", f"PidFile {pid_file}", "-p", "2300")
    yield
    bastion.run("sh", "-c", f"kill $(cat {pid_file}); while [ -e {pid_file} ]; do sleep 0.01; done")


@dataclass
class Outcome:
    """What became of connections that were opened side by side, by address."""

    links: dict[str, Link] = field(default_factory=dict)
    failures: dict[str, NotConnected] = field(default_factory=dict)


def side_by_side(made: Links, routes: list[Route], then: Callable[[Link], object] = lambda link: None) -> Outcome:
    outcome = Outcome()

    def connect(to: Route) -> None:
        try:
            link = made.link(to.address, to, Credentials())
            outcome.links[to.address] = link
            then(link)
        except NotConnected as err:
            outcome.failures[to.address] = err

    threads = [threading.Thread(target=connect, args=(to,)) for to in routes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


def end(outcome: Outcome) -> None:
    for link in outcome.links.values():
        link.close()


def test_forty_hosts_share_one_connection_to_the_bastion(way: Way) -> None:
    before = held()
    said: dict[int, str] = {}

    def ask(link: Link) -> None:
        address = link.settings.hostname
        said[int(address.split(".")[-1])] = heard(link.execute("echo $SSH_CONNECTION"))[0].split()[2].decode()
        link.close()

    with links() as made:
        outcome = side_by_side(made, [way.to(f"127.0.1.{n}") for n in range(1, 41)], ask)
    assert outcome.failures == {}
    assert said == {n: f"127.0.1.{n}" for n in range(1, 41)}
    assert way.between.accepted == 1
    assert held_again(before) == before


def test_an_agent_answers_from_behind_two_jump_hosts(way: Way) -> None:
    with Connections() as connections:
        for number in (1, 2):
            agent = Agent(connections.open("gpu", way.to(f"127.0.3.{number}"), Credentials()))
            assert hello(agent) == "bastion"
            agent.close()
    assert way.between.accepted == 1


def test_a_connection_carries_so_many_hosts_and_no_more(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jumps, "_HOSTS_EACH", 4)
    with links() as made:
        outcome = side_by_side(made, [way.to(f"127.0.1.{n}") for n in range(1, 11)])
        assert len(outcome.links) == 10
        assert way.between.accepted == 3
        # Who has left makes room.
        end(outcome)
        end(side_by_side(made, [way.to(f"127.0.2.{n}") for n in range(1, 11)]))
    assert way.between.accepted == 3


def test_large_output_comes_through_a_tunnel(way: Way) -> None:
    with links() as made:
        link = made.link("gpu", way.to("127.0.1.1"), Credentials())
        stream = link.execute("head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2")
        assert len(heard(stream)[0]) == 5_000_000
        sink = link.execute("wc -c")
        sink.write(bytes(5_000_000))
        sink.hang_up()
        assert heard(sink)[0] == b"5000000\n"
        link.close()


def test_a_bastion_that_cannot_be_passed_is_one_failure(way: Way) -> None:
    way.between.refuse = 1000
    with links() as made:
        outcome = side_by_side(made, [way.to(f"127.0.1.{n}") for n in range(1, 41)])
        tried = way.between.accepted
        later = side_by_side(made, [way.to("127.0.1.99")])
    failures = [*outcome.failures.values(), *later.failures.values()]
    assert {(err.code, err.behind, err.passing, err.refused) for err in failures} == {
        ("link.no-greeting", "bastion", False, False)
    }
    assert (len(failures), tried, way.between.accepted) == (41, 3, 3)


def test_a_bastion_with_too_many_logins_in_progress_is_asked_three_times_and_not_by_everybody(
    bastion: Host, tmp_path: Path
) -> None:
    routes = [f"127.0.1.{n}" for n in range(1, 41)]
    with another_sshd(bastion, "MaxStartups 1:100:1"), way_through(bastion, 2300, tmp_path) as way:
        with socket.create_connection((bastion.address, 2300)) as stranger, links() as made:
            assert stranger.recv(4) == b"SSH-"
            outcome = side_by_side(made, [way.to(address) for address in routes])
        assert {(err.code, err.behind) for err in outcome.failures.values()} == {("link.no-greeting", "bastion")}
        assert (len(outcome.failures), way.between.accepted) == (40, 3)
        with links() as made:
            outcome = side_by_side(made, [way.to(address) for address in routes])
            assert len(outcome.links) == 40
            end(outcome)


def test_a_bastion_with_another_key_is_never_passed(way: Way, tmp_path: Path) -> None:
    with links() as made:
        known_hosts = tmp_path / "known_hosts"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
        known_hosts.write_text(f"bastion {(tmp_path / 'other.pub').read_text()}")
        outcome = side_by_side(made, [way.to(f"127.0.1.{n}") for n in range(1, 5)])
    assert {(err.code, err.behind) for err in outcome.failures.values()} == {("host-key.changed", "bastion")}
    assert (len(outcome.failures), way.between.accepted) == (4, 1)


def test_a_bastion_that_is_lost_ends_those_behind_it_and_starts_no_further(way: Way) -> None:
    with links() as made:
        outcome = side_by_side(made, [way.to(f"127.0.1.{n}") for n in range(1, 5)])
        streams = [link.execute("exec sleep 1000") for link in outcome.links.values()]
        way.between.cut.set()
        for stream in streams:
            _, lost = heard(stream)
            assert str(lost).startswith("the jump host bastion was lost")
            assert isinstance(lost, ChannelClosed)
            assert lost.behind == "bastion"
        way.between.cut.clear()
        after = side_by_side(made, [way.to("127.0.1.50"), way.to("127.0.1.51")])
        assert {(err.code, err.behind) for err in after.failures.values()} == {("jump.lost", "bastion")}
        assert way.between.accepted == 1
        end(outcome)


def test_hosts_that_are_down_behind_a_bastion_are_so_each_for_itself(way: Way) -> None:
    with links() as made:
        outcome = side_by_side(made, [way.to(f"127.0.1.{n}", 2999 if n % 2 else 2222) for n in range(1, 31)])
        assert {err.code for err in outcome.failures.values()} == {"jump.no-way"}
        assert (len(outcome.failures), len(outcome.links)) == (15, 15)
        assert {err.behind for err in outcome.failures.values()} == {None}
        end(outcome)
    assert way.between.accepted == 1


@pytest.mark.parametrize(
    ("setting", "port", "code"),
    [
        ("AllowTcpForwarding no", 2222, "jump.forbidden"),
        ("PermitOpen 127.0.1.1:2222", 2999, "jump.forbidden"),
        ("PermitOpen any", 2999, "jump.no-way"),
    ],
)
def test_what_a_bastion_does_not_let_through_is_said(
    bastion: Host, tmp_path: Path, setting: str, port: int, code: str
) -> None:
    with (
        another_sshd(bastion, setting),
        way_through(bastion, 2300, tmp_path) as way,
        links() as made,
    ):
        err = side_by_side(made, [way.to("127.0.1.1", port)]).failures["127.0.1.1"]
    assert (err.code, err.behind) == (code, None)
    for language in ("en", "zh"):
        assert "bastion" in Catalogue(language).part(err.code, "summary", err.values)
        # The bastion is known to that file alone.
        assert f"`ssh -F {tmp_path}/" in Catalogue(language).part(err.code, "advice", err.values)


def test_the_advice_about_a_host_that_a_bastion_does_not_reach_can_be_pasted(way: Way) -> None:
    with links() as made:
        err = side_by_side(made, [way.to("127.0.1.1", 2999)]).failures["127.0.1.1"]
    (command,) = re.findall("`(.*?)`", Catalogue("en").part(err.code, "advice", err.values))
    words = shlex.split(command)
    assert words[-4:] == ["nc", "-vz", "127.0.1.1", "2999"]
    said = subprocess.run([*words[:-4], "echo", "$SSH_CONNECTION"], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.split()


@pytest.mark.slow
def test_hosts_that_accept_and_never_speak_do_not_hold_up_those_beside_them(bastion: Host, way: Way) -> None:
    program = "import socket, time; s = socket.create_server(('127.0.4.1', 2224), backlog=99); print(flush=True)"
    program += "; time.sleep(99)"
    with subprocess.Popen(bastion.command(sys.executable, "-c", program), stdout=subprocess.PIPE) as silent:
        assert silent.stdout and silent.stdout.readline()
        try:
            _dead_and_alive(way)
        finally:
            silent.kill()


def _dead_and_alive(way: Way) -> None:
    stop = threading.Event()
    with links(stop) as made:
        dead = [way.to("127.0.4.1", 2224, timeout_s=120.0)] * 16
        answered: list[bytes] = []
        order: list[str] = []

        def note(link: Link) -> None:
            answered.append(heard(link.execute("echo here"))[0])
            order.append("answered")
            link.close()

        def wait_for_the_dead() -> None:
            side_by_side(made, dead)
            order.append("given up")

        silence = threading.Thread(target=wait_for_the_dead)
        silence.start()
        side_by_side(made, [way.to(f"127.0.1.{n}") for n in range(1, 21)], note)
        stop.set()
        silence.join()
        assert answered == [b"here\n"] * 20
        assert order == [*["answered"] * 20, "given up"]
