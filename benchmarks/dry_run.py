"""A healthy local dry-run of ``no-output`` on a small real model (generation left out), beside plain ``pip check``.

Once with this Python's own environment, once with one of 200 distributions: this one's, and made-up ones beside them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from autoglm_fix.demo.prepare import prepare

from .dependencies import lay_out, made_up
from .timing import Work, command, compare, show

_INVENTORY = """\
all:
  hosts:
    localhost:
      ansible_connection: local
      service: {{python: {python}, model: {model}}}
"""


def larger(folder: Path, count: int) -> Path:
    """The Python of an environment that holds this one's distributions, and made-up ones up to ``count``."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    here = {distribution.name for distribution in importlib.metadata.distributions()}
    lay_out(python, made_up(count - len(here)))
    site = next(folder.glob("lib/python3*/site-packages"))
    (site / "real.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def contenders(python: Path, model: Path, inventory: Path) -> dict[str, Work]:
    """The dry-run, its checks alone, and ``pip check`` of the same environment."""
    inventory.write_text(_INVENTORY.format(python=python, model=model))
    run = [sys.executable, "-m", "autoglm_fix", "run", "no-output", "-i", str(inventory)]
    return {
        "dry-run of no-output": command([*run, "--dry-run"]),
        "only its checks (--syntax-check)": command([*run, "--syntax-check"]),
        "pip check": command([sys.executable, "-m", "pip", "--python", str(python), "check"], ok=(0, 1)),
    }


def main() -> None:
    """Print the tables. Needs the ``demo`` extra; the model is prepared once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--distributions", type=int, default=200)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    cache = Path.home() / ".cache" / "autoglm-fix" / "benchmarks"
    model = prepare(cache / "SmolLM2-135M-Instruct", print)
    with tempfile.TemporaryDirectory() as scratch:
        pythons = {
            "a healthy service on this machine": Path(sys.executable),
            f"the same, {options.distributions} distributions": larger(Path(scratch, "env"), options.distributions),
        }
        for title, python in pythons.items():
            work = contenders(python, model, Path(scratch, "inventory.yml"))
            show(title, compare(work, runs=options.runs), base="pip check")


if __name__ == "__main__":
    main()
