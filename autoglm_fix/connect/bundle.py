"""Which of the agent's modules a request needs: the closure of their imports, read from the sources."""

from __future__ import annotations

import ast
import functools
import importlib.util
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autoglm_fix.agent.frames import pack

AGENT = "autoglm_fix.agent"
_ALWAYS = (f"{AGENT}.memory", f"{AGENT}.loop", f"{AGENT}.hello", f"{AGENT}.collect")

# Under 1 KiB, and all that ever stands on a command line. It reads one frame (the sources) from
# stdin, executes the importer, and hands the channel over to the loop.
BOOTSTRAP = """
import json,os,sys,types,zlib
def read(n):
 b=b""
 while len(b)<n:
  c=os.read(0,n-len(b))
  if not c:sys.exit("no agent came over the channel")
  b+=c
 return b
s=json.loads(zlib.decompress(read(int.from_bytes(read(4),"big"))).decode())
m=types.ModuleType("autoglm_fix.agent.memory")
sys.modules[m.__name__]=m
exec(compile(s[m.__name__],"autoglm_fix/agent/memory.py","exec"),m.__dict__)
i=m.install(s)
from autoglm_fix.agent.loop import main
main(i)
""".strip()


def argv(python: str) -> tuple[str, ...]:
    """How an agent is started with a host's own Python: isolated, writing no bytecode."""
    return (python, "-I", "-B", "-X", "utf8", "-c", BOOTSTRAP)


def sources(roots: Iterable[str]) -> dict[str, str]:
    """The source of each module that these modules of the agent import, and of their packages.

    A package's source goes by the name ``package.__init__``.
    """
    seen: set[str] = set()
    found: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        module = _module(name)
        found[f"{name}.__init__" if module.is_package else name] = module.text
        waiting += module.imports
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return found


def boot_frame(roots: Iterable[str]) -> tuple[bytes, frozenset[str]]:
    """The first frame on a channel, and the names of the modules in it."""
    modules = sources([*_ALWAYS, *roots])
    return _boot_frame(tuple(sorted(modules.items()))), frozenset(modules)


@functools.lru_cache(maxsize=16)
def _boot_frame(modules: tuple[tuple[str, str], ...]) -> bytes:
    frame = pack(dict(modules))
    # Sent once to each host: the time that the best compression takes is spent once a run.
    body = zlib.compress(zlib.decompress(frame[4:]), 9)
    return len(body).to_bytes(4, "big") + body


@dataclass(frozen=True)
class _Module:
    text: str
    is_package: bool
    imports: tuple[str, ...]


@functools.cache
def _module(name: str) -> _Module:
    """A module's source, and the modules of the agent that it imports."""
    if name == "autoglm_fix":
        return _Module("", is_package=True, imports=())
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module {name!r}", name=name)
    text = Path(spec.origin).read_text("utf-8")
    is_package = spec.submodule_search_locations is not None
    package = name if is_package else name.rpartition(".")[0]
    imports: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            imports |= set(_imported(f"{base}.{node.module}" if node.module else base, node))
    return _Module(text, is_package, tuple(sorted(imports)))


def _imported(base: str, node: ast.ImportFrom) -> list[str]:
    """The module that is imported from, and those of the imported names that are modules."""
    names = [f"{base}.{alias.name}" for alias in node.names]
    return [base, *(name for name in names if _is_module(name))]


@functools.cache
def _is_module(name: str) -> bool:
    parent, _, leaf = name.rpartition(".")
    spec = importlib.util.find_spec(parent)
    if spec is None or not spec.submodule_search_locations:
        return False
    folders = [Path(folder) for folder in spec.submodule_search_locations]
    return any((folder / f"{leaf}.py").exists() or (folder / leaf / "__init__.py").exists() for folder in folders)
