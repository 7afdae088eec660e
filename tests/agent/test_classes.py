"""The agent's own ``dataclass`` does what that of the standard library does, as far as the agent uses it."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

from autoglm_fix.agent import classes

AGENT = Path(classes.__file__).parent
MODULES: list[Any] = [dataclasses, classes]
either = pytest.mark.parametrize("module", MODULES, ids=["the library's", "ours"])


def made(module: Any) -> tuple[Any, Any]:
    @module.dataclass(frozen=True)
    class Base:
        kind: ClassVar[str] = "base"
        name: str
        size: int = 3
        words: list[str] = module.field(default_factory=list)

        @property
        def shown(self) -> str:
            return f"{self.name}:{self.size}"

    @module.dataclass(frozen=True)
    class Below(Base):
        more: str | None = None

    return Base, Below


@either
def test_fields_have_their_order_and_defaults_and_those_above_come_first(module: Any) -> None:
    base, below = made(module)
    one = below("a", 4, more="x")
    assert (one.name, one.size, one.words, one.more, one.shown, one.kind) == ("a", 4, [], "x", "a:4", "base")
    assert [each.name for each in module.fields(below)] == ["name", "size", "words", "more"]
    assert [each.name for each in module.fields(base("a"))] == ["name", "size", "words"]


@either
def test_a_default_that_is_made_is_made_anew(module: Any) -> None:
    base, _ = made(module)
    assert base("a").words is not base("a").words


@either
def test_equal_ones_are_those_of_one_class_with_equal_fields(module: Any) -> None:
    base, below = made(module)
    assert base("a") == base("a") != base("b")
    assert base("a") != below("a")
    assert hash(module.replace(base("a"), words=())) == hash(module.replace(base("a"), words=()))


@either
def test_another_is_made_of_one_that_stays_as_it_is(module: Any) -> None:
    base, _ = made(module)
    one = base("a")
    assert (module.replace(one, name="b").name, one.name) == ("b", "a")
    assert (module.is_dataclass(one), module.is_dataclass(base), module.is_dataclass("a")) == (True, True, False)


@either
@pytest.mark.parametrize(("args", "given"), [((), {}), ((), {"size": 1}), (("a",), {"unknown": 1})])
def test_what_is_missing_or_unknown_is_an_error(module: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        made(module)[0](*args, **given)


@either
def test_one_that_is_not_frozen_can_be_set(module: Any) -> None:
    @module.dataclass
    class Child:
        number: int = 0

    one = Child()
    one.number = 1
    assert one == Child(1)


def test_the_agent_uses_no_more_of_it() -> None:
    """Nothing else is imported from ``dataclasses`` there, and no class or field is given what ours does not know."""
    for path in AGENT.rglob("*.py"):
        text = path.read_text("utf-8")
        assert "import dataclasses" not in text, path
        for names in re.findall(r"^from dataclasses import (.+)$", text, re.MULTILINE):
            for name in names.split(", "):
                assert name == "Field" or hasattr(classes, name), path
        given = re.findall(r"@dataclass\(([^)]*)\)", text) + re.findall(r"\bfield\((\w+=)", text)
        assert set(given) <= {"frozen=True", "default_factory="}, path


def test_every_class_of_the_agent_can_be_made_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each module as a host loads it."""
    for path in sorted(AGENT.rglob("*.py")):
        name = ".".join(path.relative_to(AGENT.parent.parent).with_suffix("").parts).removesuffix(".__init__")
        source = path.read_text("utf-8").replace("from dataclasses import", "from autoglm_fix.agent.classes import")
        if "@dataclass" in source and path.name != "classes.py":
            loaded: dict[str, Any] = {"__name__": name, "__package__": importlib.import_module(name).__package__}
            exec(compile(source, name, "exec"), loaded)
