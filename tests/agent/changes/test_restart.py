"""Starting and restarting services of a real systemd, and bringing back the state that was found."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from autoglm_fix.agent.changes import Change, to_wire
from autoglm_fix.agent.changes.restart import ReloadAndRestart, Restart
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.fixes import Declined
from autoglm_fix.fixes.restart import restart_of
from tests.agent.definition.on_host import DO, ROOT, do, service
from tests.hosts import Host, boot

pytestmark = pytest.mark.slow

PYTHON = "/usr/bin/python3"
SERVER = "import os, time; print('serving', os.environ.get('MODEL'), flush=True); time.sleep(1000)"
NAME = {"manager": "systemd", "unit": "model", "name": "model"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("host")) as host:
        host.write("/srv/serve.py", SERVER)
        yield host


@pytest.fixture(autouse=True)
def a_fresh_unit(host: Host) -> Iterator[None]:
    yield
    host.run("systemctl", "kill", "-s", "KILL", "model", check=False)
    host.run("systemctl", "stop", "model", check=False)
    host.run("systemctl", "reset-failed", "model", check=False)
    host.run("rm", "-rf", "/etc/systemd/system/model.service.d", "/var/lib/autoglm-fix")


def unit(host: Host, lines: str = "", command: str = f"{PYTHON} /srv/serve.py") -> None:
    host.write("/etc/systemd/system/model.service", f"[Service]\nExecStart={command}\n{lines}")
    host.run("systemctl", "daemon-reload")


def state(host: Host) -> str:
    return service(host, **NAME).state


def restart(host: Host, idle: float = 60.0, settle: float = 0.5) -> Restart:
    """The change that the fix would plan for the service as it is. One that ends has ``settle`` seconds for that."""
    change = restart_of(service(host, **NAME))
    assert isinstance(change, Restart)
    return dataclasses.replace(change, settle=settle, idle=idle)


def apply(host: Host, change: Change) -> list[dict[str, object]]:
    made: list[dict[str, object]] = do(host, "apply", run="r", step="s", changes=[to_wire(change)])[0]
    return made


def undo(host: Host) -> list[dict[str, object]]:
    report: list[dict[str, object]] = do(host, "undo", run="r", force=False, dry_run=False)[0]
    return report


def test_one_that_ended_again_and_again_starts_with_a_clean_slate(host: Host) -> None:
    """systemd keeps its count where a unit is restarted while it waits for its next start."""
    unit(host, "Restart=always\nRestartSec=1", command="/bin/false")
    host.run("systemctl", "start", "model")
    loops = "until [ $(systemctl show model --value -p NRestarts) -ge 1 ] && systemctl is-active model | grep -q activ"
    host.run("sh", "-c", f"{loops}; do sleep 0.05; done")
    unit(host, "Restart=always\nRestartSec=1")
    (made,) = apply(host, restart(host))
    assert made["made"], made
    assert host.run("systemctl", "show", "model", "--value", "-p", "NRestarts").stdout.strip() == "0"
    assert service(host, **NAME).ended is None


def test_a_service_that_is_down_is_started_and_undo_stops_it_again(host: Host) -> None:
    unit(host)
    change = restart(host)
    ((seen,), _) = do(host, "preview", changes=[to_wire(change)])
    assert (seen["problem"], seen["diff"]) == (None, "-model.service: stopped\n+model.service: running")
    assert apply(host, change) == [{"made": True}]
    assert state(host) == "running"
    (entry,) = undo(host)
    assert (entry["path"], entry["state"], entry["problem"]) == ("model.service", "restored", None)
    assert state(host) == "stopped"


def test_a_new_definition_is_read_before_the_restart_and_undo_runs_the_old_one_again(host: Host) -> None:
    unit(host)
    host.run("systemctl", "start", "model")
    host.write("/etc/systemd/system/model.service.d/10-new.conf", "[Service]\nEnvironment=MODEL=new\n")
    change = restart(host)
    assert change.says == "restart.restart-reloaded"
    assert apply(host, change) == [{"made": True}]
    now = service(host, **NAME)
    assert now.reloaded and now.running is not None and now.running.environment is not None
    assert now.running.environment["MODEL"] == "new"
    host.run("rm", "-r", "/etc/systemd/system/model.service.d")  # as undo does with files, before it comes to services
    undo(host)
    then = service(host, **NAME)
    assert then.state == "running" and then.running is not None and then.running.environment is not None
    assert then.reloaded and "MODEL" not in then.running.environment
    assert then.running.pid != now.running.pid


def test_after_an_undo_a_service_that_was_down_would_start_as_it_was_defined(host: Host) -> None:
    unit(host)
    drop_in = "/etc/systemd/system/model.service.d/fix.conf"
    host.write(drop_in, "[Service]\nEnvironment=MODEL=glm\n")
    apply(host, restart(host))
    assert state(host) == "running"
    host.run("rm", drop_in)
    undo(host)
    shown = host.run("systemctl", "show", "model", "--value", "-p", "Environment,NeedDaemonReload,ActiveState").stdout
    assert sorted(shown.split()) == ["inactive", "no"]


def test_a_start_that_crashes_is_a_failure_with_the_last_words_of_its_log(host: Host) -> None:
    unit(host, command=f"{PYTHON} -c 'import nothing_of_that_name'")
    (result,) = apply(host, restart(host, settle=30.0))
    assert not result["made"]
    said = "its log ends with: ModuleNotFoundError: No module named 'nothing_of_that_name'"
    assert result["problem"] == f"model.service did not come up, it is failed; {said}"
    assert state(host) in ("failed", "stopped")


def test_a_loop_of_crashes_is_no_start(host: Host) -> None:
    unit(host, "Restart=always\nRestartSec=300\n", command="/bin/false")
    (result,) = apply(host, restart(host, settle=30.0))
    assert "it is restarting" in str(result["problem"])
    assert state(host) == "stopped"


def test_a_loop_of_crashes_that_goes_on_after_a_repair_in_vain_is_put_back(host: Host) -> None:
    unit(host, "Restart=always\nRestartSec=300\n", command="/bin/false")
    host.run("systemctl", "start", "model")
    host.run("sh", "-c", "until [ $(systemctl show -P SubState model) = auto-restart ]; do sleep 0.1; done")
    (result,) = apply(host, restart(host, settle=30.0))
    assert result["problem"] == "model.service did not come up, it is restarting"
    assert state(host) == "restarting"


def test_a_service_that_its_manager_gave_up_is_started_all_the_same(host: Host) -> None:
    host.write("/srv/broken", "")
    unit(host, "Restart=always\nRestartSec=0\n", command="/bin/sh -c 'test ! -e /srv/broken && exec sleep 1000'")
    host.run("systemctl", "start", "model")
    deadline = time.monotonic() + 60
    while state(host) != "failed":
        assert time.monotonic() < deadline
    host.run("rm", "/srv/broken")
    assert apply(host, restart(host)) == [{"made": True}]
    assert state(host) == "running"


def test_a_start_that_makes_no_progress_has_failed(host: Host) -> None:
    unit(host, "Type=notify\n")
    (result,) = apply(host, restart(host, idle=1.0))
    assert "starting model.service: no progress for 1 s; it is starting" in str(result["problem"])
    assert state(host) == "stopped"


def test_a_stop_waits_for_what_is_left_behind_and_kills_nothing_itself(host: Host) -> None:
    unit(host, "KillMode=process\n", command=f"/bin/sh -c '{PYTHON} /srv/serve.py & exec {PYTHON} /srv/serve.py'")
    host.run("systemctl", "start", "model")
    deadline = time.monotonic() + 60
    while len(getattr(service(host, **NAME).running, "pids", [])) < 2:
        assert time.monotonic() < deadline
    (result,) = apply(host, restart(host, idle=3.0))
    assert "model.service was stopped, but its processes" in str(result["problem"])
    left = host.run("pgrep", "-fc", "/srv/serve.py").stdout
    assert int(left) >= 1


def test_what_was_cut_off_is_brought_back_at_the_next_contact(host: Host) -> None:
    unit(host, "Type=notify\n")
    cut_off(host, restart(host, idle=60.0))
    assert do(host, "recover")[0] == ["model.service"]
    assert state(host) == "stopped"
    assert do(host, "recover")[0] == []


def cut_off(host: Host, change: Restart) -> None:
    """Begin a restart, and kill whoever watches it."""
    given = json.dumps(["apply", {"run": "r", "step": "s", "changes": [to_wire(change)]}])
    command = host.command(sys.executable, "-c", DO, env={"PYTHONPATH": str(ROOT)})
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as applying:
        assert applying.stdin is not None
        applying.stdin.write(given)
        applying.stdin.close()
        deadline = time.monotonic() + 60
        while state(host) != "starting":
            assert time.monotonic() < deadline
        for pid in (host.login / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):  # it has ended with another one
                os.kill(int(pid), signal.SIGKILL)


def test_one_that_was_cut_off_and_came_up_by_itself_is_left_alone_and_can_be_undone(host: Host) -> None:
    unit(host, "ExecStartPre=/bin/sh -c 'until [ -e /run/go-on ]; do sleep 0.1; done'\n")
    cut_off(host, restart(host))
    host.write("/run/go-on", "")
    deadline = time.monotonic() + 60
    while state(host) != "running":
        assert time.monotonic() < deadline
    assert do(host, "recover")[0] == []
    assert state(host) == "running"
    assert [entry["state"] for entry in undo(host)] == ["restored"]
    assert state(host) == "stopped"


def test_two_restarts_of_one_run_are_undone_as_one(host: Host) -> None:
    unit(host)
    for _ in range(2):
        assert apply(host, restart(host)) == [{"made": True}]
    assert [entry["path"] for entry in undo(host)] == ["model.service"]
    assert (state(host), undo(host)) == ("stopped", [])


def test_undo_says_where_a_service_does_not_come_up_again(host: Host) -> None:
    unit(host)
    host.run("systemctl", "start", "model")
    assert apply(host, restart(host, settle=2.0)) == [{"made": True}]
    unit(host, command="/bin/false")
    (entry,) = undo(host)
    assert (entry["path"], entry["state"]) == ("model.service", "failed")
    assert "model.service is not running again: model.service did not come up" in str(entry["problem"])
    unit(host)
    assert [entry["state"] for entry in undo(host)] == ["restored"]
    assert state(host) == "running"


def test_one_that_ran_and_does_not_come_up_is_started_again_once_its_definition_is_back(host: Host) -> None:
    """The failed restart is no change, but the service is to run as it did; a file is put back beside it."""
    unit(host)
    host.run("systemctl", "start", "model")
    drop_in = "/etc/systemd/system/model.service.d/10-new.conf"
    text = "[Service]\nExecStartPre=/bin/false\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    done = apply(host, WriteFile(drop_in, [(0, 0, text)], None, digest))
    (failed,) = apply(host, restart(host))
    assert (done, failed["made"], state(host)) == ([{"made": True}], False, "failed")
    assert [(entry["path"], entry["state"]) for entry in undo(host)] == [
        (drop_in, "removed"),
        ("model.service", "restored"),
    ]
    assert state(host) == "running"


def test_who_is_not_root_is_told_so_before_anything_is_tried(host: Host) -> None:
    unit(host)
    host.run("useradd", "somebody")
    wire = json.dumps(["preview", {"changes": [to_wire(restart(host))]}])
    host.run("mkdir", "/srv/lib")
    # Without what other tests compile meanwhile.
    host.run("sh", "-c", f"tar -C {ROOT} --exclude=__pycache__ -c autoglm_fix | tar -C /srv/lib -x")
    done = host.run(PYTHON, "-c", DO, stdin=wire, env={"PYTHONPATH": "/srv/lib"}, user="somebody")
    assert json.loads(done.stdout)[0][0]["problem"] == "only root may start and stop model.service"


def test_systemd_is_not_reloaded_beside_a_container_that_uses_a_gpu_unless_that_is_allowed(host: Host) -> None:
    unit(host)
    host.run("systemctl", "start", "model")
    host.write("/etc/systemd/system/model.service.d/10-new.conf", "[Service]\nEnvironment=MODEL=new\n")
    group = "/sys/fs/cgroup/libpod-glm"
    begin = f"touch /dev/nvidia0 && mkdir {group} && echo 0 >{group}/cgroup.procs && exec sleep 1000 3</dev/nvidia0"
    with subprocess.Popen(host.command("sh", "-c", begin)) as container:
        deadline = time.monotonic() + 60
        while not (found := service(host, **NAME)).gpu_containers:
            assert time.monotonic() < deadline
        assert [each.partition(" ")[2] for each in found.gpu_containers] == ["(sleep)"]
        change = restart_of(found)
        assert isinstance(change, Declined) and change.code == "restart.reload-would-harm"
        planned = restart_of(dataclasses.replace(found, gpu_containers=[]))
        assert isinstance(planned, Restart)
        (result,) = apply(host, planned)
        assert "systemd has to reload for the new definition, which can take the GPU from" in str(result["problem"])
        allowed = restart_of(found, reload_beside_gpus=True)
        assert isinstance(allowed, ReloadAndRestart)
        assert apply(host, dataclasses.replace(allowed, settle=0.5)) == [{"made": True}]
        host.run("pkill", "-x", "sleep")
        container.wait()
    now = service(host, **NAME).running
    assert now is not None and now.environment is not None and now.environment["MODEL"] == "new"
