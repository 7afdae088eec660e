"""The plan of the house, held against the code: imports run one way, and no rule is silenced."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "autoglm_fix"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Each room may import those below it. What stands on its own is at the bottom.
FLOORS = [
    {"__main__"},
    {"cli"},
    {"demo", "report", "records"},
    {"engine"},
    {"playbook"},
    {"inventory", "fixes", "proof"},
    {"diagnostics", "connect", "resolve"},
    {"discovery"},
    {"launch"},
    {"authored", "json_text", "locale", "agent", "knowledge", "__init__"},
    {"shaped"},
]
# Listeners know the engine by its events alone.
EVENTS_ONLY = {"autoglm_fix.engine.events", "autoglm_fix.engine.results"}


ROOMS = {name for rooms in FLOORS for name in rooms}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """All modules of the package that a file imports, by their absolute names."""
    module = module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            prefix = node.module or "" if not node.level else f"{base}.{node.module}" if node.module else base
            found |= {prefix} | {f"{prefix}.{alias.name}" for alias in node.names}
    return {
        name for name in found if name == "autoglm_fix" or (room(name) in ROOMS and name.startswith("autoglm_fix."))
    }


def test_every_room_has_its_floor() -> None:
    rooms = {room(module_of(path)) for path in SOURCES}
    assert rooms - ROOMS == set()


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_run_one_way(path: Path) -> None:
    here = room(module_of(path))
    upwards = {name for name in imports(path) if room(name) != here and floor(room(name)) <= floor(here)}
    assert upwards == set()


@pytest.mark.parametrize("path", sorted((PACKAGE / "report").rglob("*.py")), ids=module_of)
def test_a_report_knows_events_and_results_only(path: Path) -> None:
    of_engine = {name for name in imports(path) if name.startswith("autoglm_fix.engine.")}
    assert {name for name in of_engine if not any(name.startswith(known) for known in EVENTS_ONLY)} == set()


@pytest.mark.parametrize("path", sorted((PACKAGE / "agent").rglob("*.py")), ids=module_of)
def test_the_agent_imports_the_standard_library_and_itself_alone(path: Path) -> None:
    assert {name for name in imports(path) if not (name == "autoglm_fix" or room(name) == "agent")} == set()


def test_a_broad_except_stands_only_where_a_crash_becomes_a_result() -> None:
    broad = [
        module_of(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    ]
    allowed = {"autoglm_fix.agent.loop", "autoglm_fix.engine.host", "autoglm_fix.engine.look"}
    in_the_service = {name for name in broad if name.startswith("autoglm_fix.agent.proof.")}
    assert set(broad) - in_the_service <= allowed | {"autoglm_fix.agent.service_run.entry"}


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_nothing_is_silenced(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.findall(r"#\s*(?:type:\s*ignore|noqa|pragma)", text)
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_no_room_is_crowded(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 350
