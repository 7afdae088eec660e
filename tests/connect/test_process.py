"""A child process as a stream: nobody waits for ever, and nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.connect import ChannelClosed
from autoglm_fix.connect import process as process_module
from autoglm_fix.connect.process import ProcessStream, ending

MIB = 1 << 20


@contextlib.contextmanager
def started(*argv: str, terminal: bool = False) -> Iterator[ProcessStream]:
    with contextlib.closing(ProcessStream(argv, terminal=terminal)) as stream:
        yield stream


def heard(stream: ProcessStream, size: int | None = None) -> bytes:
    """What it says, to its end or up to so much."""
    said = bytearray()
    with contextlib.suppress(ChannelClosed):
        while size is None or len(said) < size:
            said += stream.read(10)
    return bytes(said)


def test_a_process_that_answers_while_it_is_being_sent_to_is_no_deadlock() -> None:
    content = os.urandom(12 * MIB)
    with started("sh", "-c", "tee /dev/stderr") as stream:
        stream.write(content)
        stream.hang_up()
        assert heard(stream) == content
        assert len(stream.said().encode()) >= 8192 - 4


def test_a_process_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_SILENCE_S", 0.2)
    with started("sleep", "600") as stream:
        monkeypatch.setattr(process_module, "_GRACE_S", 0.1)
        with pytest.raises(ChannelClosed, match="nothing was taken for"):
            stream.write(bytes(MIB))


@pytest.mark.parametrize(
    ("script", "said", "code"),
    [
        ("echo last words >&2; exit 3", "the process ended with exit code 3", 3),
        ("echo last words >&2; kill -9 $$", "the process was ended by SIGKILL", -9),
        ("echo last words >&2; sh -c 'kill -9 $$'; exit $?", "the process was ended by SIGKILL", 137),
    ],
)
def test_its_end_is_told_with_its_last_words(script: str, said: str, code: int) -> None:
    with started("sh", "-c", script) as stream:
        for _ in range(2):
            with pytest.raises(ChannelClosed) as end:
                while True:
                    stream.read(10)
            assert (str(end.value), end.value.exit_code) == (said, code)
            assert "last words" in end.value.tail
        with pytest.raises(ChannelClosed, match=said):
            stream.write(b"more")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "ended with exit code 0"),
        (200, "ended with exit code 200"),
        (-15, "was ended by SIGTERM"),
        (None, "closed its channel"),
    ],
)
def test_how_an_end_is_called(code: int | None, said: str) -> None:
    assert ending("it", code) == f"it {said}"


def test_a_read_comes_back_empty_when_nothing_was_said_and_when_only_stderr_speaks() -> None:
    with started("sh", "-c", "read x; echo oops >&2; read x") as stream:
        assert stream.read(0.01) == b""
        stream.write(b"\n")
        while not stream.said():
            assert stream.read(10) == b""
        assert stream.said() == "oops\n"


def test_what_is_deaf_to_the_end_of_its_input_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_GRACE_S", 0.1)
    with started("sh", "-c", "echo $$; exec sleep 600") as stream:
        pid = int(heard(stream, 2))
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(ChannelClosed, match="is closed"):
        stream.read(0)
    with pytest.raises(ChannelClosed, match="is closed"):
        stream.write(b"x")


def test_an_end_is_seen_though_a_process_of_its_own_keeps_its_streams_open() -> None:
    with started("sh", "-c", "sleep 60 & echo $!; exec 1>&-; exit 5") as stream:
        below = int(heard(stream, 2))
        stream.close()
    os.kill(below, signal.SIGKILL)


def test_a_terminal_is_the_one_that_controls_the_session() -> None:
    script = "import os; t = open('/dev/tty'); print(os.ttyname(t.fileno()), os.isatty(2)); input()"
    with started(sys.executable, "-c", script, terminal=True) as stream:
        assert heard(stream, 12).split() == [b"/dev/tty", b"True"]
        stream.write(b"\n")
        with pytest.raises(ChannelClosed, match="exit code 0"):
            while True:
                stream.read(10)


def test_a_program_that_is_not_there_leaves_nothing_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for terminal in (False, True):
        with contextlib.suppress(FileNotFoundError), started("/no/such/program", terminal=terminal):
            pass
    assert len(os.listdir("/proc/self/fd")) == before
