"""What a collector, a change or a proof is given: the service, its view, a way to report progress."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Protocol, TypeVar

from .service import ServiceSpec
from .view import View

Emit = Callable[[Dict[str, Any]], None]

_PROGRESS_EVERY_S = 0.2


# For the controller.
class Fact(Protocol):
    """The shape of a fact: a frozen dataclass with a class method ``collect``.

    ``collect(ctx, *, option=default, ...)`` reads the host and writes nothing. Its keyword-only
    parameters are filled from the step's options of the same name (``from_`` from ``from``).
    Fields hold JSON-able values, other such dataclasses, lists and dicts of them (never tuples as
    dict keys, never bytes). An attribute ``reads`` lists the host paths that it rests on: a pending
    change of one makes later steps provisional. One that is ``slow`` (a class attribute, True) is begun first; one that
    is ``of_host`` (likewise) reads nothing of the service.
    It raises ``CannotTell`` where it cannot answer at all.
    """

    @classmethod
    def collect(cls, *args: Any, **options: Any) -> Any: ...


F = TypeVar("F", bound="Fact")


def _nobody(_event: dict[str, Any]) -> None:
    return None


class Context:
    """One request's surroundings on the host. ``declared`` is the service as the inventory has it.

    ``parcels`` is the folder of the files that were sent or fetched for this run.
    """

    def __init__(self, service: ServiceSpec | None = None, view: View | None = None, emit: Emit = _nobody) -> None:
        self.declared = service or ServiceSpec()
        self.emit = emit
        self._given = view or View()
        self._view: View | None = None
        self.parcels = ""
        self._service: ServiceSpec | None = None
        self._facts: dict[tuple[str, str], Any] = {}
        self._last_progress = 0.0

    @property
    def service(self) -> ServiceSpec:
        """The service; what the inventory leaves open is as its definition says (user, folder, environment, ...)."""
        if self._service is None:
            self._service = self.declared
            if self.declared.manager != "none":
                from .definition.completion import completed

                self._service = completed(self, self.declared)
        return self._service

    @property
    def view(self) -> View:
        """What the service sees: the host's files, or those of its container."""
        if self._view is None:
            self._view = self._given
            if self.service.container or self.service.compose:
                from .definition.containers import container_view

                self._view = container_view(self, self.service, self._given)
        return self._view

    def like(self, emit: Emit | None = None, view: View | None = None, service: ServiceSpec | None = None) -> Context:
        """The same, with another listener, another view, or another service (completed)."""
        other = Context(self.declared, self._given, emit or self.emit)
        other._view, other._service, other.parcels = view or self._view, service or self._service, self.parcels
        return other

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
