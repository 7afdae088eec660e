from __future__ import annotations

import contextlib
import importlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent import memory
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.no_answer import NoAnswer
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.service_run import surroundings
from autoglm_fix.agent.service_run.call import call
from autoglm_fix.agent.unknown import CannotTell
from tests.pythons import python_3_8

TRIAL = textwrap.dedent("""
    from __future__ import annotations
    import os, signal, sys, time
    from .unknown import CannotTell

    def add(emit, a, b):
        emit({"event": "log", "line": "adding"})
        return {"sum": a + b, "python": list(sys.version_info[:2])}

    def where(emit):
        return {"folder": os.getcwd(), "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
                "environment": dict(os.environ), "bytecode": sys.dont_write_bytecode, "path": sys.path,
                "stdin": sys.stdin.read(), "agent": sorted(name for name in sys.modules if "autoglm" in name)}

    def noisy(emit):
        for number in range(20000):
            print("out", number)
            os.write(2, b"err %d\\r progress\\n" % number)
            if number % 5000 == 0:
                emit({"event": "n", "n": number})
        return {"fine": True}

    def breaks(emit):
        print("about to break", file=sys.stderr)
        raise ValueError("no such thing")

    def cannot_tell(emit):
        raise CannotTell("the folder is locked")

    def leaves(emit, status):
        print("leaving", flush=True)
        os._exit(status)

    def dies(emit, number):
        emit({"event": "log", "line": "dying"})
        os.kill(os.getpid(), number)

    def waits(emit, child=False):
        if child and os.fork() == 0:
            time.sleep(600)
        emit({"event": "pids", "group": os.getpgrp()})
        time.sleep(600)

    def works(emit):
        end = time.monotonic() + 4
        while time.monotonic() < end:
            pass
        return {"done": True}

    def leaves_a_child(emit):
        if os.fork() == 0:
            time.sleep(600)
        emit({"event": "pids", "group": os.getpgrp()})
        return {"done": True}

    def writes_caches(emit):
        for name in ("TRITON_CACHE_DIR", "XDG_CACHE_HOME", "TMPDIR"):
            with open(os.path.join(os.environ[name], "x"), "w") as out:
                out.write("x")
        return {"folder": os.environ["TMPDIR"]}

    def tells_much(emit, letters):
        return {"much": "x" * letters}

    def tells_nothing(emit):
        return {"bad": {1, 2}}
""")


def living(group: int) -> list[str]:
    """The processes of a group that still run; those that wait to be reaped do not."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, of_group = stat.read_text().rpartition(")")[2].split()[:3]
            if of_group == str(group) and state not in "ZX":
                alive.append(stat.parent.name)
    return alive


def ended(group: int) -> bool:
    """Whether a group is gone, or goes: the kernel takes its time over the killed on a busy machine."""
    latest = time.monotonic() + 60
    while living(group) and time.monotonic() < latest:
        time.sleep(0.01)
    return not living(group)


LATE = ("sources", "service_run.env_file", "service_run.no_python")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture(autouse=True)
def _trial() -> Iterator[None]:
    for name in LATE:  # once the trial is in memory, nothing else of the agent is taken from the disk
        importlib.import_module(f"autoglm_fix.agent.{name}")
    importer = memory.install({"autoglm_fix.agent.trial": TRIAL})
    yield
    sys.meta_path.remove(importer)


@pytest.fixture
def system_python() -> str:
    """A Python that other users can reach."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if os.path.exists(path):
            return path
    pytest.skip("no Python outside a private folder")


class Heard(list[dict[str, Any]]):
    def context(self, **service: Any) -> Context:
        return Context(service=ServiceSpec(**{"python": sys.executable, **service}), emit=self.append)

    def of(self, event: str) -> dict[str, Any]:
        return next(each for each in self if each["event"] == event)


def trial(function: str, *, timeout_s: float = 60, no_progress_s: float = 60, **arguments: Any) -> Any:
    return call(Heard().context(), "trial", function, arguments, timeout_s=timeout_s, no_progress_s=no_progress_s)


def test_the_result_and_the_events_come_back_in_order() -> None:
    heard = Heard()
    result = call(heard.context(), "trial", "add", {"a": 1, "b": 2}, timeout_s=60)
    assert result["sum"] == 3
    assert [each["event"] for each in heard] == ["started", "log"]


@pytest.mark.parametrize("oldest", [False, True])
def test_it_runs_in_the_service_s_python_whatever_its_version(oldest: bool) -> None:
    python = python_3_8() if oldest else sys.executable
    result = call(Heard().context(python=python), "trial", "add", {"a": 1, "b": 2}, timeout_s=60)
    assert result["python"] == ([3, 8] if oldest else list(sys.version_info[:2]))


def test_only_the_modules_it_needs_travel_and_no_installed_copy_is_used() -> None:
    assert [name for name in trial("where")["agent"] if not name.endswith("agent")] == [
        "autoglm_fix",
        "autoglm_fix.agent.service_run",
        "autoglm_fix.agent.service_run.entry",
        "autoglm_fix.agent.trial",
        "autoglm_fix.agent.unknown",
    ]


def test_the_folder_and_the_variables_are_the_service_s(tmp_path: Path) -> None:
    (tmp_path / "service.env").write_text('# secrets\nexport TOKEN="a b"\nMODE=file\nnonsense\nHF_HOME=/cache/hf\n')
    files = ["-/not/there", str(tmp_path / "service.env")]
    context = Heard().context(
        working_dir=str(tmp_path), environment={"MODE": "own", "CUDA_VISIBLE_DEVICES": "1"}, env_files=files
    )
    found = call(context, "trial", "where", {}, timeout_s=60)
    environment = found["environment"]
    assert found["folder"] == str(tmp_path)
    assert environment["TOKEN"] == "a b"
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["MODE"] == "own"
    assert environment["HF_HOME"] == "/cache/hf"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert "PYTEST_CURRENT_TEST" not in environment
    assert found["bytecode"] is True
    assert found["stdin"] == ""
    assert "" not in found["path"]


def test_systemd_lets_the_file_win() -> None:
    spec = ServiceSpec(manager="systemd", environment={"A": "unit"}, env_files=[])
    assert surroundings.environment(spec, "/", "me")["A"] == "unit"


def test_the_hub_cache_stays_where_the_service_has_it() -> None:
    made = surroundings.environment(ServiceSpec(environment={"XDG_CACHE_HOME": "/big/cache"}), "/home/me", "me")
    probe = surroundings.for_a_probe(made, "/tmp/private")
    assert probe["HF_HOME"] == "/big/cache/huggingface"
    assert probe["XDG_CACHE_HOME"].startswith("/tmp/private/")


def test_what_libraries_print_never_mixes_with_the_answer() -> None:
    heard = Heard()
    assert call(heard.context(), "trial", "noisy", {}, timeout_s=60) == {"fine": True}
    assert [each["n"] for each in heard if each["event"] == "n"] == [0, 5000, 10000, 15000]


def test_caches_lie_in_a_private_folder_that_is_removed() -> None:
    assert not os.path.exists(os.path.dirname(trial("writes_caches")["folder"]))


def test_an_exception_is_told_with_its_type_and_the_last_lines() -> None:
    with pytest.raises(NoAnswer, match="raised ValueError: no such thing") as caught:
        trial("breaks")
    assert caught.value.kind == "raised"
    assert caught.value.error == "ValueError"
    assert "about to break" in caught.value.tail
    assert any("trial.py" in line for line in caught.value.tail)


def test_cannot_tell_keeps_its_words() -> None:
    with pytest.raises(CannotTell, match=r"^the folder is locked$"):
        trial("cannot_tell")


def test_a_result_that_json_cannot_carry_is_told() -> None:
    with pytest.raises(NoAnswer, match="raised TypeError"):
        trial("tells_nothing")


def test_a_result_within_the_bound_is_one_and_a_longer_one_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoglm_fix.agent.service_run.conversation.MAX_FRAME", 1 << 20)
    assert len(trial("tells_much", letters=900_000)["much"]) == 900_000
    with pytest.raises(NoAnswer, match="answered with more than 1 MiB") as caught:
        trial("tells_much", letters=50_000_000)
    assert caught.value.kind == "exited"


@pytest.mark.parametrize("status", [0, 3])
def test_an_exit_without_a_result_is_told_with_its_status(status: int) -> None:
    with pytest.raises(NoAnswer, match=f"ended with exit status {status} and no result; its last lines: leaving"):
        trial("leaves", status=status)


@pytest.mark.parametrize(("number", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (9, "SIGKILL")])
def test_a_crash_is_told_with_its_signal(number: int, name: str) -> None:
    with pytest.raises(NoAnswer, match=f"was ended by {name}") as caught:
        trial("dies", number=number)
    assert (caught.value.kind, caught.value.signal, caught.value.out_of_memory) == ("killed", name, "")
    if name == "SIGKILL":
        assert "another process sent it" in str(caught.value)


def test_a_kill_for_want_of_memory_is_told_from_the_kernel_s_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([{"the host": 7, "its control group": 0}, {"the host": 8, "its control group": 1}])
    monkeypatch.setattr("autoglm_fix.agent.service_run.conversation.oom_kills", lambda: next(counts))
    with pytest.raises(NoAnswer, match="the kernel ran out of memory in the host and its control group") as caught:
        trial("dies", number=9)
    assert caught.value.out_of_memory == "the host and its control group"


@pytest.mark.slow
def test_a_deadline_ends_the_whole_group() -> None:
    heard = Heard()
    with pytest.raises(NoAnswer, match="gave no result within 5 s") as caught:
        call(heard.context(), "trial", "waits", {"child": True}, timeout_s=5)  # its Python has to begin in that time
    assert caught.value.kind == "timeout"
    assert ended(heard.of("pids")["group"])


def test_no_progress_ends_it() -> None:
    with pytest.raises(NoAnswer, match="did nothing for 1 s") as caught:
        trial("waits", no_progress_s=1)
    assert caught.value.kind == "stalled"


@pytest.mark.slow
def test_work_in_silence_is_progress() -> None:
    assert trial("works", no_progress_s=3) == {"done": True}


def test_children_left_behind_are_ended() -> None:
    heard = Heard()
    call(heard.context(), "trial", "leaves_a_child", {}, timeout_s=60)
    assert ended(heard.of("pids")["group"])


def test_nothing_stays_when_the_agent_itself_is_killed(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import os, sys
        from autoglm_fix.agent import memory, sources
        from autoglm_fix.agent.context import Context
        from autoglm_fix.agent.service import ServiceSpec
        from autoglm_fix.agent.service_run.call import call
        memory.install({"autoglm_fix.agent.trial": sys.stdin.read()})
        def heard(event):
            if event["event"] == "pids":
                print(event["group"], flush=True)
                os.kill(os.getpid(), 9)
        call(Context(service=ServiceSpec(python=sys.executable), emit=heard), "trial", "waits", {}, timeout_s=60)
    """)
    root = str(Path(memory.__file__).parents[2])
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": root}
    # The pipe ends only when the process that cleans up has ended too.
    killed = subprocess.run(
        [sys.executable, "-c", code], input=TRIAL.encode(), stdout=subprocess.PIPE, env=environment, timeout=60
    )
    assert killed.returncode == -9
    assert os.listdir(tmp_path) == []
    assert ended(int(killed.stdout))


def test_a_child_that_was_left_behind_does_not_hold_it_up() -> None:
    source, sink = os.pipe()

    def heard(event: dict[str, Any]) -> None:
        # Like a look at the driver that never returns: it has a copy of every descriptor of ours.
        if event["event"] == "started" and os.fork() == 0:
            os.close(sink)
            os.read(source, 1)
            os._exit(0)

    context = Context(service=ServiceSpec(python=sys.executable), emit=heard)
    result = call(context, "trial", "writes_caches", {}, timeout_s=60)
    assert not os.path.exists(os.path.dirname(result["folder"]))
    os.close(sink)
    os.close(source)
    os.wait()


def unusable(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "sh").write_text("#!/bin/sh\necho I am a shell\nexit 4\n")
    (tmp_path / "binary").write_bytes(b"\x00\x01\x02")
    (tmp_path / "lost").symlink_to(tmp_path / "gone")
    (tmp_path / "orphan").write_text("#!/gone/python\n")
    for name in ("sh", "binary", "orphan"):
        (tmp_path / name).chmod(0o755)
    return {name: str(tmp_path / name) for name in ("plain", "sh", "binary", "lost", "gone", "orphan")}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "gone is not there"),
        ("lost", "lost is a link to nothing"),
        ("plain", "plain cannot be executed"),
        ("sh", "is no Python that can be used: it ended with exit status 4; its last lines: I am a shell"),
        ("binary", "cannot start .*binary: Exec format error"),
        ("orphan", "cannot start .*orphan: No such file"),
    ],
)
def test_a_python_that_cannot_be_used_is_told(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(CannotTell, match=reason):
        call(Heard().context(python=unusable(tmp_path)[name]), "trial", "add", {"a": 1, "b": 2}, timeout_s=60)


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ({"python": None}, "the service model names no python"),
        ({"python": "python-of-nowhere"}, "no python-of-nowhere on the service's PATH"),
        ({"python": "/usr"}, "/usr is a folder"),
        ({"working_dir": "/gone/for/good"}, "cannot enter its folder /gone/for/good: No such file"),
        ({"env_files": ["/gone.env"]}, "environment file /gone.env is not there"),
    ],
)
def test_a_service_that_cannot_be_reproduced_is_told(service: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotTell, match=reason):
        call(Heard().context(**service), "trial", "add", {"a": 1, "b": 2}, timeout_s=60)


@AS_ROOT
def test_it_becomes_the_service_s_user(system_python: str) -> None:
    nobody = pwd.getpwnam("nobody")
    context = Heard().context(python=system_python, user="nobody", working_dir="/")
    found = call(context, "trial", "where", {}, timeout_s=60)
    assert (found["uid"], found["gid"]) == (nobody.pw_uid, nobody.pw_gid)
    assert 0 not in found["groups"]
    assert found["environment"]["USER"] == "nobody"


@AS_ROOT
def test_its_caches_belong_to_the_service_s_user(system_python: str) -> None:
    context = Heard().context(python=system_python, user="nobody", working_dir="/")
    assert not os.path.exists(os.path.dirname(call(context, "trial", "writes_caches", {}, timeout_s=60)["folder"]))


@AS_ROOT
@pytest.mark.parametrize("user", [None, "root"])
def test_root_never_runs_an_environment_of_another_user(system_python: str, user: str | None) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    prefix = Path(tempfile.mkdtemp(prefix="theirs-"))  # pytest's own folders are closed to others
    (prefix / "bin").mkdir()
    prefix.chmod(0o755)
    try:
        (prefix / "bin/python").symlink_to(system_python)
        os.chown(prefix, nobody, nobody)
        heard = Heard()
        context = heard.context(python=str(prefix / "bin/python"), user=user, working_dir="/")
        assert call(context, "trial", "where", {}, timeout_s=60)["uid"] == nobody
    finally:
        shutil.rmtree(prefix)


@AS_ROOT
def test_a_folder_closed_to_the_service_s_user_is_told(tmp_path: Path, system_python: str) -> None:
    tmp_path.chmod(0o700)
    context = Heard().context(python=system_python, user="nobody", working_dir=str(tmp_path))
    with pytest.raises(CannotTell, match=r"cannot enter its folder .*: Permission denied"):
        call(context, "trial", "where", {}, timeout_s=60)


@AS_ROOT
def test_an_unknown_user_is_told() -> None:
    with pytest.raises(CannotTell, match="user nemo does not exist"):
        call(Heard().context(user="nemo"), "trial", "where", {}, timeout_s=60)
