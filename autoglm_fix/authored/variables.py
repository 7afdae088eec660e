"""Variables by name, in layers: a later layer outranks an earlier one. Values are rendered when asked for.

A layer holds what authors wrote (``YamlNode``, whose texts may be templates) and plain values (what
hosts said, what came from the command line), which are never taken for templates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from .problems import BadInput, Position, quoted, raise_if_any
from .templating import CannotEvaluate, Template, mistakes_at, scalar_template, templates_in
from .yaml_source import Value, YamlMapping, YamlNode, YamlScalar, YamlSequence, YamlVault, plain

Authored: TypeAlias = YamlNode | Value
Layer: TypeAlias = Mapping[str, Authored]


class Variables:
    """What templates may look up. Immutable; ``over`` outranks every layer (extra and special variables)."""

    def __init__(self, layers: Sequence[Layer] = (), over: Sequence[Layer] = ()) -> None:
        self._layers = tuple(layers)
        self._over = tuple(over)
        self._all: dict[str, Authored] = {}
        for layer in (*self._layers, *self._over):
            self._all.update(layer)
        self._rendered: dict[str, Value] = {}

    def with_layer(self, layer: Layer) -> Variables:
        """These variables and one more layer, below ``over``."""
        return Variables((*self._layers, layer), self._over) if layer else self

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def authored(self, name: str) -> Authored:
        """A variable as it was written. KeyError where there is none of that name."""
        return self._all[name]

    def value(self, name: str) -> Value:
        """A variable's value. KeyError where there is none of that name, BadInput where it can't be rendered."""
        return self._value(name, ())

    def render(self, authored: Authored) -> Value:
        """A value with its templates evaluated. Raises BadInput at the template that can't be."""
        return self._render(authored, ())

    def test(self, expression: YamlScalar) -> bool:
        """Whether a bare expression (or ``true``/``false``) holds. Raises BadInput unless it is true or false."""
        found = scalar_template(expression, bare=True)
        result = expression.value if found is None else self._evaluate(expression, found, ())
        if not isinstance(result, bool):
            hint = "Compare it with something, or use the filter 'bool'."
            raise BadInput([expression.at.problem(f"{quoted(str(expression.value))} is neither true nor false", hint)])
        return result

    def names_behind(self, node: Authored, *, bare: bool = False) -> frozenset[str]:
        """All names that a value looks up, directly and through the variables it uses, defined or not."""
        seen: set[str] = set()
        waiting = set(_names(node, bare))
        while waiting:
            name = waiting.pop()
            seen.add(name)
            if name in self:
                waiting |= set(_names(self._all[name], bare=False)) - seen
        return frozenset(seen)

    def _value(self, name: str, trail: tuple[str, ...]) -> Value:
        if name not in self._rendered:
            self._rendered[name] = self._render(self._all[name], (*trail, name))
        return self._rendered[name]

    def _render(self, authored: Authored, trail: tuple[str, ...]) -> Value:
        if isinstance(authored, YamlScalar):
            found = scalar_template(authored)
            return authored.value if found is None else self._evaluate(authored, found, trail)
        if isinstance(authored, YamlVault):
            return authored.open()
        if isinstance(authored, YamlSequence):
            return [self._render(item, trail) for item in authored.items]
        if isinstance(authored, YamlMapping):
            return {key: self._render(entry.value, trail) for key, entry in authored.entries.items()}
        return authored

    def _evaluate(self, scalar: YamlScalar, found: Template, trail: tuple[str, ...]) -> Value:
        raise_if_any(mistakes_at(scalar, found))
        known: dict[str, Value] = {}
        for name in sorted(found.names):
            if name in trail:
                circle = " -> ".join((*trail[trail.index(name) :], name))
                raise BadInput([scalar.position_of_word(name).problem(f"a variable refers to itself: {circle}")])
            if name in self:
                known[name] = self._value(name, trail)
        try:
            return found.evaluate(known)
        except CannotEvaluate as err:
            raise BadInput([scalar.at.problem(str(err))]) from err


def layer_of(mapping: YamlMapping) -> Layer:
    """The variables of a ``vars:`` mapping or a file of variables."""
    return {key: entry.value for key, entry in mapping.entries.items()}


def position_in(node: Authored, path: Sequence[int | str], otherwise: Position, *, of_key: bool = False) -> Position:
    """The place of a part of a value, or of its key, as near as its text goes; ``otherwise`` for plain values."""
    if isinstance(node, YamlSequence) and path and isinstance(path[0], int) and path[0] < len(node.items):
        return position_in(node.items[path[0]], path[1:], otherwise, of_key=of_key)
    if isinstance(node, YamlMapping) and path and path[0] in node.entries:
        entry = node.entries[str(path[0])]
        if of_key and len(path) == 1:
            return entry.at
        return position_in(entry.value, path[1:], otherwise, of_key=of_key)
    return node.at if isinstance(node, (YamlScalar, YamlVault, YamlSequence, YamlMapping)) else otherwise


def as_written(authored: Authored) -> Value:
    """A value with its templates left as they are, and what is encrypted as it stands in its file."""
    return plain(authored) if isinstance(authored, (YamlScalar, YamlVault, YamlSequence, YamlMapping)) else authored


def _names(authored: Authored, bare: bool) -> Iterator[str]:
    if not isinstance(authored, (YamlScalar, YamlSequence, YamlMapping)):
        return
    if bare and isinstance(authored, YamlScalar):
        found = scalar_template(authored, bare=True)
        used = [] if found is None else [found]
    else:
        used = [template for _, template in templates_in(authored)]
    for template in used:
        yield from template.names
