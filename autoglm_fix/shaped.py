"""Plain values as their types, in any thread."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Hashable
from typing import TypeVar, cast

import msgspec

T = TypeVar("T")
_ONE_AT_A_TIME = threading.Lock()


def shaped(value: object, kind: type[T]) -> T:
    """A value as its type, as ``msgspec.convert`` makes it. Raises msgspec.ValidationError where it has another shape.

    msgspec learns a type when it first meets it, and leaves a half-learnt one where other threads find it: they crash
    the process (0.22). Here one thread alone learns.
    """
    _learn(cast(Hashable, kind))
    return msgspec.convert(value, kind)


@functools.cache
def _learn(kind: Hashable) -> None:
    with _ONE_AT_A_TIME, contextlib.suppress(msgspec.ValidationError):
        msgspec.convert(None, kind)
