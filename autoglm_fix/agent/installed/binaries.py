"""What only a binary says: the exact version of a Python, and the C library of another root."""

from __future__ import annotations

import mmap
import re

from .layout import Folders, minor

_GLIBC = re.compile(rb"GNU C Library [^\n]{0,80}?version (\d+\.\d+)")
_MUSL = re.compile(rb"\x00(1\.[12]\.\d+)\x00")
_LONGEST = 1 << 27


def python_version(folders: Folders, binary: str, base: str, library: str) -> str:
    """The version in a Python's binary or its shared library, as "3.11.2"; else the library's, "3.11"."""
    short = minor(library)
    # A linker may let it be the end of a longer string, as that of the prefix ".../versions/3.11.7".
    pattern = re.compile(rb"[\x00/-](" + re.escape(short).encode() + rb"\.\d+(?:(?:a|b|rc)\d+)?)\+?\x00")
    for place in (binary, f"{base}/lib/lib{library}.so.1.0", f"{base}/lib64/lib{library}.so.1.0"):
        found = _search(folders, place, pattern)
        if found:
            return found
    return short


def glibc(folders: Folders, machine: str) -> tuple[str, str]:
    """The version of glibc and of musl in the service's root, empty for the one that it has not."""
    for place in (f"/lib/{machine}-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib64/libc.so.6", "/lib/libc.so.6"):
        found = _search(folders, place, _GLIBC)
        if found:
            return found, ""
    return "", _search(folders, f"/lib/ld-musl-{machine}.so.1", _MUSL)


def _search(folders: Folders, inside: str, pattern: re.Pattern[bytes]) -> str:
    place = folders.at(inside)
    if place is None:
        return ""
    try:
        with open(place, "rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = pattern.search(content, 0, _LONGEST)
            return found[1].decode() if found else ""
    except (OSError, ValueError):  # ValueError: an empty file has nothing to map
        return ""
