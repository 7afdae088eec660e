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
_ALWAYS = (f"{AGENT}.memory", f"{AGENT}.loop", f"{AGENT}.collect")
# Many hosts want the same frame at the same time: one of them makes it.
_ONE = threading.Lock()

# Under 1 KiB, and all that ever stands on a command line. It reads one frame (the sources) from
# stdin, executes the importer, and hands the channel over to the loop.
BOOTSTRAP = """
import os,sys,types,zlib
def read(n):
 b=b""
 while len(b)<n:
  c=os.read(0,n-len(b))
  if not c:sys.exit("no agent came over the channel")
  b+=c
 return b
t=zlib.decompress(read(int.from_bytes(read(4),"big"))).decode().split("\\0")
s=dict(zip(t[::2],t[1::2]))
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
        body = _packed(tuple(modules.items()))
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
def _packed(modules: tuple[tuple[str, str], ...]) -> bytes:
    # Sent to each host, made once a run: here the best compression is worth its time.
    squeeze = zlib.compressobj(9, memLevel=9)
    return squeeze.compress("\0".join(part for module in modules for part in module).encode()) + squeeze.flush()
