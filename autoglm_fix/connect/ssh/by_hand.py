"""How a person gets to a host with ``ssh``: the words to paste."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from .settings import SshSettings


def by_hand(chain: Sequence[SshSettings]) -> str:
    """What to type behind ``ssh`` to get to the last of these, each reached through those before it.

    The key that opens it stands in the configuration, as nothing else names keys of jump hosts; user and port may
    stand in the inventory alone.
    """
    *before, last = chain
    words = ["-F", last.config] if last.config else []
    if before:
        words += ["-J", ",".join(_hop(each) for each in before)]
    if last.port != 22:
        words += ["-p", str(last.port)]
    return shlex.join([*words, f"{last.user}@{last.name}"])


def _hop(jump: SshSettings) -> str:
    name = f"[{jump.name}]" if ":" in jump.name else jump.name
    return f"{jump.user}@{name}" if jump.port == 22 else f"{jump.user}@{name}:{jump.port}"
