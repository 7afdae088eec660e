"""What every host of a run shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Any

from .events import Listener
from .gates import Gates
from .results import StepResult
from .session import ParcelStore

Describe = Callable[[StepResult], Mapping[str, Any]]


@dataclass(frozen=True)
class Surroundings:
    """The run, and what is common to its hosts.

    ``describe`` turns a step's result into what later steps see as its registered result. A service that answers
    is not interrupted, unless ``even_if_working``. ``halted``: no host whose changes have not begun begins with them
    now. ``resting`` is entered while a host waits for others, so that one of them may be worked on in its place.
    """

    run: str
    who: str
    dry_run: bool
    verify: bool
    stop: Flag
    emit: Listener
    describe: Describe
    gates: Gates
    even_if_working: bool = False
    store: ParcelStore | None = None
    halted: Flag = field(default_factory=Flag)
    resting: Callable[[], AbstractContextManager[None]] = nullcontext
