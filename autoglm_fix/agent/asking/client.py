"""A checkout of Open-AutoGLM: whom it asks, and for how long it waits."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Mapping

_MOST = 1 << 18
_MADE = re.compile(r"\b(?:Async)?OpenAI\s*\(")
# A number, None, or a Timeout of httpx's by its first value; what is none of these is somebody's variable.
_TIMEOUT = re.compile(
    r"\btimeout\s*=\s*(?:(?:(?:\w+\.)?Timeout\s*\(\s*(?:timeout\s*=\s*)?)?(None|\d+(?:\.\d+)?)(?=\s*[,)\n]))?"
)
_RETRIES = re.compile(r"\bmax_retries\s*=\s*(\d+)?")
_URL = "PHONE_AGENT_BASE_URL"
_DEFAULT = re.compile(r"""(?:getenv|environ\.get)\(\s*["']PHONE_AGENT_BASE_URL["']\s*,\s*["']([^"']*)["']""")
_SET = re.compile(r"""^[ \t]*(?:export[ \t]+)?PHONE_AGENT_BASE_URL=["']?([^"'\s#]*)""", re.MULTILINE)
_BASE = re.compile(r"""base_url\s*:\s*str\s*=\s*["']([^"']*)["']""")


@dataclass(frozen=True)
class Client:
    """A checkout of Open-AutoGLM that asks the service's port. ``path`` is the file that makes the connection.

    ``timeout`` is the number of seconds that stands there, "None" for a client that shall wait for ever, "?" for
    what only its program could tell, empty where nothing is set; ``retries`` likewise. ``line`` is that of the
    connection, ``url`` what it asks.
    """

    path: str
    line: int
    url: str
    timeout: str = ""
    retries: str = ""


def client(folder: str, environment: Mapping[str, str]) -> Client | None:
    """The client in this folder; None where it makes no connection, or sets no URL that could be read."""
    path = os.path.join(folder, "phone_agent", "model", "client.py")
    text = _uncommented(_text(path))
    made = _MADE.search(text)
    told = [
        environment.get(_URL, ""),
        *_SET.findall(_text(os.path.join(folder, ".env")))[-1:],
        *_DEFAULT.findall(_text(os.path.join(folder, "main.py"))),
        *_BASE.findall(text),
    ]
    url = next((each for each in told if each), "")
    if made is None or not url:
        return None
    return Client(path, text.count("\n", 0, made.start()) + 1, url, _said(_TIMEOUT, text), _said(_RETRIES, text))


def _said(pattern: re.Pattern[str], text: str) -> str:
    """The last of them, which a single request may have of its own; "?" where it is no literal."""
    found = [each[1] or "?" for each in pattern.finditer(text)]
    return found[-1] if found else ""


def _uncommented(text: str) -> str:
    return re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE)


def _text(path: str) -> str:
    try:
        with open(path, "rb") as source:
            return source.read(_MOST).decode("utf-8", "replace")
    except OSError:
        return ""
