"""Services of a real systemd: what their files say, held against what systemd makes of the same files."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from autoglm_fix.agent.facts.service import Service
from tests.agent.definition.on_host import completed, service
from tests.agent.definition.test_units import ENVIRONMENT, WORDS
from tests.hosts import Host, boot

pytestmark = pytest.mark.slow

SHOW = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open('/var/tmp/shown', 'w'))"
# One that every user of the host may run.
PYTHON = "/usr/bin/python3"
# What systemd gives every service.
OF_ITS_OWN = ("LANG", "PATH", "LOGNAME", "USER", "HOME", "SHELL", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID")
SERVER = "import time; print('loading', flush=True); time.sleep(1000)"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("host")) as host:
        host.write("/srv/show.py", SHOW)
        host.write("/srv/serve.py", SERVER)
        host.run("useradd", "--no-create-home", "--home-dir", "/srv", "autoglm")
        yield host


def unit(host: Host, text: str, name: str = "model") -> None:
    host.write(f"/etc/systemd/system/{name}.service", "[Service]\n" + text)
    host.run("systemctl", "daemon-reload")


def looked(host: Host, name: str = "model", **more: object) -> Service:
    return service(host, manager="systemd", unit=name, name="model", **more)


def eventually(look: Callable[[], Service], *states: str) -> Service:
    """The fact once it has one of these states."""
    deadline = time.monotonic() + 60
    while True:
        found = look()
        if found.state in states:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def started_with(host: Host) -> tuple[list[str], dict[str, str]]:
    """The arguments and variables that systemd really starts the unit with, its own variables left out."""
    host.run("systemctl", "restart", "model")
    argv, variables = json.loads(host.read("/var/tmp/shown"))
    return argv, {name: value for name, value in variables.items() if name not in OF_ITS_OWN}


@pytest.mark.parametrize("text", [row[0] for row in ENVIRONMENT.values()], ids=ENVIRONMENT)
def test_an_environment_file_sets_what_systemd_takes_from_it(host: Host, text: str) -> None:
    host.write("/etc/default/model", text)
    unit(host, f"Type=oneshot\nEnvironmentFile=/etc/default/model\nExecStart={PYTHON} /srv/show.py\n")
    definition = looked(host).defined
    assert definition is not None
    assert definition.environment == started_with(host)[1]


@pytest.mark.parametrize("text", [row[0] for row in WORDS.values()], ids=WORDS)
def test_a_command_has_the_words_that_systemd_makes_of_it(host: Host, text: str) -> None:
    unit(host, f"Type=oneshot\nExecStart={PYTHON} /srv/show.py {text}\n")
    definition = looked(host).defined
    assert definition is not None and definition.argv is not None
    assert definition.argv[2:] == started_with(host)[0]


@pytest.fixture
def for_every_service(host: Host) -> Iterator[None]:
    host.write("/etc/systemd/system/service.d/50-all.conf", "[Service]\nEnvironment=ALL=1 A=0\n")
    yield
    host.run("rm", "-r", "/etc/systemd/system/service.d")
    host.run("systemctl", "daemon-reload")


@pytest.mark.usefixtures("for_every_service")
def test_templates_drop_ins_and_specifiers_count_as_they_do_for_systemd(host: Host) -> None:
    command = f"{PYTHON} /srv/show.py"
    host.write(
        "/etc/systemd/system/glm@.service", f"[Service]\nType=oneshot\nExecStart={command} no\nEnvironment=A=1\n"
    )
    host.write("/etc/systemd/system/glm@.service.d/10-template.conf", "[Service]\nEnvironment=T=%%%p B=template\n")
    host.write("/run/systemd/system/glm@.service.d/10-template.conf", "[Service]\nEnvironment=T=masked\n")
    host.write("/run/systemd/system/glm@gpu-0.service.d/20-mine.conf", "[Service]\nEnvironment='B=of %i' C=%I D=%n\n")
    host.write(
        "/etc/systemd/system/glm@gpu-0.service.d/30-command.conf",
        f"[Service]\nExecStart=\nExecStart={command} $B ${{B}}\n",
    )
    host.run("mkdir", "-p", "/etc/systemd/system/glm@gpu-0.service.d")
    host.run("ln", "-s", "/dev/null", "/etc/systemd/system/glm@gpu-0.service.d/10-template.conf")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "glm@gpu-0")
    argv, variables = json.loads(host.read("/var/tmp/shown"))
    found = looked(host, "glm@gpu-0")
    assert found.reloaded
    definition = found.defined
    assert definition is not None and definition.argv is not None
    assert definition.argv[2:] == argv == ["of", "gpu-0", "of gpu-0"]
    expected = {name: value for name, value in variables.items() if name not in OF_ITS_OWN}
    assert (
        definition.environment
        == expected
        == {"ALL": "1", "A": "0", "B": "of gpu-0", "C": "gpu/0", "D": "glm@gpu-0.service"}
    )
    assert [each.file.name for each in definition.sources] == [
        "glm@.service",
        "20-mine.conf",
        "30-command.conf",
        "50-all.conf",
    ]


def test_a_service_that_was_never_started_is_stopped_and_fully_defined(host: Host) -> None:
    host.write("/etc/default/model", "HF_HOME=/srv/hf\n")
    unit(
        host,
        "Environment=A=1 HF_HOME=/no\nEnvironmentFile=-/etc/default/none\nEnvironmentFile=/etc/default/model\n"
        f"ExecStart={PYTHON} /srv/serve.py --port 8000\nUser=autoglm\nWorkingDirectory=~\n"
        "TimeoutStopSec=5min\nType=notify\nTimeoutStartSec=10min\nWatchdogSec=30\nRestart=on-failure\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    found = looked(host)
    assert (found.state, found.running, found.ended, found.reloaded) == ("stopped", None, None, True)
    definition = found.defined
    assert definition is not None
    assert definition.argv == [PYTHON, "/srv/serve.py", "--port", "8000"]
    assert definition.environment == {"A": "1", "HF_HOME": "/srv/hf"}
    assert (definition.user, definition.working_dir, definition.restart) == ("autoglm", "/srv", "on-failure")
    limits = definition.limits
    assert (limits.start_s, limits.stop_s, limits.watchdog_s) == (600, 300, 30)
    assert set(limits.set_by.values()) == {"/etc/systemd/system/model.service"}
    assert definition.enabled is False
    kinds = [(each.kind, each.file.state, each.optional) for each in definition.sources]
    assert kinds == [("unit", "ok", False), ("env-file", "missing", True), ("env-file", "ok", False)]


def test_what_the_inventory_leaves_open_comes_from_the_unit(host: Host) -> None:
    host.write("/etc/default/model", "A=file\n")
    unit(
        host,
        f"Environment=B=unit\nEnvironmentFile=/etc/default/model\nUser=autoglm\nWorkingDirectory=/srv\n"
        f"ExecStart={PYTHON} serve.py\n",
    )
    spec = completed(host, manager="systemd", unit="model", environment={"B": "inventory"})
    assert (spec["user"], spec["working_dir"], spec["python"]) == ("autoglm", "/srv", PYTHON)
    assert spec["environment"] == {"A": "file", "B": "inventory"}
    assert spec["command"] == [PYTHON, "serve.py"]
    spec = completed(host, manager="systemd", unit="model", user="root", python="/usr/bin/python3", command=["x"])
    assert (spec["user"], spec["python"], spec["command"]) == ("root", "/usr/bin/python3", ["x"])


@pytest.mark.parametrize(
    "program",
    ["#!{python}\n", "#!/usr/bin/env {python}\n", "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"],
    ids=["by its path", "by env", "by an installer's trampoline"],
)
def test_the_python_of_a_program_is_the_one_that_it_names(host: Host, program: str) -> None:
    host.write("/opt/glm/bin/vllm", program.format(python="/opt/glm/bin/python3"), mode=0o755)
    unit(host, "ExecStart=/opt/glm/bin/vllm serve /models/glm\n")
    assert completed(host, manager="systemd", unit="model")["python"] == "/opt/glm/bin/python3"
    found = looked(host).defined
    assert found is not None
    assert [each.kind for each in found.sources] == ["unit"]


def test_the_script_that_a_unit_starts_is_a_part_of_its_definition(host: Host) -> None:
    host.write("/srv/start.sh", "#!/bin/bash\nexec python serve.py\n", mode=0o755)
    for command in ("/srv/start.sh", "/bin/bash -e /srv/start.sh", "/bin/sh start.sh"):
        unit(host, f"WorkingDirectory=/srv\nExecStart={command} --port 8000\n")
        definition = looked(host).defined
        assert definition is not None
        assert [(each.kind, each.file.host) for each in definition.sources][1:] == [("script", "/srv/start.sh")]


def test_a_running_service_shows_what_it_was_started_with(host: Host) -> None:
    unit(host, f"Environment=A=1\nUser=autoglm\nWorkingDirectory=/srv\nExecStart={PYTHON} serve.py\n")
    host.run("systemctl", "restart", "model")
    found = looked(host)
    running = found.running
    assert found.state == "running" and running is not None and found.log == []
    assert running.argv == [PYTHON, "serve.py"]
    assert running.environment is not None and running.environment["A"] == "1"
    assert (running.user, running.working_dir) == ("autoglm", "/srv")
    assert running.pid in running.pids
    assert found.now - 60 < running.since <= found.now
    assert found.changed is not None and found.changed <= running.since
    assert found.changed_path == "/etc/systemd/system/model.service"
    host.run("systemctl", "stop", "model")
    stopped = looked(host)
    assert stopped.state == "stopped" and stopped.running is None


def test_a_crash_shows_its_end_and_the_log_of_that_start(host: Host) -> None:
    unit(host, f"ExecStart={PYTHON} -c 'import vllm_that_is_not_there'\n")
    host.run("systemctl", "start", "model")
    found = eventually(lambda: looked(host), "failed")
    assert found.ended is not None and found.ended.at is not None
    assert (found.ended.code, found.ended.reason) == (1, "exit-code")
    assert found.now - 60 < found.ended.at <= found.now
    assert any(line.startswith("Traceback") for line in found.log)
    assert sum("No module named 'vllm_that_is_not_there'" in line for line in found.log) == 1


def test_a_loop_of_crashes_is_restarting(host: Host) -> None:
    unit(host, "ExecStart=/bin/false\nRestart=always\nRestartSec=1\n[Unit]\nStartLimitIntervalSec=0\n")
    host.run("systemctl", "start", "model")
    found = eventually(lambda: looked(host), "restarting")
    host.run("systemctl", "stop", "model")
    assert found.ended is not None and found.ended.code == 1


def test_a_start_that_is_cut_off_again_and_again_is_told_alike_at_every_moment(host: Host) -> None:
    waits = "TimeoutStartSec=1\nRestart=on-failure\nRestartSec=1\nExecStartPost=/bin/sleep 1000\n"
    unit(host, f"{waits}ExecStart={PYTHON} /srv/serve.py\n[Unit]\nStartLimitIntervalSec=0\n")
    host.run("systemctl", "start", "--no-block", "model")
    host.run("sh", "-c", "until [ $(systemctl show -P NRestarts model) -ge 2 ]; do sleep 0.1; done")
    begun = eventually(lambda: looked(host), "starting").ended
    between = eventually(lambda: looked(host), "restarting").ended
    host.run("systemctl", "stop", "model")
    assert begun is not None and between is not None
    assert begun.reason == between.reason == "timeout"


COMMANDS = {
    "before": (
        "ExecStartPre=-/bin/false\nExecStartPre=/usr/bin/test -e /none\n",
        "ExecStartPre=/usr/bin/test -e /none (exit status 1)",
    ),
    "behind": ("ExecStartPost=/bin/sh -c 'exit 4'\n", "ExecStartPost=/bin/sh -c exit 4 (exit status 4)"),
}


@pytest.mark.parametrize(("lines", "beside"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_beside_the_program_that_failed_is_named(host: Host, lines: str, beside: str) -> None:
    unit(host, f"{lines}ExecStart={PYTHON} /srv/serve.py\n")
    host.run("systemctl", "start", "model", check=False)
    found = eventually(lambda: looked(host), "failed")
    assert found.ended is not None and found.ended.beside == beside
    host.run("systemctl", "daemon-reload")
    again = looked(host).ended
    assert again is not None and again.beside in (beside, re.sub("=.*[(]", "= (", beside))


def test_a_manager_that_gave_up_says_so(host: Host) -> None:
    host.write(
        "/etc/systemd/system/model.service",
        "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=2\n[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=0\n",
    )
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "model")
    found = eventually(lambda: looked(host), "failed")
    assert found.ended is not None and found.ended.restarts == 2


def test_a_program_that_is_not_there_fails_before_it_runs(host: Host) -> None:
    unit(host, "ExecStart=/opt/none/bin/python serve.py\n")
    host.run("systemctl", "start", "model", check=False)
    found = eventually(lambda: looked(host), "failed")
    assert found.ended is not None and found.ended.code == 203


def test_a_drop_in_that_systemd_has_not_read_yet_is_told_apart(host: Host) -> None:
    unit(host, f"ExecStart={PYTHON} /srv/serve.py\n")
    host.run("systemctl", "restart", "model")
    assert looked(host).reloaded
    host.write("/etc/systemd/system/model.service.d/10-new.conf", "[Service]\nEnvironment=NEW=1\n")
    found = looked(host)
    assert not found.reloaded
    assert found.defined is not None and found.defined.environment == {"NEW": "1"}
    assert found.gpu_containers == []
    host.run("rm", "-r", "/etc/systemd/system/model.service.d")
    host.run("systemctl", "stop", "model")


def test_units_that_are_not_there_have_names_like_others(host: Host) -> None:
    unit(host, "ExecStart=/bin/true\n", name="autoglm-phone")
    found = looked(host, "autoglm-fone")
    assert (found.state, found.defined) == ("absent", None)
    assert "autoglm-phone.service" in found.near
    host.run("systemctl", "mask", "--runtime", "autoglm-phone", check=False)
    host.run("ln", "-sf", "/dev/null", "/etc/systemd/system/autoglm-phone.service")
    host.run("systemctl", "daemon-reload")
    assert looked(host, "autoglm-phone").undefined == "masked"


def test_a_unit_of_a_users_own_systemd_is_named_as_one(host: Host) -> None:
    path = "/home/autoglm/.config/systemd/user/of-a-user.service"
    host.write(path, "[Service]\nExecStart=/bin/true\n")
    found = looked(host, "of-a-user")
    assert (found.state, found.undefined, found.near) == ("absent", "user-unit", [path])


def test_a_unit_that_systemd_cannot_use_is_absent_with_its_reason(host: Host) -> None:
    unit(host, "ExecStart=relative/path/is/none\n")
    found = looked(host)
    assert found.state == "absent" and found.undefined == "bad-setting"
    assert found.defined is not None
    assert any("relative/path" in line for line in found.log)


def test_processes_that_a_service_leaves_behind_belong_to_it(host: Host) -> None:
    unit(host, f"ExecStart=/bin/sh -c '{PYTHON} /srv/serve.py & exec {PYTHON} /srv/serve.py'\n")
    host.run("systemctl", "restart", "model")
    deadline = time.monotonic() + 60
    while True:
        running = looked(host).running
        if running is not None and len(running.pids) == 2:
            break
        assert time.monotonic() < deadline
    assert running.python is not None and "python" in running.python
    host.run("systemctl", "stop", "model")


def test_without_systemd_the_files_speak_and_a_process_is_looked_for(host: Host) -> None:
    unit(host, f"ExecStart={PYTHON} /srv/serve.py\n", name="other")
    host.run("mv", "/run/systemd/system", "/run/systemd/away")
    try:
        found = looked(host, "other")
    finally:
        host.run("mv", "/run/systemd/away", "/run/systemd/system")
    assert found.state == "by-hand" and found.running is None
    assert found.defined is not None and found.defined.argv == [PYTHON, "/srv/serve.py"]


def test_what_a_start_fetches_itself_was_not_changed_after_it(host: Host) -> None:
    host.write(
        "/srv/fetch.sh", f"#!/bin/sh\nsleep 1.5\necho '{{}}' >/srv/glm/config.json\nexec {PYTHON} /srv/serve.py\n"
    )
    host.run("mkdir", "-p", "/srv/glm")
    unit(host, "ExecStart=/bin/sh /srv/fetch.sh\n", name="fetching")
    host.run("systemctl", "start", "fetching")
    deadline = time.monotonic() + 60
    while host.run("test", "-e", "/srv/glm/config.json", check=False).returncode:
        assert time.monotonic() < deadline
    found = looked(host, "fetching", model="/srv/glm")
    host.run("systemctl", "stop", "fetching")
    assert found.running is not None and found.changed is not None
    assert found.changed < found.running.since
