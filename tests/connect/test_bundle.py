"""What travels to a host: exactly the modules that are imported, lean, and small."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from autoglm_fix import diagnostics
from autoglm_fix.agent.sources import with_imports
from autoglm_fix.connect.bundle import BOOTSTRAP, boot_frame, lean

AGENT = Path(__file__).parents[2] / "autoglm_fix" / "agent"
MODULES = sorted(AGENT.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(AGENT.parent.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class _WithoutDocstrings(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
        return node


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_lean_module_is_the_same_program_on_the_same_lines(path: Path) -> None:
    whole = path.read_text("utf-8")
    trees = [ast.dump(_WithoutDocstrings().visit(ast.parse(text))) for text in (whole, lean(whole))]
    assert trees[0] == trees[1]
    assert len(lean(whole).splitlines()) == len(whole.splitlines())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_closure_holds_whatever_a_module_imports_relatively(path: Path) -> None:
    closure = {name.removesuffix(".__init__") for name in with_imports(name_of(path))}
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            assert (f"{base}.{node.module}" if node.module else base) in closure


def test_the_bootstrap_stays_under_a_kibibyte_and_the_idle_agent_under_16() -> None:
    assert len(BOOTSTRAP.encode()) < 1024
    assert len(boot_frame(())[0]) < 16 * 1024


def test_all_that_the_shipped_playbook_collects_stays_under_40_kibibytes() -> None:
    facts = {fact.__module__ for known in diagnostics.load().values() for fact in known.signature.facts.values()}
    frame, _ = boot_frame(facts)
    assert len(frame) < 40 * 1024
