"""What travels to a host: exactly the modules that are imported, lean, and small."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TypeVar

import pytest

from autoglm_fix import diagnostics
from autoglm_fix.agent.sources import with_imports
from autoglm_fix.connect.bundle import BOOTSTRAP, boot_frame
from autoglm_fix.connect.lean import lean

AGENT = Path(__file__).parents[2] / "autoglm_fix" / "agent"
MODULES = sorted(AGENT.rglob("*.py"))
_ALIASES = r"(Callable|Dict|Literal|Tuple|TypeVar)[\[(]"
B = TypeVar("B", ast.Module, ast.ClassDef, ast.FunctionDef)


def name_of(path: Path) -> str:
    parts = path.relative_to(AGENT.parent.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class _Bare(ast.NodeTransformer):
    """Leaves out what the host never looks at: docstrings, annotations, imports for those alone, and what is marked."""

    def __init__(self, text: str, used: frozenset[str]) -> None:
        self._used = used
        lines = enumerate(text.splitlines(), 2)
        self._staying = {number for number, line in lines if line.strip() == "# For the controller."}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        if node.module == "__future__":
            return None
        node.names = [each for each in node.names if (each.asname or each.name) in self._used]
        return node if node.names else None

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        self.generic_visit(node)
        if "ClassVar" not in ast.unparse(node.annotation):
            node.annotation = ast.Constant(0)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef | None:
        if min(each.lineno for each in [node, *node.decorator_list]) in self._staying:
            return None
        node.returns = None
        return self._silent(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef | None:
        return None if node.lineno in self._staying else self._silent(node)

    def visit_Module(self, node: ast.Module) -> ast.Module:
        return self._silent(node)

    def _silent(self, node: B) -> B:
        self.generic_visit(node)
        match node.body:
            case [ast.Expr(value=ast.Constant(value=str()) as docstring)]:
                docstring.value = ""
            case [ast.Expr(value=ast.Constant(value=str())), *statements]:
                node.body = statements
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        alias = isinstance(node.value, ast.Subscript | ast.Call) and re.match(_ALIASES, ast.unparse(node.value))
        return None if alias or ast.unparse(node.targets[0]) == "__all__" else node


def bare(text: str, used: frozenset[str]) -> tuple[str, list[int]]:
    """A module as the host sees it, and the line of each of its statements."""
    tree = _Bare(text, used).visit(ast.parse(text))
    return ast.dump(tree), [each.lineno for each in ast.walk(tree) if isinstance(each, ast.stmt)]


def used_in(text: str) -> frozenset[str]:
    """The names that a module uses outside its annotations, or says in its ``__all__``."""
    found = set()
    whole = ast.parse(text)
    said = [each for each in whole.body if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__all__"]
    for each in [*ast.walk(_Bare(text, frozenset()).visit(whole)), *(below for one in said for below in ast.walk(one))]:
        match each:
            case ast.Name(id=name) | ast.Constant(value=str(name)):
                found.add(name)
    return frozenset(found - {"ClassVar"})


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_lean_module_is_the_same_program_on_the_same_lines(path: Path) -> None:
    whole = path.read_text("utf-8")
    used = used_in(whole)
    assert bare(lean(whole), used) == bare(whole, used)
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
