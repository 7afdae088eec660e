"""The line of a crash log that tells why, found by a table of such lines."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import msgspec

from autoglm_fix.knowledge import table


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of line: its ``pattern``, the ``cause`` that it tells, the diagnostic (``step``) that judges the same."""

    cause: str
    pattern: str
    source: str
    step: str = ""


@functools.cache
def signatures() -> tuple[tuple[re.Pattern[str], Signature], ...]:
    """The table, ready to search."""
    rows = table("log_signatures", tuple[Signature, ...])
    return tuple((re.compile(row.pattern), row) for row in rows)


def telling(log: Sequence[str]) -> tuple[Signature, str] | None:
    """The first line that tells a cause, with its signature; None where no line does."""
    for line in log:
        for pattern, row in signatures():
            if pattern.search(line):
                return row, line.strip()
    return None
