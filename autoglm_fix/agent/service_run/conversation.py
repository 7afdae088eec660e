"""What a process of the service's Python says, until its result or its end."""

from __future__ import annotations

import collections
import json
import selectors
import signal
import time
from typing import TYPE_CHECKING, Any

from ..context import Context
from ..frames import MAX_FRAME
from ..no_answer import NoAnswer
from ..unknown import CannotTell
from ..usage import oom_kills, used_by_session

if TYPE_CHECKING:
    from .speaker import Speaker

_TAIL_LINES = 40
_LONGEST_LINE = 1 << 16  # progress bars write for hours without ending a line
_TICK_S = 0.5
_ALIVE_EVERY_S = 15.0


class Conversation:
    """Takes in events and the result; what else comes is kept as a tail for people."""

    def __init__(self, ctx: Context, python: str, speaker: Speaker) -> None:
        self._ctx = ctx
        self._python = python
        self._speaker = speaker
        self._tail: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        self._rest = {"answers": b"", "output": b""}
        self._messages: dict[str, Any] = {}
        self._kills = oom_kills()

    def answer(self, timeout_s: float, no_progress_s: float) -> dict[str, Any]:
        """Wait for the result. Raises NoAnswer."""
        now = time.monotonic()
        deadline, moved, told = now + timeout_s, now, now
        used: tuple[int, ...] = (0, 0, 0)
        with selectors.DefaultSelector() as ready:
            for source in self._speaker.sources():
                ready.register(source, selectors.EVENT_READ)
            while True:
                ended = self._speaker.ended()  # asked before reading: what it said last is not missed
                spoke = [self._read(key.fd, ready) for key, _ in ready.select(0 if ended else _TICK_S)]
                if "result" in self._messages or (ended and not any(spoke)):
                    return self._result()
                now = time.monotonic()
                before, used = used, used_by_session(self._speaker.pid)
                if any(spoke) or any(new > old for old, new in zip(before, used)):
                    moved = now
                if moved - told > _ALIVE_EVERY_S:
                    told = moved
                    self._ctx.emit({"event": "alive"})
                if now > deadline:
                    raise self._failed("timeout", f"gave no result within {timeout_s:g} s")
                if now > moved + no_progress_s:
                    raise self._failed("stalled", f"did nothing for {no_progress_s:g} s")

    def _read(self, source: int, ready: selectors.BaseSelector) -> bool:
        """Take in what is there now; whether it was something."""
        said = self._speaker.receive(source)
        if said is None:
            ready.unregister(source)
            return False
        for name, data in said.items():
            *lines, self._rest[name] = (self._rest[name] + data).split(b"\n")
            for line in lines:
                if name == "output":
                    self._tail.append(_readable(line))
                else:
                    self._take(line)
        self._rest["output"] = self._rest["output"][-_LONGEST_LINE:]
        if len(self._rest["answers"]) > MAX_FRAME:
            raise self._failed("exited", f"answered with more than {MAX_FRAME >> 20} MiB")
        return True

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            self._tail.append(_readable(line))
            raise self._failed("exited", "answered with something else than JSON") from None
        if "event" in message:
            self._ctx.emit(message["event"])
        else:
            self._messages.update(message)

    def _result(self) -> dict[str, Any]:
        messages = self._messages
        if "result" in messages:
            result: dict[str, Any] = messages["result"]
            return result
        if "launch" in messages:
            step, why = messages["launch"]
            raise NoAnswer("not-started", f"to run the service's Python we cannot {step}: {why}", [])
        if "error" in messages:
            kind, words = messages["error"]
            if kind == CannotTell.__name__:
                raise CannotTell(words)
            raise self._failed("raised", f"raised {kind}: {words}", error=kind)
        status, number = self._speaker.ending()
        if not number:
            if "hello" not in messages:
                raise self._failed("not-python", f"is no Python that can be used: it ended with exit status {status}")
            raise self._failed("exited", f"ended with exit status {status} and no result")
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        raise self._failed("killed", f"was ended by {name}", signal=name, out_of_memory=self._out_of_memory())

    def _out_of_memory(self) -> str:
        now = oom_kills()
        return " and ".join(place for place, count in now.items() if count > self._kills.get(place, count))

    def _failed(self, kind: str, how: str, **details: str) -> NoAnswer:
        rest = self._rest["output"]
        if details.get("out_of_memory"):
            how += f" (the kernel ran out of memory in {details['out_of_memory']})"
        elif details.get("signal") == "SIGKILL":
            how += " (no kill for want of memory was counted, so another process sent it)"
        failed = NoAnswer(kind, f"{self._python} {how}", [*self._tail, *([_readable(rest)] if rest else [])])
        for name, value in details.items():
            setattr(failed, name, value)
        return failed


def _readable(line: bytes) -> str:
    """A line of output; of a progress bar that overwrites itself, the last state."""
    return line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2][:500]
