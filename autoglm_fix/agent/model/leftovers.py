"""What downloads leave behind: unfinished parts, and the digests that a hub's client wrote down."""

from __future__ import annotations

import os
import re

_UNFINISHED = (".incomplete", ".aria2", ".part", ".crdownload", ".download")
_LOCAL = os.path.join(".cache", "huggingface", "download")
_MODELSCOPE = "._____temp"
_DIGEST = re.compile(r"[0-9a-f]{64}$")
_MOST = 200


def leftovers(folder: str, repo: str) -> dict[str, int]:
    """Unfinished downloads in the model's folder and in the hub's cache for it: path -> bytes there."""
    found: dict[str, int] = {}
    places = [(folder, False), (os.path.join(folder, _LOCAL), False), (os.path.join(folder, _MODELSCOPE), True)]
    if repo:
        places.append((os.path.join(repo, "blobs"), False))
    for place, every in places:
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue
        for name in names:
            path = os.path.join(place, name)
            if (every or name.endswith(_UNFINISHED)) and len(found) < _MOST and name.isprintable():
                try:
                    seen = os.lstat(path)
                except OSError:
                    continue
                if not os.path.isdir(path):
                    found[path] = seen.st_blocks * 512 if seen.st_blocks else seen.st_size
    return found


def recorded_digest(folder: str, name: str, path: str) -> str | None:
    """The sha256 with which the file was downloaded, offline: its blob's name, or the client's own note."""
    blob = os.path.basename(path)
    if os.path.basename(os.path.dirname(path)) == "blobs" and _DIGEST.match(blob):
        return blob
    try:
        with open(os.path.join(folder, _LOCAL, name + ".metadata"), encoding="utf-8", errors="replace") as note:
            lines = note.read(1000).splitlines()  # commit, etag, time
    except OSError:
        return None
    etag = lines[1].strip().strip('"') if len(lines) > 1 else ""
    return etag if _DIGEST.match(etag) else None
