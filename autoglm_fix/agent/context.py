"""What a collector, a change or a proof is given: the service, its view, a way to report progress."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Protocol, TypeVar

from .service import ServiceSpec
from .view import View

Emit = Callable[[Dict[str, Any]], None]

_PROGRESS_EVERY_S = 0.2


class Fact(Protocol):
    """The shape of a fact: a frozen dataclass with a class method ``collect``.

    ``collect(ctx, *, option=default, ...)`` reads the host and writes nothing. Its keyword-only
    parameters are filled from the step's options of the same name (``from_`` from ``from``).
    Fields hold JSON-able values, other such dataclasses, lists and dicts of them (never tuples as
    dict keys, never bytes). An attribute ``reads`` lists the host paths that it rests on: a pending
    change of one makes later steps provisional. It raises ``CannotTell`` where it cannot answer at all.
    """

    @classmethod
    def collect(cls, *args: Any, **options: Any) -> Any: ...


F = TypeVar("F", bound=Fact)


def _nobody(_event: dict[str, Any]) -> None:
    return None


@dataclass
class Context:
    """One request's surroundings on the host."""

    service: ServiceSpec = field(default_factory=ServiceSpec)
    view: View = field(default_factory=View)
    emit: Emit = _nobody
    _facts: dict[tuple[str, str], Any] = field(default_factory=dict)
    _last_progress: float = 0.0

    def fact(self, kind: type[F], **options: Any) -> F:
        """Another fact that this one builds on, collected once per request."""
        key = (kind.__name__, repr(sorted(options.items())))
        if key not in self._facts:
            self._facts[key] = kind.collect(self, **options)
        found: F = self._facts[key]
        return found

    def progress(self, what: str, done: int, total: int, unit: str = "bytes") -> None:
        """Say how far the work is; at most five times a second travels, the last one always.

        Anything that runs longer than a second calls this: no progress for 60 s ends a fetch.
        """
        now = time.monotonic()
        if done < total and now - self._last_progress < _PROGRESS_EVERY_S:
            return
        self._last_progress = now
        self.emit({"event": "progress", "what": what, "done": done, "total": total, "unit": unit})

    def log(self, line: str) -> None:
        """One line for the operator's eyes (shown live, kept in the run's log)."""
        self.emit({"event": "log", "line": line})
