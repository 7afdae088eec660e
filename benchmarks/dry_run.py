"""A healthy local dry-run of ``no-output`` on a small real model (generation left out), beside plain ``pip check``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from autoglm_fix.demo.prepare import prepare

from .timing import command, compare, show

_INVENTORY = """\
all:
  hosts:
    localhost:
      ansible_connection: local
      service: {{python: {python}, model: {model}}}
"""


def main() -> None:
    """Print the table. Needs the ``demo`` extra; the model is prepared once."""
    cache = Path.home() / ".cache" / "autoglm-fix" / "benchmarks"
    model = prepare(cache / "SmolLM2-135M-Instruct", print)
    with tempfile.TemporaryDirectory() as scratch:
        inventory = Path(scratch, "inventory.yml")
        inventory.write_text(_INVENTORY.format(python=sys.executable, model=model))
        run = [sys.executable, "-m", "autoglm_fix", "run", "no-output", "-i", str(inventory)]
        contenders = {
            "dry-run of no-output": command([*run, "--dry-run"]),
            "only its checks (--syntax-check)": command([*run, "--syntax-check"]),
            "pip check": command([sys.executable, "-m", "pip", "check"], ok=(0, 1)),
        }
        show("a healthy service on this machine", compare(contenders))


if __name__ == "__main__":
    main()
