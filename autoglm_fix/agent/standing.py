"""What stands on a host from before this run: whether somebody put it on hold, and what an earlier run left drained."""

from __future__ import annotations

from typing import Any

from .context import Context
from .kernel import text
from .state import State

HOLD = "/etc/autoglm-fix/hold"
_MOST = 200


def standing(ctx: Context, state: State) -> dict[str, Any]:
    """``hold``: the reason why nothing may be changed here, None where there is none; ``drained``: see there.

    ``machine`` is the machine's id, empty where it has none.
    """
    told: dict[str, Any] = {"hold": hold(), "machine": text("/etc/machine-id").strip()}
    for run in state.runs():
        # What most hosts have none of is looked at by code that they don't get.
        if '"drain"' in text(state.run_folder(run) + "/journal.jsonl"):
            from .drained import drained

            return {**told, "drained": drained(state)}
    return told


def hold(path: str = HOLD) -> str | None:
    """The first line of the file that makes this host read-only. One that cannot be read holds as well."""
    try:
        with open(path, errors="replace") as source:
            line = source.readline(_MOST).strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""
    return "".join(char if char.isprintable() else "?" for char in line)
