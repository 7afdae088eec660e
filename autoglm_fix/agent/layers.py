"""The files of a container that does not run: its layers, laid one over the other for this process alone."""

from __future__ import annotations

import ctypes
import os
from typing import Mapping

from .unknown import CannotTell

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_READ_ONLY, _EVERY_BELOW, _AS_A_SLAVE = 1, 1 << 14, 1 << 19  # MS_RDONLY, MS_REC, MS_SLAVE


def mounted(name: str, path: str, graph: Mapping[str, str]) -> str:
    """A folder that shows what the container would see at its start. CannotTell where it cannot be shown.

    The mount is read-only and private to this process and its children: the host sees nothing of it. ``path`` is
    the one that somebody asked for.
    """
    where = f"{path} lies in an image layer of the container {name}, which does not run"
    upper, lower, place = (graph.get(key, "") for key in ("UpperDir", "LowerDir", "WorkDir"))
    layers = [upper, *lower.split(":")]
    if not (upper and lower and place):
        raise CannotTell(f"{where}; its engine does not say where its layers are")
    if any(not os.path.isdir(each) for each in (*layers, place)):
        raise CannotTell(f"{where}; the agent's user cannot look at its layers")
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        _done(libc.unshare(_NEW_MOUNTS))
        _done(libc.mount(b"none", b"/", None, ctypes.c_ulong(_EVERY_BELOW | _AS_A_SLAVE), None))
        options = "lowerdir=" + ":".join(layers)
        kind = b"overlay"
        _done(libc.mount(kind, os.fsencode(place), kind, ctypes.c_ulong(_READ_ONLY), os.fsencode(options)))
    except (OSError, AttributeError) as err:
        raise CannotTell(f"{where}; its layers cannot be looked at: {err}") from err
    return place


def _done(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
