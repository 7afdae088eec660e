"""A server of models small enough for every test's unit: ``python3 -m tests.services.fake PORT FOLDER``.

What it does is in its model's folder, and is read once, at its start, as by any server of models: the name of a mode
of ``tests.endpoint`` in ``behaviour``, or ``crash``; settings that leave no room for an answer make an empty one, and
weights that differ from those in the folder ``$GOOD`` make garbage. It asks for the key in ``$KEY``, and takes
``$SLOW`` seconds to start.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from pathlib import Path

from tests.endpoint.modes import MODES, Mode, always
from tests.endpoint.server import FakeServer

SETTINGS = "generation_config.json"
BEHAVIOUR = "behaviour"


def behaviour(folder: Path) -> Mode:
    """How a model in this folder answers. Raises what a server of models ends with."""
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    written = folder / BEHAVIOUR
    named = written.read_text(encoding="utf-8").strip() if written.exists() else "ok"
    if named == "crash":
        raise ModuleNotFoundError("No module named 'flash_attn'")
    mode = MODES[named]
    good = os.environ.get("GOOD")
    if good and any(
        (folder / each.name).read_bytes() != each.read_bytes() for each in Path(good).glob("*.safetensors")
    ):
        mode = MODES["bang"]
    if settings.get("max_new_tokens") == 0:
        mode = dataclasses.replace(mode, says=always(""))
    return dataclasses.replace(mode, key=os.environ.get("KEY"))


def main(port: str, folder: str) -> None:
    sys.stdout.write(f"loading {folder}\n")
    sys.stdout.flush()
    mode = behaviour(Path(folder))
    # Something moves, as where a model is read.
    until = time.monotonic() + float(os.environ.get("SLOW", "0"))
    while time.monotonic() < until:
        sum(range(100_000))
        time.sleep(0.05)
    FakeServer(mode, int(port)).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
