"""Which versions fit together: asked of a resolver, for a Python and platform that may not be this one's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from autoglm_fix.agent.facts.environment import Environment

__all__ = ["Demand", "NoSolution", "Pin", "Resolver", "Solution", "Tool", "Wheels"]

# Who resolves; "auto" is uv, which does so for any Python and platform.
Tool = Literal["auto", "uv", "pip-tools"]


@dataclass(frozen=True)
class Wheels:
    """Where wheels come from: ``index`` (the host fetches), ``controller`` (we fetch and send) or ``folder``.

    ``folder`` is one of the controller, and all that is looked in; what is needed of it is sent.
    """

    kind: Literal["index", "controller", "folder"] = "index"
    folder: str = ""


@dataclass(frozen=True)
class Demand:
    """What must hold in an environment.

    ``requirements`` are in the form of PEP 508 and hold beside all that the installed distributions ask for.
    One that only repeats what an installed distribution asks for in vain holds as long as that one stays as it
    is; without any, all that is asked for in vain is meant. What is asked for in vain and not named here stays so.
    A broken distribution that is named is installed anew. ``indexes`` are further places to look (of a torch
    build), each with the names that come from it and from nowhere else. ``overrides`` replace what some
    distribution asks for (a contradiction its vendor prescribes).
    """

    requirements: tuple[str, ...]
    indexes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pin:
    """One distribution that changes: ``before`` is its version now (None: new), ``version`` None where it goes.

    Both are the same where it is broken and installed anew. ``url`` is where its wheel ``file`` lies, without
    credentials. ``why`` is a sentence's worth of reason ("vllm 0.12.0 needs transformers<5"). ``size`` in bytes
    where known.
    """

    name: str
    version: str | None
    before: str | None = None
    url: str = ""
    file: str = ""
    sha256: str = ""
    size: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Solution:
    """The smallest change that was found. ``lock`` is the text of a lock file with a comment why each moved."""

    pins: tuple[Pin, ...]
    lock: str = ""
    tool: str = "uv"


@dataclass(frozen=True)
class NoSolution:
    """Why there is none.

    ``code``: ``contradiction`` (``reason`` says which, in plain words), ``no-index`` (nothing could be reached),
    ``not-here`` (this resolver cannot speak for that Python or platform), ``no-wheel`` (there are only sources, or
    wheels for others), ``no-hash`` (the index does not say what its wheels contain). ``tail`` are the last lines
    of what the resolver said.
    """

    code: str
    reason: str
    tail: tuple[str, ...] = field(default=())


class Resolver(Protocol):
    """Finds versions for an environment. It may reach the network, and writes nowhere but its own cache."""

    collaborator: ClassVar[bool] = True

    def solve(
        self, environment: Environment, demand: Demand, *, tool: Tool, index: str, wheels: Wheels
    ) -> Solution | NoSolution:
        """``index`` is the URL that outranks the environment's own configuration, empty for that."""
