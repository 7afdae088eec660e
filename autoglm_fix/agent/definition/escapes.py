"""The escapes in the words of systemd's settings, which few have, after systemd.syntax(7) of systemd 252, 2026-11-22.

Pure.
"""

from __future__ import annotations

import re

_ESCAPES = dict(zip("abfnrtvs\\\"'", "\a\b\f\n\r\t\v \\\"'"))
_CODE = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})")


def unescaped(text: str, at: int) -> tuple[str, int]:
    """What the backslash in front of ``at`` and what follows it stand for, and where the text goes on."""
    code = _CODE.match(text, at)
    if code:
        return chr(int(code[1] or code[2] or code[3] or code[4], 8 if code[4] else 16)), code.end()
    return _ESCAPES.get(text[at], "\\" + text[at]), at + 1
