"""Which names the templates of a play look up: undefined ones, and those that must wait for an earlier step.

This works on the play as written, so that a mistake elsewhere in it hides nothing here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.authored.problems import Problem, did_you_mean, quoted
from autoglm_fix.authored.templating import Template, mistakes_at, scalar_template, templates_in
from autoglm_fix.authored.variables import Layer
from autoglm_fix.authored.yaml_source import YamlEntry, YamlMapping, YamlNode, YamlScalar, YamlSequence

from .conditions import expressions_in
from .model import LoopControl

# What every template may look up, whatever the inventory says.
SPECIAL = frozenset(
    {
        *("service", "inventory_hostname", "inventory_hostname_short", "inventory_file", "inventory_dir"),
        *("group_names", "groups", "playbook_dir"),
    }
)
_BARE = ("when", "until")
_NESTED = ("steps", "verify", "handlers")
_SERVICE_KEYS = frozenset(field.name for field in dataclasses.fields(ServiceSpec))


@dataclass(frozen=True)
class Use:
    """One template where it stands; ``key`` is the keyword that it stands under."""

    scalar: YamlScalar
    template: Template
    key: str


def uses(mapping: YamlMapping) -> Iterator[Use]:
    """All templates of a step, a proof, or of a play's own keywords."""
    for entry in mapping.entries.values():
        if entry.key in _BARE:
            for scalar in expressions_in(entry.value):
                found = scalar_template(scalar, bare=True)
                if found is not None:
                    yield Use(scalar, found, entry.key)
        elif entry.key not in _NESTED:
            for scalar, found in templates_in(entry.value):
                yield Use(scalar, found, entry.key)


def registrations(play: YamlMapping) -> Mapping[str, int]:
    """The names that steps of a play register, each with the number of the first step that does."""
    found: dict[str, int] = {}
    for number, step in enumerate(entries_of(play, "steps")):
        name = text_of(step, "register")
        if name is not None:
            found.setdefault(name, number)
    return found


def entries_of(play: YamlMapping, key: str) -> list[YamlMapping]:
    """The mappings of a list in a play (``steps``, ``verify``); whatever else is in it is left out."""
    entry = play.entries.get(key)
    items = entry.value.items if entry is not None and isinstance(entry.value, YamlSequence) else ()
    return [item for item in items if isinstance(item, YamlMapping)]


def check_names(play: YamlMapping, defined: Layer, outside: Collection[str] | None, problems: list[Problem]) -> None:
    """Report templates with mistakes, and names that nothing defines when they are needed.

    ``defined`` are the play's variables, ``outside`` the names that inventory and command line bring:
    None where these are not known, and undefined names are then no mistake.
    """
    checker = _Checker(play, defined, outside, problems)
    checker.check_play()


class _Checker:
    def __init__(
        self, play: YamlMapping, defined: Layer, outside: Collection[str] | None, problems: list[Problem]
    ) -> None:
        self._play = play
        self._outside = outside
        self._problems = problems
        self._registered = registrations(play)
        self._steps = entries_of(play, "steps")
        self._known = {*defined, *SPECIAL, *(outside or ())}

    def check_play(self) -> None:
        # A variable is rendered where it is used, so it may speak of what is known there.
        loop_names = {name for step in self._steps for name in _loop_names(step)}
        everywhere = {*self._known, *self._registered, *loop_names}
        for use in uses(self._play):
            self._check(use, everywhere if use.key == "vars" else self._known)
        for number, step in enumerate(self._steps):
            before = {name for name, first in self._registered.items() if first < number}
            here = {*self._known, *before, *_own_variables(step), *_loop_names(step)}
            itself = {name for name in (text_of(step, "register"),) if name is not None}
            for use in uses(step):
                self._check(use, here | itself if use.key == "until" else here)
        for proof in entries_of(self._play, "verify"):
            for use in uses(proof):
                self._check(use, self._known, "is the result of a step, and a proof sees none")

    def _check(self, use: Use, known: set[str], unseen: str = "is registered by a later step only") -> None:
        self._problems.extend([] if use.key in _BARE else mistakes_at(use.scalar, use.template))
        for name in sorted(use.template.names - use.template.guarded - known):
            if name in self._registered:
                at = use.scalar.position_of_word(name)
                self._problems.append(at.problem(f"{quoted(name)} {unseen}"))
            elif self._outside is not None:
                hint = did_you_mean(name, known) or "Set it under 'vars', in the inventory, or with -e."
                at = use.scalar.position_of_word(name)
                self._problems.append(at.problem(f"undefined variable {quoted(name)}", hint))
        for name, attribute in sorted(use.template.attributes):
            if name == "service" and attribute not in _SERVICE_KEYS:
                at = use.scalar.position_of_word(attribute)
                hint = did_you_mean(attribute, _SERVICE_KEYS, nouns="keys of a service")
                self._problems.append(at.problem(f"a service has no key {quoted(attribute)}", hint))


def _own_variables(step: YamlMapping) -> Collection[str]:
    entry = step.entries.get("vars")
    return entry.value.entries.keys() if entry is not None and isinstance(entry.value, YamlMapping) else ()


def _loop_names(step: YamlMapping) -> Iterator[str]:
    if "loop" not in step.entries:
        return
    control = step.entries.get("loop_control")
    named = control.value if control is not None and isinstance(control.value, YamlMapping) else None
    yield (text_of(named, "loop_var") if named else None) or LoopControl.loop_var
    index = text_of(named, "index_var") if named else None
    if index is not None:
        yield index


def text_of(mapping: YamlMapping | None, key: str) -> str | None:
    """The text under a key, None where there is no text."""
    entry: YamlEntry | None = mapping.entries.get(key) if mapping else None
    node: YamlNode | None = entry.value if entry else None
    return node.value if isinstance(node, YamlScalar) and isinstance(node.value, str) else None
