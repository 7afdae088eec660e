"""How a function becomes a diagnostic: its signature says which facts and options it takes."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args, get_type_hints

from autoglm_fix.agent.context import Fact
from autoglm_fix.agent.unknown import Unknown

from .finding import Finding

Diagnose = Callable[..., Iterator[Finding]]
D = TypeVar("D", bound=Diagnose)
T = TypeVar("T")


@dataclass(frozen=True)
class Option:
    """One option of a diagnostic or fix, as playbooks write it (``from``, not ``from_``)."""

    name: str
    type: Any
    default: Any
    parameter: str


@dataclass(frozen=True)
class Signature:
    """What a diagnostic's or fix's parameters ask for, in order.

    A fact of ``may_lack`` (its parameter's type is ``Fact | Unknown``) is handed in as Unknown where it could not be
    read; without any other the function is not called.
    ``collaborators`` are neither facts nor pure (a dependency resolver): their types are Protocols that
    say ``collaborator = True``, and whoever calls hands them in.
    """

    facts: Mapping[str, type[Fact]]
    options: Mapping[str, Option]
    collaborators: Mapping[str, type] = field(default_factory=dict)
    may_lack: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Diagnostic:
    """A named pure function from facts to findings.

    ``deeper`` holds the option values of a second, slower look (``{"deep": True}``), empty where
    there is none.
    """

    name: str
    function: Diagnose
    signature: Signature
    summary: str
    deeper: Mapping[str, Any] = field(default_factory=dict)


DIAGNOSTICS: dict[str, Diagnostic] = {}


class Topics(Mapping[str, T]):
    """What a package's modules register, each under its own name: imported when it is asked for."""

    def __init__(self, package: str, names: Sequence[str], registered: Mapping[str, T]) -> None:
        self._package = package
        self._names = names
        self._registered = registered

    def __getitem__(self, name: str) -> T:
        if name in self._names:
            importlib.import_module(f"{self._package}.{name}")
        return self._registered[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names or name in self._registered

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._names, *self._registered)))

    def __len__(self) -> int:
        return len({*self._names, *self._registered})


def diagnostic(*, deeper: Mapping[str, Any] | None = None) -> Callable[[D], D]:
    """Register a function as the diagnostic of its name.

    Positional parameters are facts, by type; keyword-only ones are options with defaults. The first
    line of the docstring states the healthy state.
    """

    def register(function: D) -> D:
        name = function.__name__
        DIAGNOSTICS[name] = Diagnostic(name, function, read_signature(function), first_line(function), deeper or {})
        return function

    return register


def read_signature(function: Callable[..., Any], *, skip: int = 0) -> Signature:
    """The facts and options that a function's parameters name; the first ``skip`` are neither."""
    hints = get_type_hints(function)
    facts: dict[str, type[Fact]] = {}
    options: dict[str, Option] = {}
    collaborators: dict[str, type] = {}
    may_lack = set()
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        hint = hints[parameter.name]
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            option = Option(parameter.name.rstrip("_"), hint, parameter.default, parameter.name)
            options[option.name] = option
        elif getattr(hint, "collaborator", False):
            collaborators[parameter.name] = hint
        elif Unknown in get_args(hint):
            (facts[parameter.name],) = (kind for kind in get_args(hint) if kind is not Unknown)
            may_lack.add(parameter.name)
        else:
            facts[parameter.name] = hint
    return Signature(facts, options, collaborators, frozenset(may_lack))


def first_line(function: Callable[..., Any]) -> str:
    """The sentence that ``docs`` and reports print."""
    return (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
