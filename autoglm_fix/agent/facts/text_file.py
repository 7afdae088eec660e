"""One small text file, as a fact tells of it."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 1 << 22


@dataclass(frozen=True)
class TextFile:
    """One text file. ``host`` is the path that an edit replaces: where it is a link, the link itself.

    It is None where no path of the host leads there (a container's image).

    ``state``: ``ok``, ``missing``, ``empty`` (or blanks), ``pointer`` (of Git LFS), ``page`` (a web page was
    saved), ``not-text`` (no UTF-8), ``too-large`` or ``not-a-file``; ``detail`` says more. ``text`` is
    the content of what is text, a byte order mark included; ``sha256`` that of the bytes.
    """

    name: str
    inside: str
    host: str | None
    state: str
    text: str = ""
    sha256: str | None = None
    detail: str = ""
