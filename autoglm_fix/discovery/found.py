"""What was found, for people and for an inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from autoglm_fix.agent.facts.landscape import Managed, Process
from autoglm_fix.agent.facts.service import Container, Service
from autoglm_fix.agent.service import Compose
from autoglm_fix.launch import Launch


@dataclass(frozen=True)
class Remark:
    """A sentence by its code in the catalogue ``discover`` and its values."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """One service. ``keys`` are those that an inventory has for it, its name first.

    ``state`` is in the words of ``Service``, or ``never-started`` for one that only a compose file tells of, and
    ``suggested`` where nothing runs and none is defined. ``names`` are those that it alone answers to, none where any
    name will do. ``code``, ``signal`` and ``reason`` are how it ended, ``at``
    when, in epoch seconds by the host's clock. ``why`` says what speaks for it, ``remarks`` what a person has to know.
    """

    keys: Mapping[str, object]
    state: str
    why: Sequence[Remark] = ()
    remarks: Sequence[Remark] = ()
    code: int | None = None
    signal: str = ""
    reason: str = ""
    at: float | None = None
    names: Sequence[str] = ()

    @property
    def name(self) -> str:
        return str(self.keys["name"])

    @property
    def is_up(self) -> bool:
        return self.state in ("running", "by-hand")


@dataclass(frozen=True)
class Composed:
    """A compose service of which no container was made: what an inventory has for it."""

    keys: Compose


@dataclass(frozen=True)
class Draft:
    """A service while what is known of it comes together.

    ``service`` is its definition and its live process as the facts have them; ``front`` the unit that starts its
    container. ``family`` are its processes, the one that serves first. ``launch`` is what its command comes to.
    """

    service: Service
    managed: Managed | None = None
    front: Managed | None = None
    family: Sequence[Process] = ()
    composed: Composed | None = None
    launch: Launch | None = None
    why: Sequence[Remark] = ()

    def having(self, family: Sequence[Process]) -> Draft:
        """The same with the processes that belong to it."""
        return replace(self, family=family, service=replace(self.service, running=family[0].running))

    @property
    def container(self) -> Container | None:
        """Its container, where an engine has one on record."""
        return self.service.defined.container if self.service.defined is not None else None

    @property
    def labels(self) -> dict[str, str]:
        """The compose labels of its container."""
        return self.container.compose if self.container is not None else {}

    @property
    def engine(self) -> str:
        """What its command starts."""
        return self.launch.engine if self.launch is not None else "custom"
