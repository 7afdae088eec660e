"""A message as a frame: what the agent's ``pack`` does, for a controller that makes thousands of them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

# Setting up the usual window takes seven times as long as deflating a small text.
_SMALL = 4096
_WINDOW = 12
_MEMORY = 5


def pack(message: Mapping[str, Any]) -> bytes:
    """One message as a frame."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    deflate = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, _MEMORY) if len(text) < _SMALL else zlib.compressobj(1)
    body = deflate.compress(text) + deflate.flush()
    return len(body).to_bytes(4, "big") + body
