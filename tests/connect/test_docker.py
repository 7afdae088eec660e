"""Containers as hosts: through the command lines of both engines, and over their sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autoglm_fix.connect import Agent, ChannelClosed, NotConnected, Request
from autoglm_fix.connect.channel import Execute
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.docker import in_container
from autoglm_fix.connect.docker_said import Mark, explain
from autoglm_fix.connect.route import Credentials, Route
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.hosts.containers import KINDS, Kind, engine

IMAGE = "lab/python:1"
WITH = ("summary", "advice")
ABSENT = "no-such-program"
LIBRARIES = ("-v", "/usr/lib:/usr/lib:ro", "-v", "/usr/lib64:/usr/lib64:ro")


# An engine, and the program that is asked for it; where there is none, its socket is spoken to.
WAYS: list[tuple[Kind, str]] = [
    *[("docker", "docker"), ("docker", ABSENT)],
    *[("podman", "docker"), ("podman", "podman"), ("podman", ABSENT)],
]


@dataclass(frozen=True)
class Lab:
    """An engine with containers in each state, where it listens, and the program that it is reached with."""

    kind: Kind
    host: str
    program: str = ""

    def route(self, container: str = "up") -> Route:
        return Route("docker", container, options={"host": self.host, "program": self.program}, timeout_s=20)


@contextlib.contextmanager
def started(kind: Kind, folder: Path) -> Iterator[Lab]:
    with engine(folder / "engine", kind=kind) as docker:
        docker.image(IMAGE)

        def start(name: str, *words: str) -> None:
            docker.docker("run", "-d", "--name", name, *words, IMAGE, "sleep", "10000")

        start("up", *docker.here)
        docker.docker("run", "--name", "ended", *docker.here, IMAGE, "true")
        sleep = ("-v", "/usr/bin/sleep:/usr/bin/sleep:ro", *LIBRARIES, "--network", "none")
        start("no-shell", *sleep)
        start("no-python", *sleep, "-v", "/bin/sh:/usr/bin/sh:ro")
        yield Lab(kind, docker.environment["DOCKER_HOST"])


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kind, Lab]]:
    with contextlib.ExitStack() as stack:
        yield {kind: stack.enter_context(started(kind, tmp_path_factory.mktemp(kind))) for kind in KINDS}


@pytest.fixture(params=[pytest.param(way, marks=pytest.mark.slow, id="-".join(way)) for way in WAYS])
def lab(request: pytest.FixtureRequest, labs: dict[Kind, Lab]) -> Lab:
    kind, program = request.param
    return replace(labs[kind], program=program)


def output(
    execute: Execute, command: str, *, given: bytes = b"", terminal: bool = False
) -> tuple[bytes, str, int | None]:
    """All that a command says on stdout and on stderr, and how it ends."""
    with contextlib.closing(execute(command, terminal=terminal)) as stream:
        said = b""
        stream.write(given)
        try:
            while True:
                said += stream.read(20)
        except ChannelClosed as end:
            return said, stream.said(), end.exit_code


def words(why: NotConnected) -> str:
    said = [Catalogue(language).part(why.code, part, why.values) for language in LANGUAGES for part in WITH]
    assert all(said), why.code
    return "\n".join(said)


def test_a_command_speaks_and_is_spoken_to(lab: Lab) -> None:
    command = "echo first; read word; echo got $word; echo beside >&2; exit 3"
    said = output(in_container(lab.route()), command, given=b"this\n")
    assert said == (b"first\ngot this\n", "beside\n", 3)


def test_a_terminal_is_one(lab: Lab) -> None:
    said, _, _ = output(in_container(lab.route()), "test -t 0 && test -t 1 && echo yes; exit 0", terminal=True)
    assert said == b"yes\r\n"


def test_a_user_of_the_container_is_one(lab: Lab) -> None:
    assert output(in_container(replace(lab.route(), user="1000")), "id -u")[0] == b"1000\n"


@pytest.mark.parametrize(
    ("container", "code", "refused"),
    [("ended", "not-running", False), ("gone", "no-container", False), ("no-shell", "no-shell", True)],
)
def test_a_container_that_starts_nothing_says_why(lab: Lab, container: str, code: str, refused: bool) -> None:
    with pytest.raises(NotConnected) as why:
        in_container(lab.route(container))("true")
    assert (why.value.code, why.value.refused) == (f"docker.{code}", refused)
    assert container in words(why.value)


def test_a_container_without_python_says_so(lab: Lab) -> None:
    with (
        Connections() as connections,
        contextlib.closing(connections.open("gpu01", lab.route("no-python"), Credentials())) as channel,
        pytest.raises(NotConnected, match=r"start\.no-python"),
    ):
        Agent(channel).ask(Request("hello"))


def test_an_unknown_user_is_named_where_the_engine_says_so(lab: Lab) -> None:
    with pytest.raises(NotConnected) as why:
        in_container(replace(lab.route(), user="nobody-of-that-name"))("true")
    # Docker's client keeps what podman answers it to itself.
    expected = "docker.failed" if (lab.kind, lab.program) == ("podman", "docker") else "docker.no-user"
    assert why.value.code == expected and words(why.value)


@pytest.mark.parametrize("how", ["docker", "podman", ABSENT])
def test_an_engine_that_is_not_there_is_said_to_be_missing(tmp_path: Path, how: str) -> None:
    route = Route("docker", "up", options={"host": f"unix://{tmp_path}/none", "program": how}, timeout_s=20)
    with pytest.raises(NotConnected) as why:
        in_container(route)("true")
    assert why.value.code == "docker.no-engine" and words(why.value)


def test_a_socket_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        route = Route("docker", "up", options={"host": f"unix://{tmp_path}/s", "program": ABSENT}, timeout_s=0.3)
        with pytest.raises(NotConnected, match=r"docker\.no-engine"):
            in_container(route)("true")


def test_a_stop_ends_the_waiting(tmp_path: Path) -> None:
    slow = tmp_path / "docker"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    stop = threading.Event()
    stop.set()
    with pytest.raises(NotConnected, match=r"connect\.stopped"):
        in_container(Route("docker", "up", options={"program": str(slow)}), stop)("true")
    with pytest.raises(NotConnected, match=r"docker\.timeout") as why:
        in_container(Route("docker", "up", options={"program": str(slow)}, timeout_s=0.2))("true")
    assert "0.2" in words(why.value)


@pytest.mark.parametrize("change", [{"address": "-it"}, {"address": ""}, {"address": "a/b"}, {"user": "-x"}])
def test_a_name_that_an_engine_would_take_for_something_else_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(NotConnected, match=r"docker\.bad-name") as why:
        in_container(replace(Route("docker", "up"), **change))
    words(why.value)


@pytest.mark.parametrize(
    ("options", "code"),
    [({"program": "/no/docker"}, "not-started"), ({"program": ABSENT, "host": "ssh://a"}, "no-program")],
)
def test_where_there_is_no_way_to_an_engine_it_says_so(options: dict[str, str], code: str) -> None:
    with pytest.raises(NotConnected, match=code) as why:
        in_container(Route("docker", "up", options=options))("true")
    words(why.value)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("permission denied while trying to connect to the Docker daemon socket at unix:///s", "docker.denied"),
        ("Got permission denied while trying to connect to the Docker daemon socket at unix:///s", "docker.denied"),
        ("Error response from daemon: Container x is paused, unpause the container before exec", "docker.paused"),
        ("Error response from daemon: Container x is restarting, wait until it is running", "docker.not-running"),
        ("error during connect: Get http://h:2375/: dial tcp: lookup h: no such host", "docker.no-engine"),
        ("something new", "docker.failed"),
    ],
)  # fmt: skip
def test_what_an_engine_says_has_our_words(said: str, code: str) -> None:
    why = explain(said, {"container": "x", "program": "docker", "code": 1, "user": ""})
    assert (why.code, why.tail) == (code, (said,))
    assert "{" not in words(why)


@pytest.mark.parametrize("cut", [1, 5, 20, 30, 100])
def test_the_mark_is_found_wherever_it_is_cut(cut: int) -> None:
    mark = Mark()
    said = b"warning\n" + mark.before("x").split(";")[0][len("echo ") : -len(" >&2")].encode() + b"\r\nrest\n"
    pieces = [said[at : at + cut] for at in range(0, len(said), cut)]
    assert (b"".join(map(mark.sift, pieces)), mark.early, mark.seen) == (b"rest\n", "warning\n", True)
