"""pip-tools: the same answers where it can answer at all, and a plain refusal everywhere else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.resolve import Demand, NoSolution, Solution, Wheels
from autoglm_fix.resolve.packages import Packages
from autoglm_fix.resolve.target import here
from tests.file_server import FileServer
from tests.resolve.environments import dist, environment
from tests.wheelhouse import offer, wheel

pytestmark = pytest.mark.slow

OFFERED = [wheel("engine", "2.0", ["lib>=2"]), wheel("lib", "2.0"), wheel("lib", "3.0"), wheel("other", "9.0")]
INSTALLED = [
    dist("engine", "1.0", "lib"),
    dist("lib", "1.0"),
    dist("other", "1.0"),
    dist("mine", "0.1+ours", "engine", editable=True),
]


def like_this_one(index: str) -> Environment:
    mine = here()
    more: dict[str, Any] = {"implementation": mine.implementation, "machine": mine.machine}
    return environment(*INSTALLED, index=index, version=mine.version, glibc=mine.glibc, musl=mine.musl, **more)


def solve(packages: Packages, env: Environment, demand: Demand) -> Solution | NoSolution:
    return packages.solve(env, demand, tool="pip-tools", index="", wheels=Wheels())


def test_it_finds_the_same_change_as_uv(packages: Packages, server: FileServer) -> None:
    env = like_this_one(offer(server, *OFFERED))
    demand = Demand(("engine>=2",))
    found = solve(packages, env, demand)
    assert isinstance(found, Solution), found
    assert found.tool == "pip-tools"
    by_uv = packages.solve(env, demand, tool="uv", index="", wheels=Wheels())
    assert isinstance(by_uv, Solution)
    assert (found.pins, found.lock) == (by_uv.pins, by_uv.lock)


def test_its_contradictions_are_told_in_words(packages: Packages, server: FileServer) -> None:
    found = solve(packages, like_this_one(offer(server, *OFFERED)), Demand(("engine>=2", "lib<2")))
    assert isinstance(found, NoSolution)
    assert found.code == "contradiction"
    assert "engine 2.0 depends on lib>=2" in found.reason
    assert "Traceback" not in found.reason


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"version": "3.9.1"}, "cpython 3.9"),
        ({"machine": "aarch64"}, "aarch64"),
        ({"glibc": "", "musl": "1.2.4"}, "musl 1.2"),
        ({"implementation": "pypy"}, "pypy"),
    ],
)
def test_for_another_python_or_platform_it_is_refused(packages: Packages, other: dict[str, str], said: str) -> None:
    env = dataclasses.replace(like_this_one("http://127.0.0.1:9/simple"), **other)
    found = solve(packages, env, Demand(("engine>=1",)))
    assert isinstance(found, NoSolution)
    assert found.code == "not-here"
    assert said in found.reason


@pytest.mark.parametrize(
    ("more", "said"),
    [({"indexes": (("https://whl", ("engine",)),)}, "index of their own"), ({"overrides": ("lib>=9",)}, "override")],
)
def test_what_it_cannot_do_is_refused(packages: Packages, server: FileServer, more: Any, said: str) -> None:
    found = solve(packages, like_this_one(offer(server, *OFFERED)), Demand(("engine>=2",), **more))
    assert isinstance(found, NoSolution)
    assert found.code == "not-here"
    assert said in found.reason
