"""What a host said, made fit to be shown: what a terminal would obey is escaped."""

from __future__ import annotations

import json
import re
from typing import Any

from .mask import Masker, masked

__all__ = ["Masker", "json_text", "masked", "safe", "safe_lines"]

# C0, DEL, C1, soft hyphen, invisible marks, bidi overrides, line separators, BOM, lone surrogates, tags.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_BREAKS = re.compile("[ \t]*(?:\r\n|[\n\r\v\f\x85\u2028\u2029])[ \t\n\r\v\f\x85\u2028\u2029]*")


def safe(text: str) -> str:
    """Text for one line of a terminal: line breaks become one space, what a terminal obeys is escaped."""
    return _UNSAFE.sub(_escape, _BREAKS.sub(" ", text))


def safe_lines(text: str) -> list[str]:
    """Text of several lines (a diff, a log's tail), each escaped; only a newline ends a line."""
    return [_UNSAFE.sub(_escape, line) for line in text.removesuffix("\n").split("\n")]


def json_text(document: Any, *, indent: int | None = None) -> str:
    """JSON that is safe to print: letters stay readable, what a terminal obeys is a JSON escape."""
    return _UNSAFE.sub(_json_escape, json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent))


def _json_escape(match: re.Match[str]) -> str:
    # The newlines that are left are the indentation: json has escaped those of strings.
    if match[0] == "\n":
        return match[0]
    return "\\u007f" if match[0] == "\x7f" else json.dumps(match[0])[1:-1]


def _escape(match: re.Match[str]) -> str:
    point = ord(match[0])
    if point == 9:
        return "\\t"
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
