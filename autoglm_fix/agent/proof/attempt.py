"""One stage of a proof: what it raises becomes evidence."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any, Callable

_MESSAGE_CHARS = 2000


class Attempt:
    """``with Attempt(emit, "load") as attempt``: then ``attempt.failure`` is None, or says what was raised.

    The libraries of a service raise what they like, ``Exception`` itself among it.
    """

    def __init__(self, emit: Callable[[dict[str, Any]], None], stage: str) -> None:
        self._emit = emit
        self._stage = stage
        self.failure: dict[str, Any] | None = None

    def __enter__(self) -> Attempt:
        self._emit({"event": "stage", "stage": self._stage})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, where: TracebackType | None
    ) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        lines = "".join(traceback.format_exception(kind, raised, where)).splitlines()
        self.failure = {
            "stage": self._stage,
            "type": kind.__name__,
            "bases": [base.__name__ for base in kind.__mro__[1:-2]],
            "message": str(raised)[:_MESSAGE_CHARS],
            "tail": lines[-20:],
        }
        return True
