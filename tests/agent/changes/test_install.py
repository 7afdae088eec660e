"""install: wheels take the place of distributions, nothing else changes, and all of it comes back to the byte."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.agent.changes import from_wire, to_wire
from autoglm_fix.agent.changes.install import Install
from autoglm_fix.agent.state import State
from tests.agent.changes.installing import NEW, OLD, OTHER, Wheel, change, context, files, make, send, site_of, undo
from tests.disks import disk, make_read_only
from tests.environments import make_environment, pin, put_in, snapshot, version_of
from tests.file_server import FileServer, serving
from tests.wheelhouse import wheel


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def state(state_dir: Path) -> State:
    return State(str(state_dir))


@pytest.fixture
def env(tmp_path: Path) -> Path:
    make_environment(tmp_path / "env", OLD, OTHER)
    return tmp_path / "env"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as running:
        yield running


def test_the_new_version_is_there_and_nothing_else_has_changed(env: Path, state: State) -> None:
    before = snapshot(env)
    send(state, NEW)
    assert make(state, change(env, pin(NEW, "1.0"))) == [{"made": True}]
    assert version_of(env, "lib") == "2.0"
    after = snapshot(env)
    touched = {path for path in {**before, **after} if before.get(path) != after.get(path)}
    assert not [path for path in touched if "other" in path or "pyvenv" in path or path.endswith("bin/python")]
    gone = {path.rpartition("site-packages/")[2] for path in files(before).keys() - after.keys()}
    assert {"lib/old.py", "lib/deep/er.py"} <= gone
    assert all(path.startswith(("lib/", "lib-1.0.dist-info/")) for path in gone)
    assert os.listdir(state.parcels) == []


def test_what_it_installs_is_a_distribution_like_any_other(env: Path, state: State) -> None:
    send(state, NEW)
    make(state, change(env, pin(NEW, "1.0")))
    say = [str(env / "bin" / "python"), "-B", "-c", "import lib_extra; print(lib_extra.x)"]
    assert subprocess.run(say, check=True, capture_output=True, text=True).stdout == "3\n"
    tool = subprocess.run([env / "bin" / "lib-tool"], check=True, capture_output=True, text=True)
    assert tool.stdout == "2.0\n"
    assert (env / "bin" / "lib-say").read_text().startswith(f"#!{env}/bin/python\nimport sys\nfrom lib.new.part import")
    assert os.access(env / "bin" / "lib-say", os.X_OK)
    assert (env / "share/lib/notes.txt").read_text() == "notes\n"
    assert len(list(env.glob("include/site/python*/lib/lib.h"))) == 1
    listing = "import importlib.metadata as m; d = m.distribution('lib')"
    listing += "; print(d.version, all(f.locate().exists() for f in d.files), len(d.files))"
    told = subprocess.run(
        [str(env / "bin" / "python"), "-B", "-c", listing], check=True, capture_output=True, text=True
    )
    assert told.stdout == "2.0 True 12\n"


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_installers_can_remove_it_again(env: Path, state: State, installer: str) -> None:
    send(state, NEW)
    make(state, change(env, pin(NEW, "1.0")))
    python = str(env / "bin" / "python")
    argv = {
        "uv": [sys.executable, "-m", "uv", "pip", "uninstall", "--python", python, "lib"],
        "pip": [sys.executable, "-m", "pip", "--python", python, "uninstall", "-y", "lib"],
    }[installer]
    subprocess.run(argv, check=True, capture_output=True)
    left = [str(path) for path in env.rglob("*lib_extra*")] + [str(path) for path in env.rglob("lib-*")]
    assert left == []


def test_a_distribution_that_is_new_goes_again(env: Path, state: State) -> None:
    before = snapshot(env)
    fresh = wheel("fresh", "1.0", files={"fresh/a.py": "", "shared/fresh.py": ""}, commands={"fresh": "fresh.a:main"})
    send(state, fresh)
    assert make(state, change(env, pin(fresh))) == [{"made": True}]
    undo(state)
    assert snapshot(env) == before


def test_a_distribution_that_has_to_go_comes_back(env: Path, state: State) -> None:
    before = snapshot(env)
    gone = {**pin(OLD, "1.0"), "version": None, "file": "", "sha256": "", "size": None}
    assert make(state, change(env, gone)) == [{"made": True}]
    assert not list(env.rglob("lib-1.0.dist-info")) and not (site_of(env) / "lib").exists()
    undo(state)
    assert snapshot(env) == before


def test_several_at_once_may_share_files_that_are_the_same(env: Path, state: State) -> None:
    before = snapshot(env)
    one = wheel("nvidia-one", "1.0", files={"nvidia/__init__.py": "", "nvidia/one.py": ""})
    two = wheel("nvidia-two", "1.0", files={"nvidia/__init__.py": "", "nvidia/two.py": "", "shared/__init__.py": ""})
    send(state, one, two)
    assert make(state, change(env, pin(one), pin(two))) == [{"made": True}]
    newer = wheel("nvidia-one", "2.0", files={"nvidia/__init__.py": "", "nvidia/one.py": "x = 2\n"})
    middle = snapshot(env)
    send(state, newer)
    assert make(state, change(env, pin(newer, "1.0")), run="second") == [{"made": True}]
    assert (site_of(env) / "nvidia" / "__init__.py").exists()
    undo(state, run="second")
    assert snapshot(env) == middle
    undo(state)
    assert snapshot(env) == before


REFUSED = {
    "a file of a distribution that stays": (
        wheel("lib", "2.0", files={"other.py": "mine now\n"}),
        "which belongs to other",
    ),
    "a path outside": (wheel("lib", "2.0", files={"../../../../evil.py": ""}), "must not be unpacked"),
    "an absolute path": (wheel("lib", "2.0", files={"/etc/evil": ""}), "must not be unpacked"),
    "an unknown scheme": (wheel("lib", "2.0", files={"lib-2.0.data/etc/x": ""}), "nothing says where"),
    "a command outside": (wheel("lib", "2.0", commands={"../evil": "lib:main"}), "a command that cannot be made"),
    "a command that is code": (wheel("lib", "2.0", commands={"x": "os:system('x')"}), "a command that cannot be made"),
    "no wheel at all": (("lib-2.0-py3-none-any.whl", b"<html>"), "is no wheel"),
    "a folder in the way": (wheel("lib", "2.0", files={"shared": "a file\n"}), "is a folder where a file belongs"),
}


@pytest.mark.parametrize(("bad", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wheel_that_would_do_harm_changes_nothing(env: Path, state: State, bad: Wheel, said: str) -> None:
    before = snapshot(env)
    send(state, bad)
    (answer,) = make(state, change(env, pin(bad, "1.0")))
    assert not answer["made"] and said in answer["problem"]
    assert snapshot(env) == before
    assert undo(state) == []


def test_two_wheels_with_different_contents_for_one_file_are_refused(env: Path, state: State) -> None:
    before = snapshot(env)
    one = wheel("one", "1.0", files={"both.py": "1\n"})
    two = wheel("two", "1.0", files={"both.py": "2\n"})
    send(state, one, two)
    (answer,) = make(state, change(env, pin(one), pin(two)))
    assert "both bring" in answer["problem"]
    assert snapshot(env) == before


def test_a_wheel_with_another_digest_is_refused(env: Path, state: State) -> None:
    before = snapshot(env)
    send(state, NEW)
    Path(state.parcels, pin(NEW)["sha256"]).write_bytes(OLD[1])
    (answer,) = make(state, change(env, pin(NEW, "1.0")))
    assert "is not what was planned" in answer["problem"]
    assert snapshot(env) == before


def test_the_host_fetches_from_the_index_itself(env: Path, state: State, server: FileServer) -> None:
    before = snapshot(env)
    server.files["/files/new.whl"] = NEW[1]
    url = f"{server.url}/files/new.whl"
    assert make(state, change(env, pin(NEW, "1.0", url), source="index")) == [{"made": True}]
    assert version_of(env, "lib") == "2.0"
    undo(state)
    assert snapshot(env) == before


def test_an_index_that_has_something_else_by_now_changes_nothing(env: Path, state: State, server: FileServer) -> None:
    before = snapshot(env)
    server.files["/files/new.whl"] = NEW[1][:-1] + b"x"
    (answer,) = make(state, change(env, pin(NEW, "1.0", f"{server.url}/files/new.whl"), source="index"))
    assert "is not what was planned" in answer["problem"]
    (answer,) = make(state, change(env, pin(NEW, "1.0", f"{server.url}/files/gone.whl"), source="index"))
    assert "404" in answer["problem"]
    assert snapshot(env) == before


def test_an_environment_that_has_moved_on_is_left_alone(env: Path, state: State) -> None:
    put_in(env, wheel("lib", "1.5"))
    before = snapshot(env)
    send(state, NEW)
    install = change(env, pin(NEW, "1.0"))
    preview = install.preview(context(state))
    assert preview.problem == "lib is 1.5 by now, and not 1.0"
    (answer,) = make(state, install)
    assert answer["problem"] == "lib is 1.5 by now, and not 1.0"
    assert snapshot(env) == before


def test_an_environment_of_uv_is_treated_as_any_other(tmp_path: Path, state: State) -> None:
    env = tmp_path / "uv"
    make_environment(env, OLD, OTHER, by_uv=True)
    before = snapshot(env)
    send(state, NEW)
    assert make(state, change(env, pin(NEW, "1.0"))) == [{"made": True}]
    assert version_of(env, "lib") == "2.0"
    undo(state)
    assert snapshot(env) == before


def test_the_preview_says_what_is_short(tmp_path: Path, state: State) -> None:
    with disk(tmp_path / "disk", "1M") as mount:
        make_environment(mount / "env", OLD)
        preview = change(mount / "env", pin(NEW, "1.0", size=4 << 20)).preview(context(state))
        assert preview.problem is not None and "bytes free" in preview.problem
        make_read_only(mount)
        preview = change(mount / "env", pin(NEW, "1.0")).preview(context(state))
        assert preview.problem is not None and "read-only" in preview.problem


def test_the_preview_is_a_table_and_writes_nothing(env: Path, state: State) -> None:
    before = snapshot(env)
    pins = [pin(NEW, "1.0", size=12_300_000, why="engine 2.0 needs lib>=2"), pin(wheel("fresh", "1.0"), size=None)]
    preview = change(env, *pins).preview(context(state))
    assert preview.problem is None
    assert preview.diff.splitlines() == [
        "package  from  to   size     why",
        "lib      1.0   2.0  12.3 MB  engine 2.0 needs lib>=2",
        "fresh    -     1.0  -        a test",
    ]
    assert snapshot(env) == before
    assert not os.path.exists(state.parcels)


def test_it_travels_as_plain_values(env: Path) -> None:
    install = change(env, pin(NEW, "1.0"))
    assert from_wire(json.loads(json.dumps(to_wire(install)))) == install


def test_an_environment_that_the_system_manages_is_refused(env: Path, state: State) -> None:
    (env / "pyvenv.cfg").unlink()
    (site_of(env).parent / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    problem = change(env, pin(NEW, "1.0")).preview(context(state)).problem
    assert problem == f"{env} is managed by the system's own packages"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give an environment to another user")
def test_root_installs_as_the_owner_of_the_environment(tmp_path_factory: pytest.TempPathFactory, state: State) -> None:
    """The folder of another user may hold links: root must not be led by them."""
    nobody = pwd.getpwnam("nobody")
    home = tmp_path_factory.mktemp("home")
    env = home / "env"
    make_environment(env, OLD, OTHER)
    for folder in (home, *home.parents[:-2]):
        folder.chmod(0o755)
    subprocess.run(["chown", "-hR", f"{nobody.pw_uid}:{nobody.pw_gid}", env], check=True)
    before = snapshot(env)
    send(state, NEW)
    assert make(state, change(env, pin(NEW, "1.0"))) == [{"made": True}]
    assert {path.lstat().st_uid for path in env.rglob("*")} == {nobody.pw_uid}
    undo(state)
    assert snapshot(env) == before
    assert os.geteuid() == 0
    # A folder of the environment that leads to one of root's is not written to.
    roots = tmp_path_factory.mktemp("roots")
    roots.chmod(0o755)
    (site_of(env) / "lib" / "new").symlink_to(roots)
    (answer,) = make(state, change(env, pin(NEW, "1.0")), run="second")
    assert not answer["made"]
    assert os.listdir(roots) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_without_permission_the_preview_names_the_owner(env: Path, state: State) -> None:
    for folder in (env, *env.parents[:-2]):
        folder.chmod(0o755)
    install = change(env, pin(NEW, "1.0"))
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        preview = install.preview(context(state))
    finally:
        os.seteuid(0)
    assert preview.problem == f"no permission to write in {site_of(env)}, which belongs to root"
    assert preview.hint == "run again with --become"


def test_nothing_of_the_environment_is_run(env: Path, state: State, tmp_path: Path) -> None:
    (site_of(env) / "trap.pth").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'sprung')!r}).touch()\n")
    (site_of(env) / "sitecustomize.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    send(state, NEW)
    assert make(state, change(env, pin(NEW, "1.0"))) == [{"made": True}]
    undo(state)
    assert not (tmp_path / "sprung").exists()


def test_files_have_the_modes_that_the_folder_suggests(env: Path, state: State) -> None:
    site_of(env).chmod(0o2775)
    old = os.umask(0o077)
    try:
        send(state, NEW)
        make(state, change(env, pin(NEW, "1.0")))
    finally:
        os.umask(old)
    assert (site_of(env) / "lib" / "__init__.py").stat().st_mode & 0o7777 == 0o664
    assert (site_of(env) / "lib" / "new").stat().st_mode & 0o7777 == 0o2775
    assert (env / "bin" / "lib-tool").stat().st_mode & 0o7777 == 0o775


def test_a_path_too_long_for_the_kernel_goes_through_a_shell(env: Path, state: State) -> None:
    far = "/" + "x" * 200 + "/python"
    send(state, NEW)
    install = Install(str(env), str(site_of(env)), far, [pin(NEW, "1.0")], "parcels")
    make(state, install)
    assert (env / "bin" / "lib-tool").read_text().startswith("#!/bin/sh\n'''exec' \"" + far)
