"""One known_hosts file: read once, asked by name, and added to at its end."""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from dataclasses import dataclass

from .patterns import any_of

_HASHED = "|1|"
_MARKERS = ("@cert-authority", "@revoked")


@dataclass(frozen=True)
class Known:
    """A line of known_hosts. ``marker`` is ``@cert-authority``, ``@revoked`` or empty; ``blob`` is the key itself."""

    marker: str
    names: str
    kind: str
    blob: bytes
    file: str
    line: int


@dataclass(frozen=True)
class _Hashed:
    salt: bytes
    digest: bytes
    known: Known


class KnownHosts:
    """A file of known hosts. Not for several threads at once; other programs may add to it meanwhile."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._plain: dict[str, list[Known]] = {}
        self._patterns: list[tuple[tuple[str, ...], Known]] = []
        self._hashed: list[_Hashed] = []
        self._read = 0
        self._lines = 0  # ended ones
        self._identity: tuple[int, int] | None = None

    def look_up(self, name: str) -> list[Known]:
        """The lines that speak of a host, in their order. An absent file has none; OSError for an unreadable one."""
        if self._identity is None:
            self._catch_up()
        found = list(self._plain.get(name, ()))
        found += [known for patterns, known in self._patterns if any_of(name, patterns)]
        text = name.encode()
        found += [each.known for each in self._hashed if hmac.digest(each.salt, text, "sha1") == each.digest]
        return sorted(found, key=lambda known: known.line)

    def add(self, name: str, kind: str, blob: bytes, *, hashed: bool) -> list[Known]:
        """Note a key at the end of the file, unless others have noted one for that name meanwhile: those are returned.

        No line is rewritten or lost, whoever else writes. The file and its folder are for the user alone where they
        are made here. OSError where it cannot be written.
        """
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._catch_up()
            if meanwhile := self.look_up(name):
                return meanwhile
            line = f"{_hash(name) if hashed else name} {kind} {base64.b64encode(blob).decode()}\n"
            handle.write(self._ending(handle.fileno()) + line.encode())
            self._catch_up()
        return []

    def _ending(self, descriptor: int) -> bytes:
        """The line end that the last line lacks."""
        size = os.fstat(descriptor).st_size
        return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""

    def _catch_up(self) -> None:
        """Read what is there and was not read yet: all of it where the file is another one or has become shorter."""
        try:
            with open(self.path, "rb") as handle:
                status = os.fstat(handle.fileno())
                identity = (status.st_dev, status.st_ino)
                if identity != self._identity or status.st_size < self._read:
                    self._forget()
                handle.seek(self._read)
                text = handle.read()
        except (FileNotFoundError, NotADirectoryError):
            self._forget()
            self._identity = (0, 0)
            return
        self._identity = identity
        for number, raw in enumerate(text.split(b"\n"), self._lines + 1):
            if known := _parsed(raw.decode("utf-8", "replace"), self.path, number):
                self._index(known)
        self._lines += text.count(b"\n")
        self._read += len(text)

    def _forget(self) -> None:
        self._plain, self._patterns, self._hashed = {}, [], []
        self._read = self._lines = 0

    def _index(self, known: Known) -> None:
        if known.names.startswith(_HASHED):
            salt, _, digest = known.names[len(_HASHED) :].partition("|")
            try:
                self._hashed.append(_Hashed(base64.b64decode(salt), base64.b64decode(digest), known))
            except binascii.Error:
                return
            return
        names = known.names.lower().split(",")
        if any(char in known.names for char in "*?!"):
            self._patterns.append((tuple(names), known))
            return
        for name in dict.fromkeys(names):
            self._plain.setdefault(name, []).append(known)


def fingerprint(blob: bytes) -> str:
    """A key's fingerprint as ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def public_keys(path: str) -> Iterator[bytes]:
    """The keys in a file with one a line, as in authorized_keys without options. OSError."""
    with open(path, "rb") as handle:
        for raw in handle:
            words = raw.decode("utf-8", "replace").split()
            if len(words) > 1 and not words[0].startswith("#") and (blob := _decoded(words[1])):
                yield blob


def _parsed(text: str, file: str, number: int) -> Known | None:
    words = text.split()
    marker = words.pop(0) if words and words[0] in _MARKERS else ""
    if len(words) < 3 or words[0].startswith(("#", "@")):
        return None
    blob = _decoded(words[2])
    # The key says itself of which kind it is: a line that says otherwise is broken.
    kind = words[1]
    if not blob or blob[4 : 4 + int.from_bytes(blob[:4], "big")] != kind.encode():
        return None
    return Known(marker, words[0], kind, blob, file, number)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _hash(name: str) -> str:
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"{_HASHED}{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
