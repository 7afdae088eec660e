"""Runs a function of the agent in the service's own Python, as the service's user.

Torch and transformers live there. Nothing is written on the host but caches in a private folder that
goes away, and nothing is left running: the process leads a group that ends with the call, or with
this process, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from typing import Any, Iterator, Mapping

from .. import memory
from ..context import Context
from . import entry
from .conversation import Conversation
from .launch import clean, run
from .surroundings import Identity, environment, for_a_probe, identity, interpreter, make_scratch

_AGENT = (__package__ or "").rpartition(".")[0]
_ABANDON_AFTER_S = 5.0

_ENTER = (
    "import sys;sys.path[:]=[p for p in sys.path if p]\n"
    "if sys.version_info<(3,8):sys.exit('Python %d.%d is too old: 3.8 is the oldest'%sys.version_info[:2])\n"
    "import json,importlib;w=json.loads(sys.stdin.buffer.read());g={'__name__':'memory'}\n"
    "exec(w['importer'],g);g['install'](w['sources']);importlib.import_module(w['entry']).main(w)"
)


def call(
    ctx: Context,
    module: str,
    function: str,
    arguments: dict[str, Any],
    *,
    timeout_s: float,
    no_progress_s: float = 60.0,
) -> dict[str, Any]:
    """``autoglm_fix.agent.<module>:<function>(emit, **arguments)`` there; its JSON-able result.

    What it emits goes to ``ctx.emit``; ``{"event": "started", "pid": N}`` comes first, ``alive`` while it
    works in silence. Progress is an event, output, bytes read, memory or processor time: none for
    ``no_progress_s`` ends it, as does ``timeout_s``. Raises NoAnswer, or a CannotTell that was raised
    there. In a container it is the container's engine that starts it.
    """
    request = request_for(module, function, arguments)
    if ctx.view.container is not None:
        from .in_container import call_inside

        return call_inside(ctx, request, timeout_s, no_progress_s)
    python = interpreter(ctx)
    service = ctx.service
    who = identity(service, python)
    if service.user and service.user.partition(":")[0] not in (who.name, str(who.uid)):
        ctx.log(f"{python} runs as {who.name}, not as the service's user {service.user}")
    variables = environment(service, who.home, who.name)
    with _scratch(who) as (folder, told):
        process = _Process(ctx, python, who, for_a_probe(variables, folder), request)
        try:
            os.write(told, b"%d\n" % process.pid)
            return Conversation(ctx, python, process).answer(timeout_s, no_progress_s)
        finally:
            process.end(ctx)


def request_for(module: str, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What is sent to the service's Python: the function with its module, and all that these import."""
    name = f"{_AGENT}.{module}"
    sources = _sources(memory.__name__, name, entry.__name__)
    return {
        "importer": sources[memory.__name__],
        "sources": sources,
        "entry": entry.__name__,
        "module": name,
        "function": function,
        "arguments": arguments,
    }


def _sources(*names: str) -> dict[str, str]:
    """The sources of these modules and of what they import: of an agent from memory, all that it has."""
    for finder in sys.meta_path:
        if isinstance(finder, memory.MemoryImporter) and memory.__name__ in finder.sources:
            return finder.sources
    from ..sources import with_imports

    return with_imports(*names)


@contextlib.contextmanager
def _scratch(who: Identity) -> Iterator[tuple[str, int]]:
    """A private folder of ``who``, and a pipe to the process that removes it when the pipe ends."""
    import tempfile

    source, told = os.pipe()
    folder = tempfile.mkdtemp(prefix="autoglm-fix-")
    cleaner = os.fork()
    if cleaner == 0:
        clean(source, folder)
    os.close(source)
    try:
        make_scratch(folder, who)
        yield folder, told
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(told, b"0\n")
        os.close(told)
        os.waitpid(cleaner, 0)


class _Process:
    """The process, as a child of the agent."""

    def __init__(
        self, ctx: Context, python: str, who: Identity, variables: dict[str, str], request: dict[str, Any]
    ) -> None:
        self._answers, answers = os.pipe()
        self._output, output = os.pipe()
        # Through memory: variables may be secrets, and no argument list or file must show them.
        stdin = os.memfd_create("autoglm-fix")
        with os.fdopen(os.dup(stdin), "wb") as out:
            out.write(json.dumps({**request, "answers": answers}).encode())
        os.lseek(stdin, 0, os.SEEK_SET)
        self.pid = os.fork()
        if self.pid == 0:
            folder = ctx.service.working_dir or os.getcwd()
            run(who, folder, [python, "-B", "-c", _ENTER], variables, stdin, output, answers)
        for each in (stdin, answers, output):
            os.close(each)
        ctx.emit({"event": "started", "pid": self.pid})

    def end(self, ctx: Context) -> None:
        """End whatever is left of the group. A process that even SIGKILL cannot end is abandoned."""
        for end in (os.killpg, os.kill):  # it may not lead its group yet
            with contextlib.suppress(ProcessLookupError):
                end(self.pid, signal.SIGKILL)
        given_up = time.monotonic() + _ABANDON_AFTER_S
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > given_up:
                ctx.log(f"process {self.pid} hangs in the kernel and was left behind")
                break
            time.sleep(0.001)
        os.close(self._answers)
        os.close(self._output)

    def sources(self) -> list[int]:
        """Two pipes."""
        return [self._answers, self._output]

    def receive(self, source: int) -> Mapping[str, bytes] | None:
        """What a pipe holds now."""
        data = os.read(source, 1 << 16)
        return {"answers" if source == self._answers else "output": data} if data else None

    def ended(self) -> bool:
        """Whether it is over; not reaped before the group is ended, so that its number stays ours."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def ending(self) -> tuple[int, int]:
        """How it ended."""
        status = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        if status is None or status.si_code == os.CLD_EXITED:
            return status.si_status if status else 0, 0
        return 0, status.si_status
