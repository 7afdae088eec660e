"""The smallest change that satisfies a demand: a real resolver on an index of tiny wheels."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from autoglm_fix.agent.facts.environment import Index
from autoglm_fix.resolve import Demand, NoSolution, Solution, Wheels
from autoglm_fix.resolve.packages import Packages
from tests.file_server import FileServer
from tests.resolve.environments import dist, environment
from tests.resolve.solving_cases import CASES, Case
from tests.wheelhouse import offer, wheel

INDEX = Wheels("index")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_smallest_change(case: Case, packages: Packages, server: FileServer) -> None:
    index = offer(server, *(wheel(name, version, requires) for name, version, *requires in case.offered))
    found = packages.solve(
        environment(*case.installed, index=index), Demand(tuple(case.asked)), tool="auto", index="", wheels=INDEX
    )
    assert isinstance(found, Solution), found
    assert {pin.name: (pin.before, pin.version) for pin in found.pins} == case.moves
    assert {pin.name: pin.why for pin in found.pins if pin.name in case.why} == case.why


def solve(packages: Packages, env: object, *asked: str, **more: object) -> Solution | NoSolution:
    values = {"tool": "auto", "index": "", "wheels": INDEX, **more}
    return packages.solve(env, Demand(asked), **values)


def test_a_pin_names_its_wheel_and_the_lock_says_why(packages: Packages, server: FileServer) -> None:
    file, content = wheel("engine", "2.0")
    index = offer(server, (file, content))
    found = solve(packages, environment(dist("engine", "1.0"), index=index), "engine>=2")
    assert isinstance(found, Solution)
    (pin,) = found.pins
    assert (pin.file, pin.size, pin.url) == (file, len(content), f"{server.url}/files/{file}")
    assert found.lock == f"engine==2.0 --hash=sha256:{pin.sha256}  # from 1.0: asked for: engine>=2\n"
    assert found.tool == "uv"


def test_nothing_but_what_moves_is_asked_for_by_name(packages: Packages, server: FileServer) -> None:
    index = offer(server, wheel("engine", "2.0"))
    stays = [dist(f"acme-{n}", "1.0+ours", f"acme-{n - 1}==1.0" if n else "engine") for n in range(200)]
    found = solve(packages, environment(dist("engine", "1.0"), *stays, index=index), "engine>=2")
    assert isinstance(found, Solution)
    assert {path.split("/")[2] for _, path, _ in server.requests if path.startswith("/simple")} == {"engine"}


def test_the_same_question_is_asked_once(packages: Packages, server: FileServer) -> None:
    index = offer(server, wheel("engine", "2.0"))
    one = environment(dist("engine", "1.0"), index=index)
    other = environment(dist("engine", "1.0"), index=index, host="/elsewhere/bin/python", free=17)
    first = solve(packages, one, "engine>=2")
    asked = len(server.requests)
    assert solve(packages, other, "engine>=2") == first
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    "origin",
    [
        {"editable": True, "direct_url": "file:///srv/mine"},
        {"direct_url": "file:///srv/mine"},
        {"direct_url": "git+https://example.org/mine@1f2e"},
        {"direct_url": "https://example.org/mine-1.0.dev3-py3-none-any.whl"},
    ],
    ids=["editable", "folder", "checkout", "file"],
)
def test_what_came_from_no_index_does_not_move_unasked_and_is_named_where_it_is_in_the_way(
    packages: Packages, server: FileServer, origin: dict[str, Any]
) -> None:
    index = offer(server, wheel("lib", "2.0"), wheel("mine", "9.0"))
    env = environment(dist("lib", "1.0"), dist("mine", "1.0.dev3", "lib<2", **origin), index=index)
    found = solve(packages, env, "lib>=2")
    assert isinstance(found, NoSolution)
    assert found.code == "contradiction"
    assert "mine==1.0.dev3" in found.reason and "lib" in found.reason


def test_a_contradiction_is_told_in_sentences(packages: Packages, server: FileServer) -> None:
    index = offer(server, wheel("vllm", "0.12.0", ["transformers<5"]), wheel("transformers", "5.0.0rc0"))
    found = solve(packages, environment(index=index), "vllm==0.12.0", "transformers>=5.0.0rc0")
    assert isinstance(found, NoSolution)
    assert found.code == "contradiction"
    assert found.reason.startswith("Because ")
    assert re.search(r"vllm\S* depends? on transformers<5", found.reason)
    assert "this environment" in found.reason
    assert "error:" not in found.reason and "hint" not in found.reason
    assert found.tail


def test_an_override_settles_what_a_vendor_prescribes(packages: Packages, server: FileServer) -> None:
    index = offer(server, wheel("vllm", "0.12.0", ["transformers<5"]), wheel("transformers", "5.0.0"))
    demand = Demand(("vllm==0.12.0", "transformers>=5"), overrides=("transformers>=5",))
    found = packages.solve(environment(index=index), demand, tool="auto", index="", wheels=INDEX)
    assert isinstance(found, Solution)
    assert {pin.name: pin.version for pin in found.pins} == {"transformers": "5.0.0", "vllm": "0.12.0"}


def test_a_torch_build_comes_from_its_own_index_and_the_rest_does_not(packages: Packages, server: FileServer) -> None:
    index = offer(server, wheel("torch", "2.9.1", ["nvidia-nccl"]), wheel("nvidia-nccl", "2.28"))
    builds = offer(
        server,
        wheel("torch", "2.9.1+cu126", ["nvidia-nccl"]),
        wheel("torchvision", "0.24+cu126", ["torch==2.9.1"]),
        wheel("nvidia-nccl", "9.9"),
        at="/whl/cu126",
    )
    env = environment(
        dist("torch", "2.9.1", "nvidia-nccl"),
        dist("torchvision", "0.24", "torch==2.9.1"),
        dist("nvidia-nccl", "2.27"),
        index=index,
    )
    demand = Demand(("torch==2.9.1+cu126", "torchvision==0.24+cu126"), indexes=((builds, ("torch", "torchvision")),))
    found = packages.solve(env, demand, tool="auto", index="", wheels=INDEX)
    assert isinstance(found, Solution)
    assert {pin.name: pin.version for pin in found.pins} == {"torch": "2.9.1+cu126", "torchvision": "0.24+cu126"}


def test_a_local_build_that_is_installed_stays(packages: Packages, server: FileServer) -> None:
    index = offer(server, wheel("torch", "2.9.1"), wheel("engine", "2.0", ["torch==2.9.1"]))
    env = environment(dist("torch", "2.9.1+cu126"), dist("engine", "1.0"), index=index)
    found = solve(packages, env, "engine>=2")
    assert isinstance(found, Solution)
    assert [pin.name for pin in found.pins] == ["engine"]


PLATFORMS = {
    "the newest build that the C library can run": ({"glibc": "2.31"}, "2.0", "cp311-cp311-manylinux_2_28_x86_64"),
    "a newer C library takes the newer build": ({"glibc": "2.39"}, "2.0", "cp311-cp311-manylinux_2_39_x86_64"),
    "another Python takes the older version": ({"version": "3.9.18"}, "1.0", "py3-none-any"),
    "another machine takes the older version": ({"machine": "aarch64"}, "1.0", "py3-none-any"),
    "another C library takes the older version": ({"glibc": "", "musl": "1.2.4"}, "1.0", "py3-none-any"),
}


@pytest.mark.parametrize(("target", "version", "tag"), PLATFORMS.values(), ids=PLATFORMS.keys())
def test_wheels_are_for_the_host_and_not_for_this_machine(
    packages: Packages, server: FileServer, target: dict[str, str], version: str, tag: str
) -> None:
    tags = ["cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_39_x86_64", "cp312-cp312-win_amd64"]
    index = offer(server, *(wheel("engine", "2.0", tag=each) for each in tags), wheel("engine", "1.0"))
    found = solve(packages, environment(index=index, **target), "engine")
    assert isinstance(found, Solution)
    (pin,) = found.pins
    assert (pin.version, pin.file) == (version, f"engine-{version}-{tag}.whl")


def test_a_version_for_other_pythons_is_not_taken(packages: Packages, server: FileServer) -> None:
    index = offer(server, wheel("lib", "1.0"), wheel("lib", "2.0", requires_python=">=3.12"))
    found = solve(packages, environment(dist("old", "1.0", requires_python=">=3.12"), index=index), "lib")
    assert isinstance(found, Solution)
    assert [(pin.name, pin.version) for pin in found.pins] == [("lib", "1.0")]


@pytest.mark.parametrize("kind", ["sources", "others"])
def test_what_has_no_wheel_is_not_built(packages: Packages, server: FileServer, kind: str) -> None:
    index = offer(server, wheel("engine", "2.0", tag="cp311-cp311-win_amd64"))
    if kind == "sources":
        (entry,) = server.answers["/simple/engine/"]["files"]
        entry |= {"filename": "engine-2.0.tar.gz", "url": f"{server.url}/files/engine-2.0.tar.gz"}
        del entry["core-metadata"]
    found = solve(packages, environment(index=index), "engine==2.0")
    assert isinstance(found, NoSolution)
    assert found.code == "no-wheel"
    assert "engine==2.0" in found.reason


def test_where_an_index_says_no_digest_the_wheel_itself_gives_one(packages: Packages, server: FileServer) -> None:
    file, content = wheel("engine", "2.0")
    index = offer(server, (file, content))
    server.answers["/simple/engine/"]["files"][0]["hashes"] = {}
    found = solve(packages, environment(index=index), "engine")
    assert isinstance(found, Solution)
    assert found.pins[0].sha256 == hashlib.sha256(content).hexdigest()


def test_an_index_that_cannot_be_reached_is_said_so(packages: Packages) -> None:
    found = solve(packages, environment(index="http://127.0.0.1:9/simple"), "engine")
    assert isinstance(found, NoSolution)
    assert found.code == "no-index"
    assert "127.0.0.1:9" in found.reason and found.reason.count(": ") <= 2, found.reason


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (Index(url="file:///opt/simple", set_by="/etc/pip.conf"), "/etc/pip.conf"),
        (Index(no_index=True, find_links=["/opt/wheels"], set_by="/etc/pip.conf"), "/etc/pip.conf"),
    ],
)
def test_folders_of_the_host_are_no_index_of_ours(packages: Packages, index: Index, said: str) -> None:
    from dataclasses import replace

    found = solve(packages, replace(environment(), index=index), "engine")
    assert isinstance(found, NoSolution)
    assert found.code == "no-index"
    assert said in found.reason


def test_a_requirement_that_cannot_be_read_is_refused(packages: Packages) -> None:
    found = solve(packages, environment(), "engine>=")
    assert isinstance(found, NoSolution)
    assert "engine>=" in found.reason
