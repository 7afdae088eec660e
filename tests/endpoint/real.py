"""The real server of the tests: ``transformers serve`` with a real model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import reserved


@contextmanager
def transformers_serve(model: Path, scratch: Path, device: str) -> Iterator[str]:
    """Its endpoint; it may still be starting. Skips where this Python has no such server."""
    program = Path(sys.executable).with_name("transformers")
    if not program.exists():
        pytest.skip("this Python has no transformers[serving]")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch)}
    command = [str(program), "serve", str(model), "--device", device, "--port"]
    with (
        reserved() as port,
        (scratch / "log").open("wb") as log,
        subprocess.Popen([*command, str(port)], env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
