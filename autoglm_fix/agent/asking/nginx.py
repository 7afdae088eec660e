"""nginx's configuration, as far as it tells what is proxied and for how long an answer is waited for."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from typing import Iterator, Mapping

_MOST_FILES, _MOST_BYTES, _DEEPEST = 60, 1 << 18, 20
_TOKEN = re.compile(r"""\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\$\{\w+\}|\\.|[^\s{};\\])+""", re.DOTALL)
_TARGET = re.compile(r"https?://(\[[^\]]*\]|[^/:]+)(?::(\d+))?")
_WAITS = ("proxy_read_timeout", "proxy_send_timeout")
_HERE = ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "host.docker.internal")


@dataclass(frozen=True)
class FrontEnd:
    """A ``proxy_pass`` of nginx to the service's port: its place, and how long nginx waits there.

    ``read`` and ``send`` are as written ("60s", "5m"), empty where nothing sets them; ``read_by`` and ``send_by``
    are "path:line" of what does.
    """

    path: str
    line: int
    target: str
    read: str = ""
    read_by: str = ""
    send: str = ""
    send_by: str = ""


@dataclass
class _Directive:
    """One directive with its words, and those of its block."""

    words: list[str]
    path: str
    line: int
    block: list[_Directive] = field(default_factory=list)


def front_ends(path: str, port: int, unseen: list[str]) -> list[FrontEnd]:
    """Every ``proxy_pass`` below this file that leads to that port of this host."""
    reading = _Reading(os.path.dirname(path), unseen)
    whole = reading.file(path, 0)
    upstreams = {
        each.words[1]: [server.words[1] for server in each.block if server.words[0] == "server" and server.words[1:]]
        for each in _all(whole, 0)
        if each.words[0] == "upstream" and each.words[1:]
    }
    return list(_proxies(whole, {}, port, upstreams, 0))


class _Reading:
    """One look at a configuration and the files that it includes, each once at a place."""

    def __init__(self, prefix: str, unseen: list[str]) -> None:
        self._prefix = prefix
        self._unseen = unseen
        self._left = _MOST_FILES

    def file(self, path: str, depth: int) -> list[_Directive]:
        """Its directives, with what it includes in their place."""
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return []
        try:
            with open(path, "rb") as source:
                text = source.read(_MOST_BYTES).decode("utf-8", "replace")
        except OSError as err:
            self._unseen.append(f"{path}: {err.strerror}")
            return []
        return self._block(path, _tokens(text), depth)

    def _block(self, path: str, tokens: Iterator[tuple[str, int]], depth: int) -> list[_Directive]:
        """Up to the brace that closes it, or the end."""
        found: list[_Directive] = []
        words: list[str] = []
        begun = 1
        for token, line in tokens:
            if token == "}":
                break
            if token not in (";", "{"):
                begun = begun if words else line
                words.append(token)
                continue
            block = self._block(path, tokens, depth + 1) if token == "{" and depth < _DEEPEST else []
            if words[:1] == ["include"] and words[1:]:
                found += self._included(words[1], depth)
            elif words:
                found.append(_Directive(words, path, begun, block))
            words = []
        return found

    def _included(self, pattern: str, depth: int) -> list[_Directive]:
        paths = sorted(glob.glob(os.path.join(self._prefix, pattern)))
        return [each for path in paths for each in self.file(path, depth + 1)]


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Words, braces and semicolons with their lines, quotes taken off."""
    line, at = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        token = found[0]
        if not token.startswith("#"):
            yield (token[1:-1] if token[0] in "\"'" and len(token) > 1 else token), line


def _all(directives: list[_Directive], depth: int) -> Iterator[_Directive]:
    for each in directives:
        yield each
        yield from _all(each.block, depth + 1)


def _proxies(
    directives: list[_Directive],
    waits: Mapping[str, tuple[str, str]],
    port: int,
    upstreams: Mapping[str, list[str]],
    depth: int,
) -> Iterator[FrontEnd]:
    """Those of a block and of the blocks in it, which take over what they do not set themselves."""
    own = {
        each.words[0]: (each.words[1], f"{each.path}:{each.line}")
        for each in directives
        if each.words[0] in _WAITS and each.words[1:]
    }
    waits = {**waits, **own}
    for each in directives:
        if each.words[0] == "proxy_pass" and each.words[1:] and _leads(each.words[1], port, upstreams):
            (read, read_by), (send, send_by) = (waits.get(name, ("", "")) for name in _WAITS)
            yield FrontEnd(each.path, each.line, each.words[1], read, read_by, send, send_by)
        yield from _proxies(each.block, waits, port, upstreams, depth + 1)


def _leads(target: str, port: int, upstreams: Mapping[str, list[str]]) -> bool:
    """Whether a target is that port of this host, itself or by the name of a group of servers."""
    found = _TARGET.match(target)
    if found is None:
        return False
    if not found[2] and found[1] in upstreams:
        return any(_leads("http://" + server, port, {}) for server in upstreams[found[1]])
    default = 443 if target.startswith("https") else 80
    return found[1] in _HERE and int((found[2] or str(default))[:6]) == port
