"""environment: what a Python would find, held against what that Python itself says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest
from packaging.markers import default_environment

from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.package_index import PackageIndex
from autoglm_fix.agent.inside import Inside
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import CannotTell
from autoglm_fix.agent.view import View
from tests.pythons import python_3_8

from .site_packages import LIBRARY, install, venv

ASK = textwrap.dedent("""
    import json, os, platform, sys
    try:
        from importlib.metadata import distributions
    except ImportError:
        sys.exit(3)
    found = {}
    for each in distributions():
        name = each.metadata["Name"]
        if name:
            found.setdefault(name.lower().replace("_", "-").replace(".", "-"), each.version)
    print(json.dumps({"found": found, "path": sys.path[1:], "version": platform.python_version(),
                      "prefix": os.path.realpath(sys.prefix)}))
""")


def collected(python: Path | str, **service: Any) -> Environment:
    found = Environment.collect(Context(service=ServiceSpec(python=str(python), **service)))
    assert msgspec.convert(json.loads(json.dumps(plain(found))), Environment) == found
    return found


def said(python: Path | str, folder: Path | None = None, **variables: str) -> Any:
    """What that Python says of itself, started with these variables alone."""
    variables.setdefault("HOME", os.environ.get("HOME", "/"))
    done = subprocess.run([str(python), "-c", ASK], capture_output=True, text=True, env=variables, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def agree(ours: Environment, theirs: Any) -> None:
    unshadowed = [each for each in ours.distributions if not each.shadowed]
    found = {each.name.lower().replace("_", "-").replace(".", "-"): each.version for each in unshadowed}
    assert found == theirs["found"]
    assert len(found) == len(unshadowed)
    assert ours.version == theirs["version"]
    assert ours.prefix == theirs["prefix"]
    folders = [os.path.realpath(each) for each in theirs["path"] if os.path.isdir(each)]
    assert [each for each in folders if each in ours.site] == ours.site


def names(found: Environment) -> list[str]:
    return [each.name for each in found.distributions]


def test_the_python_of_these_tests() -> None:
    agree(collected(sys.executable), said(sys.executable))


def test_a_python_of_the_system() -> None:
    system = shutil.which("python3", path="/usr/bin")
    if system is None:
        pytest.skip("no system Python on this machine")
    found = collected(system)
    agree(found, said(system))
    assert found.base
    assert found.tool == "system"
    library = Path("/usr/lib", f"python{found.markers['python_version']}")
    assert found.managed == (library / "EXTERNALLY-MANAGED").exists()


def test_an_older_python_without_an_environment() -> None:
    python = python_3_8()
    agree(collected(python), said(python))


@pytest.mark.parametrize("arguments", [[], ["--copies"], ["--system-site-packages"], ["--without-pip"]])
def test_environments_made_by_venv(tmp_path: Path, arguments: list[str]) -> None:
    pip = arguments if "--without-pip" in arguments else [*arguments, "--without-pip"]
    subprocess.run([sys.executable, "-m", "venv", *pip, str(tmp_path / "env")], check=True)
    found = collected(tmp_path / "env/bin/python")
    agree(found, said(tmp_path / "env/bin/python"))
    assert found.tool == "venv"
    assert not found.base
    assert found.writable
    assert (found.free or 0) > 0


def test_an_environment_made_by_uv(tmp_path: Path) -> None:
    uv = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    subprocess.run([uv, "venv", "-q", "--offline", "--python", sys.executable, str(tmp_path / "env")], check=True)
    found = collected(tmp_path / "env/bin/python")
    agree(found, said(tmp_path / "env/bin/python"))
    assert found.tool == "uv"
    assert found.installed("pip") is None


def test_markers_are_those_that_the_python_itself_would_give() -> None:
    ours = collected(sys.executable).markers
    assert ours == {name: value for name, value in default_environment().items() if name != "extra"}


def test_the_path_of_the_service_and_not_of_whoever_looks(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "one", "1.0")
    for folder, version in (("given", "2.0"), ("relative", "3.0"), ("pth", "4.0")):
        (tmp_path / folder).mkdir()
        install(tmp_path / folder, "one", version)
        install(tmp_path / folder, f"only-in-{folder}")
    (site / "b.pth").write_text(f"# no\nimport sys; sys.exit(9)\n{tmp_path}/pth\n/nowhere\n\n")
    (site / ".hidden.pth").write_text(f"{tmp_path}\n")
    given = {"PYTHONPATH": f"{tmp_path}/given::relative:/nowhere", "HOME": str(tmp_path)}
    found = collected("env/bin/python", environment=given, working_dir=str(tmp_path))
    (site / "b.pth").write_text(f"{tmp_path}/pth\n")
    agree(found, said(tmp_path / "env/bin/python", tmp_path, **given))
    one = found.installed("one")
    assert one is not None
    assert one.version == "2.0"
    assert [each.version for each in found.distributions if each.name == "one"] == ["2.0", "3.0", "1.0", "4.0"]
    assert found.reads[0] == f"{tmp_path}/given/"


@pytest.mark.parametrize("system", ["true", "false"])
@pytest.mark.parametrize("without", [{}, {"PYTHONNOUSERSITE": "1"}])
def test_the_packages_of_the_user(tmp_path: Path, system: str, without: dict[str, str]) -> None:
    site = venv(tmp_path / "env", **{"include-system-site-packages": system})
    install(site, "one", "1.0")
    own = tmp_path / ".local/lib" / LIBRARY / "site-packages"
    own.mkdir(parents=True)
    install(own, "one", "0.9")
    install(own, "mine")
    given = {"HOME": str(tmp_path), **without}
    found = collected(tmp_path / "env/bin/python", environment=given)
    agree(found, said(tmp_path / "env/bin/python", **given))
    assert ("mine" in names(found)) == (system == "true" and not without)


def test_an_interpreter_through_links_and_by_name(tmp_path: Path) -> None:
    install(venv(tmp_path / "env"), "one")
    (tmp_path / "current").symlink_to("env")
    (tmp_path / "env/bin/python3").symlink_to("python")
    for python in ("current/bin/python3", str(tmp_path / "env/bin/python3")):
        found = collected(python, working_dir=str(tmp_path))
        assert names(found) == ["one"]
        assert found.prefix == str(tmp_path / "env")
    found = collected("python3", environment={"PATH": f"/nowhere:{tmp_path}/env/bin"})
    assert found.host == str(tmp_path / "env/bin/python3")


def test_an_environment_whose_python_moved_on(tmp_path: Path) -> None:
    site = venv(tmp_path / "env", version="3.7.1")
    site.parent.rename(site.parent.with_name("python3.7"))
    found = collected(tmp_path / "env/bin/python")
    assert found.made_for == "3.7"
    assert found.markers["python_version"] == LIBRARY[len("python") :]
    assert found.distributions == []


def test_metadata_is_read_as_it_stands(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    lines = (
        "Requires-Python: >=3.9,<4",
        "Requires-Dist: numpy (>=1.17)",
        "requires-dist:   two[fast, extra_b]>=1 ; python_version >= '3.8'",
        "License: Apache\n        Requires-Dist: not-this",
        'Requires-Dist: three; extra == "all"',
        "Provides-Extra: all",
    )
    install(site, "Some.Name", "1!2.0rc1+local.1", *lines, body="Requires-Dist: nor-that\n")
    install(site, "two", "3", 'Requires-Dist: four; extra == "extra-b"', 'Requires-Dist: five; extra == "other"')
    found = collected(tmp_path / "env/bin/python")
    one, two = found.installed("some-name"), found.installed("Two")
    assert one is not None
    assert two is not None
    assert one.version == "1!2.0rc1+local.1"
    assert one.requires == ["numpy (>=1.17)", "two[fast, extra_b]>=1 ; python_version >= '3.8'"]
    assert one.requires_python == ">=3.9,<4"
    assert one.extras == ["all"]
    assert one.installer == "pip"
    assert one.problem == ""
    assert two.requires == ['four; extra == "extra-b"']


def test_what_people_ask_for_with_extras_keeps_them_all(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "transformers", "5.0.0", 'Requires-Dist: torch>=2.4; extra == "torch"')
    found = collected(tmp_path / "env/bin/python").installed("transformers")
    assert found is not None
    assert found.requires == ['torch>=2.4; extra == "torch"']


def test_where_it_came_from(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    origins = {
        "worked-on": {"url": "file:///src/x", "dir_info": {"editable": True}},
        "from-vcs": {"url": "https://me:secret@git.test/x", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
        "from-file": {"url": "file:///x.whl", "archive_info": {}},
        "odd": {"dir_info": []},
    }
    for name, origin in origins.items():
        install(site, name, direct_url=origin)
    found = {
        each.name: (each.direct_url, each.editable) for each in collected(tmp_path / "env/bin/python").distributions
    }
    assert found == {
        "worked-on": ("file:///src/x", True),
        "from-vcs": ("git+https://git.test/x@abc", False),
        "from-file": ("file:///x.whl", False),
        "odd": ("", False),
    }


def test_installations_that_are_not_whole(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    (install(site, "no-metadata", "1.2") / "METADATA").unlink()
    install(site, "no-version", None, folder="no_version-3.4.dist-info")
    install(site, "no-record", record=False)
    install(site, "gone")
    shutil.rmtree(site / "gone")
    install(site, "half")
    (site / "half/__init__.py").unlink()
    (site / "unreadable-1.0.dist-info/METADATA").mkdir(parents=True)
    (site / "a_file-1.0.dist-info").write_text("")
    (site / "~alf").mkdir()
    install(site, "moved", direct_url={"url": "file:///x", "dir_info": {"editable": True}})
    shutil.rmtree(site / "moved")
    found = collected(tmp_path / "env/bin/python")
    assert {each.name: (each.version, each.problem) for each in found.distributions} == {
        "no_metadata": ("1.2", "no-metadata"),
        "no-version": ("3.4", "no-version"),
        "no-record": ("1.0", "no-record"),
        "gone": ("1.0", "files-gone"),
        "half": ("1.0", "files-gone"),
        "unreadable": ("1.0", "unreadable"),
        "a_file": ("1.0", "unreadable"),
        "moved": ("1.0", ""),
    }
    assert found.leftovers == [str(site / "~alf")]


def test_an_image_without_its_tests_is_whole(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    rows = ["one/__init__.py", "one/tests/__init__.py", "one/tests/test_x.py", "tests/__init__.py", "../../x/y.py"]
    (install(site, "one") / "RECORD").write_text("".join(f"{row},sha256=x,1\n" for row in rows))
    assert [each.problem for each in collected(tmp_path / "env/bin/python").distributions] == [""]


def test_two_of_one_name_in_one_folder(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "Twice", "1.0")
    install(site, "twice", "2.0")
    found = collected(tmp_path / "env/bin/python").distributions
    assert sorted((each.version, each.shadowed) for each in found)[0][0] == "1.0"
    assert [each.shadowed for each in found] == [False, True]


@pytest.mark.parametrize(
    ("text", "build", "problem"),
    [
        ("__version__ = '2.9.0+cu128'\ncuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n", "12.8", ""),
        ("__version__ = '2.9.0'\ndebug = False\ncuda: Optional[str] = None\nhip = None\n", "cpu", ""),
        ("__version__ = '2.9.0+rocm6.4'\ncuda = None\nhip = '6.4.43482'\n", "rocm6.4.43482", ""),
        ("__version__ = '2.8.0+cu126'\ncuda: Optional[str] = '12.6'\n", "12.6", "other-code"),
        ("", "", ""),
    ],
)
def test_what_torch_was_built_for(tmp_path: Path, text: str, build: str, problem: str) -> None:
    site = venv(tmp_path / "env")
    install(site, "torch", "2.9.0+cu128")
    (site / "torch/version.py").write_text(text)
    found = collected(tmp_path / "env/bin/python")
    torch = found.installed("torch")
    assert torch is not None
    assert (torch.build, torch.problem) == (build, problem)
    assert found.modules == ["torch"]


def test_eggs_and_links_to_checkouts(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    (site / "old-1.0.egg-info").mkdir()
    (site / "old-1.0.egg-info/PKG-INFO").write_text("Name: old\nVersion: 1.0\n")
    (site / "old-1.0.egg-info/requires.txt").write_text("a>=1\n\n[fast]\nb\n\n[:python_version < '3']\nc\n")
    (site / "older-2.0.egg-info").write_text("Name: older\nVersion: 2.0\n")
    (tmp_path / "src/mine.egg-info").mkdir(parents=True)
    (tmp_path / "src/mine.egg-info/PKG-INFO").write_text("Name: mine\nVersion: 3.dev0\n")
    (site / "mine.egg-link").write_text(f"{tmp_path}/src\n.")
    (site / "easy-install.pth").write_text(f"{tmp_path}/src\n")
    found = {each.name: each for each in collected(tmp_path / "env/bin/python").distributions}
    assert {name: each.version for name, each in found.items()} == {"old": "1.0", "older": "2.0", "mine": "3.dev0"}
    assert found["old"].requires == ["a>=1", "c ; (python_version < '3')"]


def test_a_container_whose_environment_is_a_folder_of_the_host(tmp_path: Path) -> None:
    install(venv(tmp_path / "env"), "one")
    inside = Inside("autoglm", {"/opt/autoglm": str(tmp_path / "env")}, os.getpid(), {})
    context = Context(service=ServiceSpec(python="/opt/autoglm/bin/python"), view=View(container=inside))
    found = Environment.collect(context)
    assert found.contained
    assert found.python == "/opt/autoglm/bin/python"
    assert found.host == str(tmp_path / "env/bin/python")
    assert found.site == [str(tmp_path / "env/lib" / LIBRARY / "site-packages")]
    assert names(found) == ["one"]


def test_a_container_whose_environment_lies_in_its_image(tmp_path: Path) -> None:
    install(venv(tmp_path / "env"), "one")
    inside = Inside("autoglm", {}, os.getpid(), {})
    context = Context(service=ServiceSpec(python=f"{tmp_path}/env/bin/python"), view=View(container=inside))
    found = Environment.collect(context)
    assert found.host == ""
    assert found.distributions[0].location.startswith(str(tmp_path / "env/lib"))
    assert found.glibc == (os.confstr("CS_GNU_LIBC_VERSION") or " ").split()[1]


def test_what_the_services_own_folder_hides(tmp_path: Path) -> None:
    venv(tmp_path / "env")
    (tmp_path / "srv/vllm").mkdir(parents=True)
    (tmp_path / "srv/vllm/__init__.py").write_text("")
    (tmp_path / "srv/torch.py").write_text("")
    (tmp_path / "srv/numpy").mkdir()
    found = collected(tmp_path / "env/bin/python", working_dir=str(tmp_path / "srv"))
    assert found.shadows == [f"{tmp_path}/srv/vllm/__init__.py", f"{tmp_path}/srv/torch.py"]


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama"])
def test_a_program_that_is_no_python_has_none(engine: Any) -> None:
    found = Environment.collect(Context(service=ServiceSpec(engine=engine)))
    assert found.absent
    assert not found.distributions


@pytest.mark.parametrize(
    ("python", "reason"),
    [
        (None, "names no python"),
        ("/nowhere/bin/python", "is not there"),
        ("no-such-python", "on the service's PATH"),
        ("{folder}/dangling", "is a link to nothing"),
        ("{folder}/script", "no standard library"),
    ],
)
def test_what_cannot_be_told_is_said(tmp_path: Path, python: str | None, reason: str) -> None:
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "script").write_text("#!/bin/sh\n")
    with pytest.raises(CannotTell, match=reason):
        Environment.collect(Context(service=ServiceSpec(python=python and python.format(folder=tmp_path))))


def test_the_tool_that_made_the_environment_is_the_one_that_counts(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://a.test\n")
    given = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": f"{tmp_path}/pip.conf", "UV_INDEX_URL": "https://b.test"}
    for number, made in enumerate(({}, {"uv": "0.9.1"})):
        venv(tmp_path / str(number), **made)
    pythons = [str(tmp_path / f"{number}/bin/python") for number in range(2)]
    asked = [Context(service=ServiceSpec(python=python, environment=given)) for python in pythons]
    assert [PackageIndex.collect(each).index.url for each in asked] == ["https://a.test", "https://b.test"]
    assert collected(pythons[1]).tool == "uv"


def test_a_service_without_a_python_has_no_index() -> None:
    assert PackageIndex.collect(Context(service=ServiceSpec(engine="ollama"))) == PackageIndex()
