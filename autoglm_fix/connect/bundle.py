"""Which of the agent's modules a request needs: the closure of their imports, read from the sources."""

from __future__ import annotations

import functools
import threading
import zlib
from collections.abc import Iterable, Mapping

from autoglm_fix.agent.frames import pack_bytes
from autoglm_fix.agent.sources import with_imports

from .lean import lean

AGENT = "autoglm_fix.agent"
_ALWAYS = (f"{AGENT}.memory", f"{AGENT}.classes", f"{AGENT}.loop", f"{AGENT}.collect")
# Many hosts want the same frame at the same time: one of them makes it.
_ONE = threading.Lock()

# What stands on a command line, in one line that a shell may hold in single quotes and with nothing in it that any of
# them would expand. It reads the first frame, not a byte more, and executes the first text in it.
BOOTSTRAP = (
    "import io,sys,zlib;r=io.BufferedReader(io.FileIO(0,closefd=0),1).read;"
    't=zlib.decompress(r(int.from_bytes(r(4)or sys.exit("no agent came over the channel"),"big")));'
    "t=t.decode().split(chr(0));exec(t[0])"
)
# The first text: it executes the importer, and hands the channel over to the loop.
_TAKE_OVER = """
import types
s=dict(zip(t[1::2],t[2::2]))
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


def boot_frame(roots: Iterable[str]) -> tuple[bytes, frozenset[str]]:
    """The first frame on a channel, and the names of the modules in it: these, and what every agent needs."""
    with _ONE:
        modules = _sources(tuple(sorted({*_ALWAYS, *roots})), False)
        body = _packed(tuple(modules.items()), _TAKE_OVER)
    return len(body).to_bytes(4, "big") + body, frozenset(modules)


def load_frame(roots: Iterable[str], sent: frozenset[str], *, later: bool) -> tuple[bytes, frozenset[str]]:
    """A frame with those of these modules, and of what they import, that were not sent; and their names.

    Without ``later``, what is imported inside a function is left out: it is rarely needed. Raises
    ImportError for a module that there is not.
    """
    with _ONE:
        wanted = _sources(tuple(sorted(roots)), later)
        more = tuple((name, source) for name, source in wanted.items() if name not in sent)
        return (pack_bytes(0, _packed(more)) if more else b""), frozenset(name for name, _ in more)


@functools.cache
def _sources(roots: tuple[str, ...], later: bool) -> Mapping[str, str]:
    return with_imports(*roots, later=later, lean=_lean)


_lean = functools.cache(lean)


@functools.cache
def _packed(modules: tuple[tuple[str, str], ...], *first: str) -> bytes:
    # Sent to each host, made once a run: here the best compression is worth its time.
    squeeze = zlib.compressobj(9, memLevel=9)
    parts = [*first, *(part for module in modules for part in module)]
    return squeeze.compress("\0".join(parts).encode()) + squeeze.flush()
