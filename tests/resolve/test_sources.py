"""Where wheels are looked for: what the playbook names, the environment's own configuration, a folder."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.facts.environment import Index
from autoglm_fix.resolve import Demand, NoSolution, Solution, Wheels
from autoglm_fix.resolve.packages import Packages
from autoglm_fix.resolve.parcels import NoParcel, Parcel, fetched
from tests.file_server import FileServer
from tests.resolve.environments import dist, environment
from tests.wheelhouse import offer, wheel

ENGINE = wheel("engine", "2.0")


class _Started:
    """The commands that this process starts, while somebody listens."""

    said: list[str] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen" and _Started.said is not None:
        _Started.said += [str(argument) for argument in arguments[1]]


sys.addaudithook(_note)


@pytest.fixture
def started() -> Iterator[list[str]]:
    _Started.said = said = []
    yield said
    _Started.said = None


def solve(packages: Packages, env: Any, *asked: str, **more: Any) -> Solution | NoSolution:
    values = {"tool": "auto", "index": "", "wheels": Wheels(), **more}
    return packages.solve(env, Demand(asked), **values)


def test_the_index_that_is_named_outranks_the_environments_own(packages: Packages, server: FileServer) -> None:
    index = offer(server, ENGINE)
    found = solve(packages, environment(index="http://127.0.0.1:9/nowhere"), "engine", index=index)
    assert isinstance(found, Solution)


def test_an_extra_index_is_as_good_as_the_first(packages: Packages, server: FileServer) -> None:
    first = offer(server, wheel("engine", "1.0"), wheel("lib", "3.0"))
    extra = offer(server, ENGINE, wheel("lib", "2.0"), at="/extra")
    env = dataclasses.replace(environment(), index=Index(url=first, extra=[extra], set_by="/etc/pip.conf"))
    found = solve(packages, env, "engine", "lib")
    assert isinstance(found, Solution)
    assert {pin.name: pin.version for pin in found.pins} == {"engine": "2.0", "lib": "3.0"}


def test_a_folder_of_this_machine_is_all_that_is_looked_in(packages: Packages, tmp_path: Path) -> None:
    file, content = ENGINE
    (tmp_path / file).write_bytes(content)
    env = environment(dist("engine", "1.0"), index="http://127.0.0.1:9/nowhere")
    found = solve(packages, env, "engine>=2", wheels=Wheels("folder", str(tmp_path)))
    assert isinstance(found, Solution)
    (pin,) = found.pins
    assert (pin.url, pin.size) == ((tmp_path / file).as_uri(), len(content))
    missing = solve(packages, env, "lib", wheels=Wheels("folder", str(tmp_path)))
    assert isinstance(missing, NoSolution)
    assert (missing.code, "lib was not found" in missing.reason) == ("contradiction", True)
    nowhere = solve(packages, env, "engine>=2", wheels=Wheels("folder", str(tmp_path / "none")))
    assert isinstance(nowhere, NoSolution)
    assert nowhere.code == "no-index"


def test_a_password_is_shown_to_the_index_alone(
    packages: Packages, server: FileServer, started: list[str], tmp_path: Path
) -> None:
    index = offer(server, ENGINE).replace("//", "//reader:s3cret@")
    server.password = "reader:s3cret"
    found = solve(packages, environment(dist("engine", "1.0")), "engine>=2", index=index)
    assert isinstance(found, Solution)
    assert "s3cret" not in repr(found)
    assert len(started) > 10 and "s3cret" not in " ".join(started)
    (pin,) = found.pins
    parcel = Parcel(pin.file, pin.sha256, pin.size, pin.url)
    assert packages.path(parcel).read_bytes() == ENGINE[1]
    with pytest.raises(NoParcel, match="401"):
        fetched(parcel, tmp_path)


@pytest.mark.parametrize("at", ["/files", "/pypi/{team}/files"])
def test_two_indexes_on_one_server_keep_their_passwords_apart(tmp_path: Path, server: FileServer, at: str) -> None:
    packages = Packages(tmp_path)
    files = {team: wheel(f"{team}lib", "1.0") for team in ("red", "blue")}
    indexes = {}
    for team, file in files.items():
        folder = at.format(team=team)
        bare = offer(server, file, at=f"/pypi/{team}/simple")
        listed = server.answers[f"/pypi/{team}/simple/{team}lib/"]["files"][0]
        for end in ("", ".metadata"):
            server.files[f"{folder}/{file[0]}{end}"] = server.files[f"/files/{file[0]}{end}"]
        listed["url"] = f"{server.url}{folder}/{file[0]}"
        indexes[team] = bare.replace("//", f"//{team}:s3cret@")
    parcels = {}
    for team in files:
        server.password = f"{team}:s3cret"
        found = solve(packages, environment(), f"{team}lib", index=indexes[team])
        assert isinstance(found, Solution)
        (pin,) = found.pins
        parcels[team] = Parcel(pin.file, pin.sha256, pin.size, pin.url)
    for team, parcel in parcels.items():
        server.password = f"{team}:s3cret"
        assert packages.path(parcel).read_bytes() == files[team][1]


def test_a_wrong_password_is_said_without_being_shown(packages: Packages, server: FileServer) -> None:
    index = offer(server, ENGINE).replace("//", "//reader:s3cret@")
    server.password = "somebody:else"
    found = solve(packages, environment(), "engine", index=index)
    assert isinstance(found, NoSolution)
    assert found.code == "no-index"
    assert "401" in found.reason
    assert "s3cret" not in repr(found)


def test_a_build_of_torch_moves_within_the_index_that_it_came_from(
    packages: Packages, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoglm_fix.resolve.wish._BUILDS", f"{server.url}/whl/")
    index = offer(server, wheel("engine", "2.0", ["torch==2.9.1"]), wheel("torch", "2.9.1"))
    offer(server, wheel("torch", "2.9.1+cu126"), at="/whl/cu126")
    env = environment(dist("engine", "1.0", "torch"), dist("torch", "2.8.0+cu126"), index=index)
    found = solve(packages, env, "engine>=2")
    assert isinstance(found, Solution)
    assert {pin.name: pin.version for pin in found.pins} == {"engine": "2.0", "torch": "2.9.1+cu126"}
    # Where that index has no such version, or is out of reach, it comes from where all else comes from.
    del server.answers["/whl/cu126/torch/"]
    found = solve(packages, dataclasses.replace(env, version="3.11.3"), "engine>=2")
    assert isinstance(found, Solution)
    assert {pin.name: pin.version for pin in found.pins} == {"engine": "2.0", "torch": "2.9.1"}


@pytest.mark.parametrize("damage", ["other", "gone", "refused"])
def test_a_parcel_is_what_its_index_said_or_nothing(server: FileServer, tmp_path: Path, damage: str) -> None:
    offer(server, ENGINE)
    path = f"/files/{ENGINE[0]}"
    sha256 = server.answers["/simple/engine/"]["files"][0]["hashes"]["sha256"]
    if damage == "other":
        server.files[path] = b"something else"
    elif damage == "gone":
        del server.files[path]
    else:
        server.statuses[path] = [403]
    parcel = Parcel(ENGINE[0], sha256, None, server.url + path)
    with pytest.raises(NoParcel, match=ENGINE[0]):
        fetched(parcel, tmp_path)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []
    server.files[path] = ENGINE[1]
    assert fetched(parcel, tmp_path).read_bytes() == ENGINE[1]
    asked = len(server.requests)
    assert fetched(parcel, tmp_path).read_bytes() == ENGINE[1]
    assert len(server.requests) == asked
