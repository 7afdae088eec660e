"""What hosts of a run wait for each other for: replicas that are out, sources of weights, folders that they share.

A host takes all slots that it needs in one go, before it takes its lock, and asks for none while it has some; whoever
has the turn at a shared path waits for nothing. So nobody waits in a circle.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event as Flag

from autoglm_fix.agent.service import ServiceSpec

_TICK_S = 0.2

Most = int | str


@dataclass(frozen=True)
class Replica:
    """One service of one host, as one of those that serve the same model."""

    host: str
    service: str

    def __str__(self) -> str:
        return f"{self.service} on {self.host}"


def group_of(service: ServiceSpec) -> str:
    """What its replicas have in common: the name that it serves its model by, else the path of the model."""
    if service.served_model_name:
        return f"name {service.served_model_name}"
    return f"model {service.model}" if service.model else f"service {service.name}"


def share(most: Most, total: int) -> int:
    """A count, or a percentage of so many, rounded down; never less than one."""
    if isinstance(most, int):
        return max(most, 1)
    return max(math.floor(total * float(most.rstrip("%")) / 100), 1)


class Gates:
    """Shared by all hosts of a run; every method may be called from any thread.

    ``stop`` ends all waiting. ``replicas`` says how many there are of each group (``group_of``).
    """

    def __init__(self, stop: Flag, replicas: Mapping[str, int] | None = None) -> None:
        self._stop = stop
        self._replicas = Counter(replicas or {})
        self._changed = threading.Condition()
        self._unavailable: Most = 1
        self._loading = 4
        self._out: defaultdict[str, dict[Replica, bool]] = defaultdict(dict)
        self._loads: defaultdict[str, set[str]] = defaultdict(set)
        self._turns: dict[str, str] = {}
        self._made: defaultdict[str, list[str]] = defaultdict(list)
        self._known: dict[tuple[str, str], int] = {}

    def limit(self, unavailable: Most, loading: int) -> None:
        """Set the limits of the play that is about to begin. Replicas that are out stay out."""
        self._unavailable, self._loading = unavailable, max(loading, 1)

    # -- slots

    def room(self, group: str) -> int:
        """How many replicas of a group may be out at once."""
        return share(self._unavailable, self._replicas[group])

    def enter(
        self,
        host: str,
        wanted: Mapping[Replica, str],
        sources: Collection[str] = (),
        waits: Callable[[str], None] = lambda _what: None,
        rests: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        gives_up: Callable[[], bool] = lambda: False,
    ) -> dict[Replica, list[Replica]]:
        """Take a slot for each replica in ``wanted``, and one for each source that the host will read weights from.

        The host gets all of its slots at once, or waits until it can. ``waits`` is called with the name of the first
        thing that is short; ``rests`` is entered while the host waits; the wait ends when the run is stopped or
        ``gives_up`` returns true. A replica that is out already keeps its slot. Returns the replicas that can get
        no slot, because replicas that failed their proof hold all slots of the group, each with a list of those.
        """
        tried = self._try(host, wanted, sources)
        if isinstance(tried, dict):
            return tried
        waits(tried)
        with rests():
            while isinstance(tried, str) and not self._stop.is_set() and not gives_up():
                with self._changed:
                    tried = self._try(host, wanted, sources)
                    if isinstance(tried, str):
                        self._changed.wait(_TICK_S)
        return {} if isinstance(tried, str) else tried

    def _try(
        self, host: str, wanted: Mapping[Replica, str], sources: Collection[str]
    ) -> dict[Replica, list[Replica]] | str:
        """Take all slots and return the replicas that get none; or take nothing and return what is short."""
        with self._changed:
            refused = {each: out for each in wanted if (out := self._in_the_way(each, wanted))}
            taken = {each: group for each, group in wanted.items() if each not in refused}
            full = self._full(host, taken, sources)
            if full is not None:
                return full
            for each, group in taken.items():
                self._out[group].setdefault(each, False)
            for source in sources:
                self._loads[source].add(host)
            return refused

    def _in_the_way(self, replica: Replica, wanted: Mapping[Replica, str]) -> list[Replica]:
        """The replicas of its group that failed their proof, where they hold all slots; else none."""
        group = wanted[replica]
        lost = [each for each, is_lost in self._out[group].items() if is_lost and each != replica]
        return lost if replica not in self._out[group] and len(lost) >= self.room(group) else []

    def _full(self, host: str, taken: Mapping[Replica, str], sources: Collection[str]) -> str | None:
        """The first group or source without room for the host, as it is shown to people; None where all have room."""
        for group in sorted(set(taken.values())):
            out = set(self._out[group]) | {each for each, its in taken.items() if its == group}
            if len(out) > self.room(group):
                others = sorted({str(each) for each in self._out[group] if each.host != host})
                return f"{group.partition(' ')[2]} (out: {', '.join(others[:3]) or '-'})"
        return next((source for source in sorted(sources) if len(self._loads[source] - {host}) >= self._loading), None)

    def leave(self, replica: Replica, *, lost: bool = False) -> None:
        """Give back a replica's slot: it answers again, or was never away. ``lost``: it is out, and keeps the slot."""
        with self._changed:
            for out in self._out.values():
                if replica in out and lost:
                    out[replica] = True
                elif replica in out:
                    del out[replica]
            self._changed.notify_all()

    def loaded(self, host: str) -> None:
        """Give back the host's slots at the sources of weights: it reads from none of them any more."""
        with self._changed:
            for hosts in self._loads.values():
                hosts.discard(host)
            self._changed.notify_all()

    # -- what hosts share

    @contextlib.contextmanager
    def turn(
        self,
        host: str,
        keys: Collection[str],
        waits: Callable[[str], None] = lambda _what: None,
        rests: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> Iterator[bool]:
        """Be the only host that changes what these keys name, once the others have finished.

        Yields whether another host has changed any of it since this host's last turn.
        """
        busy = self._take(host, keys)
        if busy is not None:
            waits(busy)
            with rests():
                self._wait_for_turn(host, keys)
        try:
            yield self._news(host, keys)
        finally:
            with self._changed:
                for key in keys:
                    if self._turns.get(key) == host:
                        del self._turns[key]
                self._changed.notify_all()

    def _wait_for_turn(self, host: str, keys: Collection[str]) -> None:
        """Wait until the host has the turn at all keys, or the run is stopped."""
        with self._changed:
            while not self._stop.is_set() and self._take(host, keys) is not None:
                self._changed.wait(_TICK_S)

    def _news(self, host: str, keys: Collection[str]) -> bool:
        """Whether another host has changed what a key names since this one last asked."""
        with self._changed:
            seen = {key: len([each for each in self._made[key] if each != host]) for key in keys}
            news = any(count > self._known.get((host, key), 0) for key, count in seen.items())
            self._known.update({(host, key): count for key, count in seen.items()})
            return news

    def _take(self, host: str, keys: Collection[str]) -> str | None:
        """Take the turn at all keys, and return None; or take none, and return a key at which another host has it."""
        with self._changed:
            busy = next((key for key in sorted(keys) if self._turns.get(key, host) != host), None)
            if busy is None:
                self._turns.update(dict.fromkeys(keys, host))
            return busy

    def made(self, host: str, keys: Iterable[str]) -> None:
        """Note that the host has changed what these keys name."""
        with self._changed:
            for key in keys:
                self._made[key].append(host)
