"""dependencies on real packages: what pip and uv call a conflict is one, and nothing else is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics.dependencies import dependencies
from autoglm_fix.diagnostics.dependencies_findings import Conflict, Elsewhere, Missing
from tests.agent.facts.site_packages import install

from .dependency_facts import model, service

pytestmark = pytest.mark.slow

# requests wants urllib3 from 1.21.1 on, idna and certifi; httpx wants httpcore of one minor version, and anyio.
SMALL = (
    "requests==2.32.5",
    "urllib3==1.20",
    "charset-normalizer==3.4.4",
    "httpx==0.28.1",
    "httpcore==0.18.0",
    "h11==0.14.0",
)


def uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv")
    if program is None:
        pytest.skip("uv is not installed")
    return subprocess.run([program, *arguments], capture_output=True, text=True)


@pytest.fixture
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    env = tmp_path_factory.mktemp("registry") / "env"
    assert uv("venv", "-q", "--python", sys.executable, str(env)).returncode == 0
    done = uv("pip", "install", "-q", "--no-deps", "--python", str(env / "bin/python"), *SMALL)
    if done.returncode:
        pytest.skip(f"no package registry can be reached: {done.stderr.strip().splitlines()[-1:]}")
    site = next((env / "lib").glob("python3*/site-packages"))
    install(site, "torch", "2.13.0")
    install(site, "transformers", "4.55.0", "Requires-Dist: requests", "Requires-Dist: torch>=2.6; extra == 'torch'")
    return env / "bin/python"


def test_what_installers_call_a_conflict_is_one_and_what_the_service_needs_of_it_an_error(python: Path) -> None:
    known = Environment.collect(Context(service=ServiceSpec(python=str(python))))
    found = list(dependencies(known, service(), model("glm4", "transformers")))
    assert {(type(each), each.subject) for each in found if each.severity == "error"} == {
        (Conflict, "urllib3"),
        (Missing, "idna"),
        (Missing, "certifi"),
    }
    rest = next(each for each in found if isinstance(each, Elsewhere))
    checked = uv("pip", "check", "--python", str(python))
    assert checked.returncode == 1
    theirs = {tuple(pair) for pair in re.findall(r"The package `(\S+)` requires `([\w-]+)", checked.stderr)}
    ours = {
        (line.split()[0], re.split(r"[^\w-]", line.split(": ")[1])[0])
        for each in found
        for line in (each.problems if each is rest else each.evidence.get("wanted", []))
    }
    assert ours == theirs


def test_after_the_repair_that_it_asks_for_it_is_content(python: Path) -> None:
    context = Context(service=ServiceSpec(python=str(python)))
    before = dependencies(Environment.collect(context), service(), model("glm4", "transformers"))
    asked = [line for each in before if isinstance(each, (Conflict, Missing)) for line in each.requirements]
    lines = [line for line in asked if not line.startswith("transformers")]
    done = uv("pip", "install", "-q", "--no-deps", "--python", str(python), "urllib3>=1.21.1,<3", *lines)
    assert done.returncode == 0, done.stderr
    known = Environment.collect(Context(service=ServiceSpec(python=str(python))))
    after = list(dependencies(known, service(), model("glm4", "transformers")))
    assert [each for each in after if each.severity == "error"] == []
    assert json.dumps([each.evidence for each in after])
