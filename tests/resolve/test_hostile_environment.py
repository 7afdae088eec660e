"""What a host says of its packages is written down on this machine: it names no path here, and nothing to fetch."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.agent.facts.environment import Distribution, Environment
from autoglm_fix.resolve import Demand, NoSolution, Solution, Wheels
from autoglm_fix.resolve.installed import installed
from autoglm_fix.resolve.packages import Packages
from tests.file_server import FileServer
from tests.hostile import TEXTS
from tests.resolve.environments import dist, environment
from tests.wheelhouse import offer, wheel

ENGINE = wheel("engine", "2.0")
GOOD = dist("engine", "1.0")


def solve(packages: Packages, env: Environment, *asked: str, index: str = "", house: Path | None = None) -> object:
    wheels = Wheels() if house is None else Wheels("folder", str(house))
    return packages.solve(env, Demand(asked), tool="auto", index=index, wheels=wheels)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / ENGINE[0]).write_bytes(ENGINE[1])
    return folder


def test_a_name_is_no_path_of_this_machine(packages: Packages, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(house.parent))
    named = [str(house / "torch"), "../../torch", "..", "/", ".", "a/../../../x", "x\n--index-url http://127.0.0.1:9/"]
    others = [Distribution(name, "2.9.1", f"/s/{number}.dist-info") for number, name in enumerate(named)]
    before = files_below(house)
    found = solve(packages, environment(GOOD, *others), "engine>=2", house=house)
    assert isinstance(found, Solution), found
    assert [(pin.name, pin.version) for pin in found.pins] == [("engine", "2.0")]
    assert files_below(house) == before


@pytest.mark.parametrize("name", TEXTS)
def test_whatever_stands_in_metadata_does_not_change_what_others_need(name: str, house: Path, tmp_path: Path) -> None:
    text = TEXTS[name]
    more = [
        Distribution(text, "1.0", "/s/a.dist-info"),
        Distribution("version", text, "/s/b.dist-info"),
        Distribution("requires", "1.0", "/s/c.dist-info", requires=[text, f"nothing {text}", f"lib; {text}"]),
        Distribution("python", "1.0", "/s/d.dist-info", requires_python=text),
        Distribution("extra", "1.0", "/s/e.dist-info", extras=[text, f"x\nRequires-Dist: lib @ {text}"]),
        Distribution("origin", "1.0", "/s/f.dist-info", direct_url=text, installer=text, build=text, gone=[text]),
    ]
    env = environment(GOOD, *more)
    found = solve(Packages(tmp_path / "cache"), env, "engine>=2", house=house)
    assert isinstance(found, Solution), found
    assert [(pin.name, pin.version) for pin in found.pins] == [("engine", "2.0")]


@pytest.mark.parametrize("name", TEXTS)
def test_a_python_that_calls_itself_anything_is_one_that_nothing_is_resolved_for(
    name: str, house: Path, tmp_path: Path
) -> None:
    packages = Packages(tmp_path / "cache")
    for env in (environment(GOOD, version=TEXTS[name]), environment(GOOD, machine=TEXTS[name])):
        found = solve(packages, env, "engine>=2", house=house)
        assert isinstance(found, NoSolution)
        assert found.code == "not-here"
    for env in (environment(GOOD, glibc=TEXTS[name]), environment(GOOD, markers=dict.fromkeys(("x", "y"), name))):
        assert isinstance(solve(packages, env, "engine>=2; python_version > '3'", house=house), (Solution, NoSolution))


def test_nothing_is_fetched_from_an_address_in_metadata_nor_by_its_name_from_elsewhere(
    packages: Packages, server: FileServer
) -> None:
    """Who names an address has a package of their own; one of that name on an index is somebody else's."""
    index = offer(server, ENGINE, wheel("mine", "9.9"))
    for address in (f"{server.url}/mine-1.0-py3-none-any.whl", "file:///etc/hostname", f"git+{server.url}/mine.git"):
        line = f"mine @ {address}"
        env = environment(dist("engine", "2.0", line), index=index)
        asked = len(server.requests)
        for demand in ([line], [], ["mine", line]):
            found = solve(packages, env, *demand)
            assert isinstance(found, NoSolution)
            assert found.code == "no-wheel"
            assert "mine is asked for from" in found.reason
        assert len(server.requests) == asked


def test_a_password_in_such_an_address_is_not_repeated(packages: Packages) -> None:
    line = "mine @ https://reader:s3cret@127.0.0.1:9/mine-1.0-py3-none-any.whl"
    assert "s3cret" not in repr(solve(packages, environment(dist("engine", "2.0", line)), line))


def test_ranges_that_are_none_are_left_out() -> None:
    (known,) = installed(environment(Distribution("x", "1.0", "/s/x", requires_python="3\nRequires-Dist: y"))).values()
    assert known.requires_python == ""
