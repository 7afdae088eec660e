"""Looking where a filesystem may never answer: what hangs is left behind."""

from __future__ import annotations

import threading
from typing import Callable, TypeVar

T = TypeVar("T")
_PATIENCE_S = 2.0


def patiently(look: Callable[[], T], otherwise: T, patience_s: float = _PATIENCE_S) -> T:
    """What a look gives, or ``otherwise`` where it has not come back by then (a dead network mount)."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(look()), daemon=True)
    thread.start()
    thread.join(patience_s)
    return found[0] if found else otherwise
