"""install, taken back: to the byte, offline, from any point at which it was cut off."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent import apply
from autoglm_fix.agent.changes import to_wire
from autoglm_fix.agent.state import State
from autoglm_fix.connect import Agent, ChannelClosed, Request
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from tests.agent.changes.installing import NEW, OLD, OTHER, change, context, make, send, site_of, undo
from tests.disks import disk
from tests.environments import make_environment, pin, put_in, snapshot, version_of
from tests.file_server import FileServer, serving
from tests.pythons import python_3_8
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


def test_undo_restores_every_byte_offline(env: Path, state: State) -> None:
    before = snapshot(env)
    send(state, NEW)
    install = change(env, pin(NEW, "1.0"), lock="lib==2.0\n", lock_path=str(env / "autoglm-fix.lock"))
    make(state, install)
    assert (env / "autoglm-fix.lock").read_text() == "lib==2.0\n"
    subprocess.run([env / "bin" / "python", "-c", "import lib.new.part, other"], check=True)  # it is compiled in use
    (entry,) = undo(state)
    assert (entry["path"], entry["state"], entry["problem"]) == (str(env), "restored", None)
    assert snapshot(env) == before
    assert version_of(env, "lib") == "1.0"
    assert undo(state) == []


def test_undo_brings_back_a_lock_file_that_was_there(env: Path, state: State) -> None:
    (env / "autoglm-fix.lock").write_text("of before\n")
    before = snapshot(env)
    send(state, NEW)
    make(state, change(env, pin(NEW, "1.0"), lock="new", lock_path=str(env / "autoglm-fix.lock")))
    undo(state)
    assert snapshot(env) == before


def test_an_undo_is_refused_where_somebody_installed_over_it(env: Path, state: State) -> None:
    send(state, NEW)
    make(state, change(env, pin(NEW, "1.0")))
    put_in(env, wheel("lib", "3.0"))
    assert [entry["state"] for entry in undo(state)] == ["refused"]
    assert version_of(env, "lib") == "3.0"


def test_what_others_installed_since_is_none_of_an_undos_business(env: Path, state: State) -> None:
    send(state, NEW)
    make(state, change(env, pin(NEW, "1.0")))
    put_in(env, wheel("unrelated", "1.0"))
    assert [entry["state"] for entry in undo(state)] == ["restored"]
    assert version_of(env, "unrelated") == "1.0"


BROKEN = ["no record", "no metadata", "files gone", "two copies", "leftover module"]


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_distribution_is_replaced_and_comes_back_as_broken_as_it_was(
    env: Path, state: State, how: str
) -> None:
    site = site_of(env)
    info = site / "lib-1.0.dist-info"
    if how == "no record":
        (info / "RECORD").unlink()
    elif how == "no metadata":
        for path in info.iterdir():
            path.unlink()
    elif how == "files gone":
        (site / "lib" / "__init__.py").unlink()
    elif how == "two copies":
        (site / "lib-0.9.dist-info").mkdir()
        (site / "lib-0.9.dist-info" / "METADATA").write_text("Name: lib\nVersion: 0.9\n")
        (site / "lib-0.9.dist-info" / "RECORD").write_text("lib/__init__.py,,\nlib/older.py,,\n")
        (site / "lib" / "older.py").write_text("")
    else:
        (site / "lib_extra.py").write_text("of nobody\n")
    before = snapshot(env)
    send(state, NEW)
    assert make(state, change(env, pin(NEW, "1.0"))) == [{"made": True}]
    assert version_of(env, "lib") == "2.0"
    assert [path.name for path in site.glob("lib-*.dist-info")] == ["lib-2.0.dist-info"]
    assert not (site / "lib" / "old.py").exists()
    assert not (site / "lib" / "older.py").exists()
    undo(state)
    assert snapshot(env) == before


def test_links_and_hard_links_stay_what_they_are(env: Path, state: State, tmp_path: Path) -> None:
    """uv shares the files of an environment with its cache: writing into one would change them all."""
    module = site_of(env) / "lib" / "__init__.py"
    os.link(module, tmp_path / "cached.py")
    (site_of(env) / "lib" / "old.py").unlink()
    (site_of(env) / "lib" / "old.py").symlink_to("deep/er.py")
    before = snapshot(env)
    inode = module.stat().st_ino
    send(state, NEW)
    make(state, change(env, pin(NEW, "1.0")))
    assert (tmp_path / "cached.py").read_text() == "version = '1.0'\n"
    undo(state)
    assert snapshot(env) == before
    assert module.stat().st_ino == inode


@pytest.mark.parametrize("at", [0, 3, 7, 12, 18, 25, 33, 42, 50])
def test_killed_at_any_point_everything_is_put_back(env: Path, state: State, at: int) -> None:
    before = snapshot(env)
    send(state, NEW)
    install = change(env, pin(NEW, "1.0"))
    assert _killed_after(at, env, lambda: make(state, install))
    assert apply.recover(context(state), state) == [str(env)]
    assert apply.recover(context(state), state) == []
    assert snapshot(env) == before


@pytest.mark.parametrize("at", [1, 4, 9, 15, 22])
def test_putting_back_may_be_killed_as_well(env: Path, state: State, at: int) -> None:
    before = snapshot(env)
    send(state, NEW)
    make(state, change(env, pin(NEW, "1.0")))
    assert _killed_after(at, env, lambda: undo(state))
    undo(state, force=True)
    assert snapshot(env) == before


def _killed_after(calls: int, env: Path, work: Callable[[], object]) -> bool:
    """Do something in a process that is killed before a certain change to the disk; whether it came so far."""
    child = multiprocessing.get_context("fork").Process(target=_work, args=(calls, env, work))
    child.start()
    child.join()
    return child.exitcode == -signal.SIGKILL


def _work(calls: int, env: Path, work: Callable[[], object]) -> None:
    left = [calls]

    def audit(event: str, arguments: Any) -> None:
        writing = event in ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")
        if writing and str(env) in str(arguments):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

    sys.addaudithook(audit)
    work()
    os._exit(0)


def test_a_disk_that_fills_up_loses_nothing(tmp_path: Path, state: State) -> None:
    with disk(tmp_path / "disk", "4M") as mount:
        env = mount / "env"
        make_environment(env, OLD, OTHER)
        before = snapshot(env)
        huge = wheel("lib", "2.0", files={"lib/__init__.py": "", "lib/zeros.bin": bytes(8 << 20)})
        send(state, huge)
        (answer,) = make(state, change(env, pin(huge, "1.0")))
        assert "bytes free" in answer["problem"]
        assert snapshot(env) == before


def test_on_another_disk_than_the_journals_files_are_kept_beside(tmp_path: Path, state: State) -> None:
    with disk(tmp_path / "disk", "16M") as mount:
        env = mount / "env"
        make_environment(env, OLD, OTHER)
        before = snapshot(env)
        send(state, NEW)
        make(state, change(env, pin(NEW, "1.0")))
        assert (env / ".autoglm-fix").is_dir()
        undo(state)
        assert snapshot(env) == before


def test_what_lies_on_a_disk_of_its_own_is_copied_aside_and_back(env: Path, state: State) -> None:
    put_in(env, wheel("lib", "1.0", commands={"lib-say": "lib:main", "lib-old": "lib:main"}))
    (env / "bin").rename(env / "saved")
    with disk(env / "bin", "4M"):
        shutil.copytree(env / "saved", env / "bin", symlinks=True, dirs_exist_ok=True)
        before = snapshot(env)
        send(state, NEW)
        assert make(state, change(env, pin(NEW, "1.0"))) == [{"made": True}]
        assert not (env / "bin" / "lib-old").exists()
        undo(state)
        assert snapshot(env) == before


def test_copies_that_find_no_room_are_not_begun(tmp_path: Path, state: State) -> None:
    with disk(tmp_path / "small", "2M") as small, disk(tmp_path / "large", "16M") as large:
        env = small / "env"
        make_environment(env, OLD)
        shutil.copytree(env / "bin", large, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(env / "bin")
        (env / "bin").mkdir()
        subprocess.run(["mount", "--bind", large, env / "bin"], check=True)
        try:
            (env / "bin" / "big").write_bytes(bytes(3 << 20))
            with (site_of(env) / "lib-1.0.dist-info" / "RECORD").open("a") as record:
                record.write("../../../bin/big,,\n")
            before = snapshot(env)
            send(state, NEW)
            (answer,) = make(state, change(env, pin(NEW, "1.0")))
            assert "copies for an undo need" in answer["problem"]
            assert snapshot(env) == before
        finally:
            subprocess.run(["umount", "--lazy", env / "bin"], check=True)


@pytest.mark.parametrize("version", ["this", "3.8"])
def test_over_the_channel_it_is_sent_made_and_undone(env: Path, state_dir: Path, tmp_path: Path, version: str) -> None:
    python = sys.executable if version == "this" else python_3_8()
    before = snapshot(env)
    house = tmp_path / "house"
    house.mkdir()
    (house / NEW[0]).write_bytes(NEW[1])
    modules = ("autoglm_fix.agent.apply", "autoglm_fix.agent.changes.install")
    agent = Agent(LocalChannel(argv(python)), state_dir=str(state_dir))
    try:
        agent.lock("run", "a test")
        wire = [to_wire(change(env, pin(NEW, "1.0"), lock="lib==2.0\n", lock_path=str(env / "autoglm-fix.lock")))]
        (preview,) = agent.ask(Request("preview", {"changes": wire}, modules=modules))
        assert preview["problem"] is None
        assert agent.send_file(str(house / NEW[0]), pin(NEW)["sha256"]) is None
        arguments = {"run": "run", "step": "step", "changes": wire}
        assert agent.ask(Request("apply", arguments, modules=modules, finishes=True)) == [{"made": True}]
        assert version_of(env, "lib") == "2.0"
        arguments = {"run": "run", "force": False, "dry_run": False}
        (report,) = agent.ask(Request("undo", arguments, modules=modules))
        assert report["state"] == "restored"
    finally:
        agent.close()
    assert snapshot(env) == before


def test_work_that_was_begun_is_finished_when_contact_is_lost(env: Path, state_dir: Path, server: FileServer) -> None:
    """The wheel comes slowly, and the controller goes away in the middle of it."""
    server.files["/files/new.whl"] = NEW[1]
    server.stall_after = 100
    modules = ("autoglm_fix.agent.apply", "autoglm_fix.agent.changes.install")
    channel = LocalChannel(argv(sys.executable))
    agent = Agent(channel, state_dir=str(state_dir))
    agent.lock("run", "a test")
    wire = [to_wire(change(env, pin(NEW, "1.0", f"{server.url}/files/new.whl"), source="index"))]
    request = Request("apply", {"run": "run", "step": "step", "changes": wire}, modules=modules, finishes=True)

    def leave(_index: int, event: Mapping[str, Any]) -> None:
        channel.hang_up()
        server.stall_after = None
        server.released.set()

    with pytest.raises(ChannelClosed):
        agent.ask(request, leave)
    journal = state_dir / "runs" / "run" / "journal.jsonl"
    while '"outcome"' not in journal.read_text():
        time.sleep(0.05)
    assert '"made"' in journal.read_text().splitlines()[-1]
    assert version_of(env, "lib") == "2.0"
