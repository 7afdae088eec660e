"""Which of the agent's modules a request needs: the closure of their imports, read from the sources."""

from __future__ import annotations

import functools
import json
import re
import zlib
from collections.abc import Iterable

from autoglm_fix.agent.sources import with_imports

AGENT = "autoglm_fix.agent"
# Triple quotes at the start of a line are docstrings, by the formatter's own rule.
_DOCSTRING = re.compile(r'^([ \t]*)"""(?:[^"]|"(?!""))*"""[ \t]*$', re.MULTILINE)
_INDENT = re.compile(r"^(?: {4})+", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
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


def sources(roots: Iterable[str], *, later: bool = True) -> dict[str, str]:
    """The source of each module that these modules of the agent import, and of their packages.

    Without ``later``, those that are imported inside a function are left out: what is rarely needed.
    """
    return dict(_sources(tuple(sorted(roots)), later))


def boot_frame(roots: Iterable[str]) -> tuple[bytes, frozenset[str]]:
    """The first frame on a channel, and the names of the modules in it."""
    return _boot_frame(tuple(sorted({*_ALWAYS, *roots})))


def lean(source: str) -> str:
    """A module's source without docstrings, comment lines and wide indents: a quarter less on the wire.

    Line numbers stay, so that a traceback from a host points to the right place here.
    """
    without = _DOCSTRING.sub(lambda found: found[1] + '""' + "\n" * found[0].count("\n"), source)
    return _INDENT.sub(lambda found: " " * (len(found[0]) // 4), _COMMENT.sub("", without))


@functools.cache
def _sources(roots: tuple[str, ...], later: bool) -> dict[str, str]:
    return {name: lean(source) for name, source in with_imports(*roots, later=later).items()}


@functools.cache
def _boot_frame(roots: tuple[str, ...]) -> tuple[bytes, frozenset[str]]:
    modules = _sources(roots, False)
    # Sent to each host, made once a run: here the best compression is worth its time.
    body = zlib.compress(json.dumps(modules, ensure_ascii=False).encode(), 9)
    return len(body).to_bytes(4, "big") + body, frozenset(modules)
