"""Judging an environment of 200 distributions: reading and diagnosing it, beside ``pip check`` and ``uv pip check``."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.model_files import Config, ModelFiles
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.view import Place
from autoglm_fix.diagnostics.dependencies import dependencies

from .timing import command, compare, show

_README = "A paragraph of words that nobody reads, as long as such files are.\n" * 120
_REQUIREMENTS = 6  # on the average; a tenth of all has twenty more in extras that nobody asks for


def lay_out(python: Path, names: Sequence[str]) -> None:
    """Install distributions of these names that need each other, all in order."""
    dice = random.Random(0)
    site = next(python.parent.parent.glob("lib/python3*/site-packages"))
    for number, name in enumerate(names):
        below = names[number + 1 :]
        needs = dice.sample(below, min(len(below), dice.randrange(1, 2 * _REQUIREMENTS)))
        lines = [f"Requires-Dist: {each}{dice.choice(['>=1.0', '<99,>=1.0.1', '', '~=5.0'])}" for each in needs]
        lines += [f"Requires-Dist: only-on-windows-{at}; sys_platform == 'win32'" for at in range(2)]
        if dice.random() < 0.1:
            lines += [f"Requires-Dist: extra-{at}>=2; extra == 'all'" for at in range(20)]
        folder, module = site / f"{name.replace('-', '_')}-5.12.1.dist-info", name.replace("-", "_")
        folder.mkdir()
        (site / module).mkdir()
        head = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 5.12.1", "Requires-Python: >=3.9", *lines]
        (folder / "METADATA").write_text("\n".join([*head, "", _README]))
        (folder / "INSTALLER").write_text("pip\n")
        (folder / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        files = [f"{module}/__init__.py", *(f"{module}/file_{at}.py" for at in range(60))]
        for file in files:
            (site / file).write_text("")
        rows = [f"{folder.name}/METADATA,,", *(f"{file},sha256={'x' * 43},0" for file in files)]
        (folder / "RECORD").write_text("\n".join(rows) + "\n")


def made_up(count: int) -> list[str]:
    """So many names of distributions."""
    return [f"distribution-{number}" for number in range(count)]


def judge(python: Path) -> None:
    """Collect the fact and run the diagnostic, as a local run does. RuntimeError where it finds an error."""
    known = Environment.collect(Context(service=ServiceSpec(python=str(python))))
    model = ModelFiles("/m", "path", Place("/m", "/m"), "ok", config=Config("ok", model_type="glm4v"))
    found = list(dependencies(known, Service("model", "none", "by-hand"), model))
    wrong = [each for each in found if each.severity == "error"]
    if wrong:
        raise RuntimeError(f"the environment should be in order: {wrong[0]}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--distributions", type=int, default=200)
    options = parser.parse_args()
    uv = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv")
    with tempfile.TemporaryDirectory() as scratch:
        python = Path(scratch, "env/bin/python")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(python.parent.parent)], check=True)
        lay_out(python, ["transformers", "torch", *made_up(options.distributions - 2)])
        contenders = {
            "dependencies": lambda: judge(python),
            "pip check": command([sys.executable, "-m", "pip", "--python", str(python), "check"]),
        }
        if uv is not None:
            contenders["uv pip check"] = command([uv, "pip", "check", "-q", "--python", str(python)])
        show(f"{options.distributions} distributions, cached", compare(contenders), base="dependencies")


if __name__ == "__main__":
    main()
