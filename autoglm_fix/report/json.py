"""``--format json``: one document on the stream when the run is over, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from autoglm_fix.authored.problems import Problem
from autoglm_fix.engine.events import Event, RunDone

from .document import bad_input_document, result_document
from .safe import json_text


class JsonReport:
    """A listener that prints the document of a run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Print at the end of the run."""
        if isinstance(event, RunDone):
            self._stream.write(json_text(result_document(event.result), indent=2) + "\n")
            self._stream.flush()


def print_errors(stream: TextIO, problems: Iterable[Problem]) -> None:
    """The document of a command line, playbook or inventory that is wrong."""
    stream.write(json_text(bad_input_document(problems), indent=2) + "\n")
    stream.flush()
