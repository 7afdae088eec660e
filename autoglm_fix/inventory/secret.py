"""Secrets that an inventory only names: read on the controller, when they are needed."""

from __future__ import annotations

import os
from pathlib import Path

from autoglm_fix.agent.service import Secret

_MOST_BYTES = 64 * 1024


class SecretUnreadable(ValueError):
    """A named secret that is not there. The message is for people and holds nothing of the secret."""


def read_secret(secret: Secret | None) -> str | None:
    """The text of a secret, without the line end of its file; None where none is named.

    Raises SecretUnreadable where it is missing, empty, or nothing that an HTTP header could carry.
    """
    if secret is None:
        return None
    if "env" in secret:
        where = f"the environment variable {secret['env']}"
        text = os.environ.get(secret["env"])
        if text is None:
            raise SecretUnreadable(f"{where} is not set")
    else:
        where = f"the file {secret['file']}"
        text = _read(Path(secret["file"]).expanduser(), where)
    text = text.strip()
    if not text:
        raise SecretUnreadable(f"{where} is empty")
    if not (text.isascii() and text.isprintable()):
        raise SecretUnreadable(f"{where} holds more than one line of plain text")
    return text


def _read(path: Path, where: str) -> str:
    try:
        with path.open("rb") as source:
            return source.read(_MOST_BYTES).decode("utf-8")
    except OSError as err:
        raise SecretUnreadable(f"{where} cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise SecretUnreadable(f"{where} holds no text") from err
