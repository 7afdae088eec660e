"""As much of ``dataclasses`` as this agent uses.

That module loads ``inspect`` and compiles each method of each class: a third of the time that an agent takes to start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Callable


class Field:
    """One field of a class, by its ``name``. Where it is not ``needed`` its default is made, anew for each instance."""

    def __init__(self, default_factory: Callable[[], Any]) -> None:
        self.name = ""
        self.needed = False
        self.default_factory = default_factory


def field(*, default_factory: Callable[[], Any]) -> Any:
    """A field whose default is made anew."""
    return Field(default_factory)


def fields(of: Any) -> tuple[Field, ...]:
    """The fields of a class or an instance, in order."""
    return tuple(of.__dataclass_fields__.values())


def is_dataclass(of: object) -> bool:
    """Whether it is one, or an instance of one."""
    return hasattr(of, "__dataclass_fields__")


def replace(old: Any, **changes: Any) -> Any:
    """The same but for some fields."""
    return type(old)(**{**_values(old), **changes})


def dataclass(cls: Any = None, frozen: bool = False) -> Any:
    """A class whose annotated names are its fields. That nobody sets those of a frozen one is for others to check."""
    if cls is None:
        return dataclass
    own = vars(cls)
    found: dict[str, Field] = {}
    for base in cls.__mro__[:0:-1]:
        found.update(getattr(base, "__dataclass_fields__", {}))
    # Where they are made when asked for (3.14), they stand in no dictionary of the class.
    annotated: dict[str, object] = own.get("__annotations__") or getattr(cls, "__annotations__", {})
    for name, kind in annotated.items():
        if "ClassVar" not in str(kind):
            given = own.get(name)
            found[name] = given if isinstance(given, Field) else Field((lambda same: lambda: same)(given))
            found[name].name = name
            found[name].needed = name not in own
    cls.__dataclass_fields__ = found
    cls.__init__ = _init
    if "__eq__" not in own:
        cls.__eq__, cls.__hash__ = _eq, _hash
    return cls


def _init(self: Any, *args: Any, **given: Any) -> None:
    known = self.__dataclass_fields__
    given.update(zip(known, args))
    for name, each in known.items():
        if name not in given and not each.needed:
            given[name] = each.default_factory()
    if given.keys() != known.keys():
        raise TypeError(f"{type(self)} takes {list(known)}")
    vars(self).update(given)


def _values(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__dataclass_fields__}


def _eq(self: Any, other: object) -> bool:
    return type(other) is type(self) and _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(tuple(_values(self).values()))
