"""What is wrong with a JSON text, or with what it says."""

from __future__ import annotations

import json
from typing import Any

from ..formats import clean


def fault(err: Exception, wanted: str = "table") -> dict[str, Any]:
    """Why a file could not be read as JSON, or is not what was ``wanted``: ``problem``, and where (1-based)."""
    if isinstance(err, json.JSONDecodeError):
        problem = f"{clean(err.msg)} in line {err.lineno}, column {err.colno}"
        return {"problem": problem, "line": err.lineno, "column": err.colno}
    if isinstance(err, (ValueError, RecursionError)):
        return {"problem": clean(str(err))}
    return {"problem": f"it is no {wanted}: {clean(repr(err))}"}
