"""A host's variables without a copy of its groups': an inventory of thousands shares what it says of many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autoglm_fix.authored.variables import Authored, Layer


class Ranked(Mapping[str, Authored]):
    """Variables of groups, shared by all hosts of the same groups, and above them a host's own."""

    __slots__ = ("_own", "_shared")

    def __init__(self, shared: Layer, own: Layer) -> None:
        self._shared = shared
        self._own = own

    def __getitem__(self, name: str) -> Authored:
        return self._own[name] if name in self._own else self._shared[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._shared

    def __iter__(self) -> Iterator[str]:
        return iter(self._merged())

    def __len__(self) -> int:
        return len(self._merged())

    @property
    def layers(self) -> tuple[Layer, Layer]:
        """The shared ones and its own."""
        return self._shared, self._own

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._merged() == dict(other)

    def _merged(self) -> dict[str, Authored]:
        return {**self._shared, **self._own}


def layers_of(variables: Layer) -> tuple[Layer, ...]:
    """The mappings that variables are made of, each the same object wherever it is shared."""
    return variables.layers if isinstance(variables, Ranked) else (variables,)
