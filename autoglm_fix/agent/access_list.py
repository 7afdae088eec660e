"""POSIX access lists, as the kernel gives them."""

from __future__ import annotations

import struct
from typing import Collection

_USER, _GROUP, _MASK = 0x02, 0x08, 0x10


def says(raw: bytes, uid: int, groups: Collection[int], wanted: int) -> bool | None:
    """Whether the list lets the user do that by name, None where it says nothing of the user."""
    entries = [struct.unpack_from("<HHI", raw, at) for at in range(4, len(raw) - 7, 8)]
    mask = next((rights for tag, rights, _ in entries if tag == _MASK), 7)
    for tag, rights, number in entries:
        if tag == _USER and number == uid:
            return bool(rights & mask & wanted)
    grants = [rights & mask for tag, rights, number in entries if tag == _GROUP and number in groups]
    return any(rights & wanted for rights in grants) if grants else None
