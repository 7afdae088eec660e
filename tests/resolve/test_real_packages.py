"""Asked of the real index, by metadata alone: what Open-AutoGLM's own requirements come to."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from autoglm_fix.resolve import Demand, NoSolution, Solution, Wheels
from autoglm_fix.resolve.packages import Packages
from tests.resolve.environments import dist, environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def real_index() -> None:
    try:
        urllib.request.urlopen("https://pypi.org/simple/six/", timeout=10).close()
    except (urllib.error.URLError, OSError) as err:
        pytest.skip(f"the package index cannot be reached: {err}")


def solve(packages: Packages, env: object, *asked: str) -> Solution | NoSolution:
    return packages.solve(env, Demand(asked), tool="auto", index="https://pypi.org/simple", wheels=Wheels())


def test_the_requirements_of_open_autoglm_contradict_each_other(packages: Packages) -> None:
    found = solve(packages, environment(), "vllm==0.12.0", "transformers>=5.0.0rc0")
    assert isinstance(found, NoSolution)
    assert found.code == "contradiction"
    assert "vllm==0.12.0 depends on transformers>=4.56.0,<5" in found.reason
    assert "transformers>=5.0.0rc0" in found.reason


def test_transformers_takes_along_what_it_needs_and_no_more(packages: Packages) -> None:
    env = environment(
        dist("transformers", "5.0.0", "huggingface-hub<2.0,>=1.3.0", "tokenizers<=0.23.0,>=0.22.0"),
        dist("huggingface-hub", "1.3.1"),
        dist("tokenizers", "0.22.0"),
        dist("numpy", "2.1.0"),
        dist("acme-service", "1.0+ours", "transformers"),
    )
    found = solve(packages, env, "transformers<5")
    assert isinstance(found, Solution)
    moved = {pin.name: pin.version for pin in found.pins if pin.before is not None}
    assert moved.keys() == {"transformers", "huggingface-hub"}
    assert str(moved["transformers"]).startswith("4.57.")
    assert all(pin.size and pin.url.startswith("https://") and len(pin.sha256) == 64 for pin in found.pins)
