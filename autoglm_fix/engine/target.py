"""Selected hosts, and the order in which they are begun."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from autoglm_fix.connect.channel import Channel

from .script import Script

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A selected host: how to reach it, and its scripts play by play (one for each service)."""

    name: str
    connect: Callable[[], Channel]
    state_dir: str
    plays: Sequence[Sequence[Script]]


def spread(hosts: Sequence[T], at_a_time: int) -> list[T]:
    """The same hosts, the first of them from all over the inventory: neighbours share their racks and their faults."""
    stride = math.ceil(len(hosts) / max(at_a_time, 1))
    return [host for start in range(stride) for host in hosts[start::stride]]
