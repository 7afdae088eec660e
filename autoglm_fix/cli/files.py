"""The files that reports go to: opened before any host is touched."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TextIO

import click

from . import options


class Files:
    """What ``--junit`` and ``--html`` name, open to be written; None where nothing is named."""

    def __init__(self, manner: options.Manner) -> None:
        self.junit = _opened(manner.junit, "--junit")
        self.html = _opened(manner.html, "--html")

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self.junit, self.html):
            if file is not None:
                file.close()


def _opened(path: Path | None, option: str) -> TextIO | None:
    if path is None:
        return None
    try:
        return path.open("w", encoding="utf-8")
    except OSError as err:
        raise click.UsageError(f"{option}: cannot write {path}: {err.strerror}") from err
