"""How a function becomes a fix: it names the findings it cures and yields changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from autoglm_fix.agent.changes import Change
from autoglm_fix.diagnostics import Finding, Signature, first_line, read_signature


@dataclass(frozen=True)
class Declined:
    """Why a fix has nothing to offer for a finding; the next fix in the step's list is asked.

    ``code`` is ``<fix>.<reason>``; its sentence is in the catalogues, filled from ``values``.
    """

    code: str
    values: dict[str, Any]


Remedy = Callable[..., Iterator[Change | Declined]]
R = TypeVar("R", bound=Remedy)


@dataclass(frozen=True)
class Fix:
    """A named pure function from a finding and facts to changes."""

    name: str
    cures: tuple[type[Finding], ...]
    function: Remedy
    signature: Signature
    summary: str


FIXES: dict[str, Fix] = {}


def fix(*cures: type[Finding]) -> Callable[[R], R]:
    """Register a function as the fix of its name, for these findings.

    Its first parameter is the finding; further positional ones are facts, keyword-only ones options.
    """

    def register(function: R) -> R:
        name = function.__name__
        FIXES[name] = Fix(name, cures, function, read_signature(function, skip=1), first_line(function))
        return function

    return register
