"""Executable inventories: programs that print groups as JSON for ``--list``, and variables for ``--host``."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from autoglm_fix.authored.problems import Position, quotable, quoted
from autoglm_fix.authored.yaml_source import Value

from .draft import Draft
from .json_groups import read_json_groups, variables_of
from .plain_values import DEEPEST, too_deep

PATIENCE_S = 180.0
_LARGEST = 256 * 1024 * 1024
_CHUNK = 1 << 16
# What it may still have to say after it has ended, while a process of its own holds its output open.
_AFTERWARDS_S = 0.5
_TAIL_LINES, _TAIL_SIZE = 5, 400


class NotAProgram(Exception):
    """The file may be executed, but the system knows no way to: it is an inventory to be read."""


class _Failed(Exception):
    """A program that gave no answer; the message is a problem's, ``said`` what it wrote on stderr."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


def read_script(path: Path, draft: Draft, patience_s: float = PATIENCE_S) -> None:
    """Run an executable inventory and add its groups and hosts to the draft. Raises NotAProgram.

    All that it does has to be done within ``patience_s``; it is ended then, with whatever it started.
    """
    at = Position(str(path))
    latest = time.monotonic() + patience_s
    try:
        listed = _ask(path, ["--list"], latest)
        hosts, told = read_json_groups(listed, at, draft)
        if told is None:
            told = {host: _ask(path, ["--host", host], latest) for host in hosts}
    except _Failed as err:
        tail = [line.strip() for line in err.said.splitlines() if line.strip()][-_TAIL_LINES:]
        hint = f"It said: {quotable(' / '.join(tail))[-_TAIL_SIZE:]}" if tail else ""
        draft.problems.append(at.problem(str(err), hint))
        return
    for host in hosts:
        draft.hosts[host].variables.update(variables_of(told.get(host), host, at, draft))


def _ask(path: Path, options: Sequence[str], latest: float) -> Value:
    """What the program prints for these options. Raises _Failed and NotAProgram."""
    code, output, said = _run([os.path.abspath(path), *options], latest)
    shown = " ".join(options)
    if code != 0:
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise _Failed(f"this program ended with {how} when asked for {quoted(shown)}", said)
    if options[0] == "--host" and not output.strip():
        return {}
    what = f"what this program prints for {quoted(shown)}"
    try:
        value: Value = json.loads(output)
    except (ValueError, RecursionError) as err:
        raise _Failed(f"{what} is not JSON: {err}", said) from err
    if too_deep(value):
        raise _Failed(f"{what} is nested more than {DEEPEST} levels deep", said)
    return value


def _run(argv: Sequence[str], latest: float) -> tuple[int, bytes, str]:
    """The exit code, output and error output of a program that reads nothing. Raises _Failed and NotAProgram."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as err:
        if err.errno == errno.ENOEXEC:
            raise NotAProgram from err
        raise _Failed(f"this program cannot be started: {err.strerror}") from err
    ended = False
    try:
        output, said = _heard(process, latest)
        ended = process.poll() is not None
        return process.wait(max(0.1, latest - time.monotonic())), output, said
    except subprocess.TimeoutExpired as err:
        raise _Failed("this program gave no answer in time") from err
    finally:
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _heard(process: subprocess.Popen[bytes], latest: float) -> tuple[bytes, str]:
    """All that is said until both outputs end, or, of a program that has ended, until nothing more comes."""
    heard: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                selector.register(pipe.fileno(), selectors.EVENT_READ)
                heard[pipe.fileno()] = bytearray()
        output, errors = heard.values()
        while selector.get_map():
            left = latest - time.monotonic()
            ready = selector.select(min(_AFTERWARDS_S, max(left, 0.0)))
            if not ready and process.poll() is not None:
                break
            if left <= 0:
                raise _Failed("this program gave no answer in time", errors.decode("utf-8", "replace"))
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                heard[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
                if len(heard[key.fd]) > _LARGEST:
                    raise _Failed(f"this program prints more than {_LARGEST // 1024 // 1024} MiB")
    return bytes(output), errors.decode("utf-8", "replace")
