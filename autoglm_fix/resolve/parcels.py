"""Wheels that the controller has fetched, to be sent to a host that cannot fetch them itself."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from autoglm_fix.agent.changes import Change

__all__ = ["NoParcel", "Parcel", "fetched", "parcels_of"]

_CHUNK = 1 << 20
_SILENCE_S = 60.0


class NoParcel(Exception):
    """A wheel that could not be had, in one sentence for people."""


@dataclass(frozen=True)
class Parcel:
    """A file to send. ``size`` in bytes where known; ``url`` is where it comes from (``file:`` for a folder here)."""

    name: str
    sha256: str
    size: int | None
    url: str


def parcels_of(change: Change) -> list[Parcel]:
    """What has to be on the host before a change can be made."""
    if change.kind != "install":
        return []
    # Imported here: most runs send nothing.
    from autoglm_fix.agent.changes.install import Install

    if not isinstance(change, Install) or change.source != "parcels":
        return []
    return [
        Parcel(str(pin["file"]), str(pin["sha256"]), pin["size"], str(pin["url"]))
        for pin in change.pins
        if pin["version"] is not None
    ]


def fetched(parcel: Parcel, folder: Path, credentials: str = "") -> Path:
    """A parcel's path here: in its own folder, else below ``folder``, into which it is fetched.

    Its digest was checked. ``credentials`` ("user:password") are shown to the server in ``url`` alone.
    """
    if parcel.url.startswith("file:"):
        path = Path(unquote(urlsplit(parcel.url).path))
        _check(path, parcel)
        return path
    place = folder / parcel.sha256
    path = place / parcel.name
    if not path.is_file():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        import tempfile

        handle, part = tempfile.mkstemp(dir=place)
        try:
            os.close(handle)
            _download(parcel, Path(part), _authorization(credentials))
            _check(Path(part), parcel)
            os.replace(part, path)
        finally:
            Path(part).unlink(missing_ok=True)
    return path


def _download(parcel: Parcel, part: Path, authorization: str) -> None:
    # Imported here: most runs send nothing, and what speaks TLS takes its time to load.
    import http.client

    from autoglm_fix.agent.web import Web, WebError, broken

    web = Web(os.environ)
    try:
        with web.open(parcel.url, authorization=authorization, timeout=_SILENCE_S) as response, part.open("wb") as out:
            while data := response.read(_CHUNK):
                out.write(data)
    except WebError as err:
        raise NoParcel(f"{parcel.name} cannot be fetched: {err}") from err
    except (OSError, http.client.HTTPException) as err:
        raise NoParcel(f"{parcel.name} cannot be fetched: {broken(parcel.url, err)}") from err


def _check(path: Path, parcel: Parcel) -> None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source:
            while data := source.read(_CHUNK):
                digest.update(data)
    except OSError as err:
        raise NoParcel(f"{path} cannot be read: {err.strerror}") from err
    if digest.hexdigest() != parcel.sha256:
        raise NoParcel(f"{parcel.name} is not what its index said: its sha256 is {digest.hexdigest()}")


def _authorization(credentials: str) -> str:
    if not credentials:
        return ""
    return "Basic " + base64.b64encode(unquote(credentials).encode()).decode()
