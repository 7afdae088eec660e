from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import Host, boot

pytestmark = pytest.mark.slow

SERVICE = """\
[Unit]
StartLimitIntervalSec=0
[Service]
Type=%s
EnvironmentFile=/etc/model.env
ExecStart=/bin/sh -c 'echo "serving $MODEL"; %s; exec sleep 1000'
Restart=%s
TimeoutStartSec=%s
"""
# Said after the first line of its log.
READY = "systemd-notify --ready"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("host")) as host:
        yield host


def lay_service(host: Host, *, kind: str = "exec", first: str = ":", restart: str = "no", patience: int = 60) -> None:
    host.write("/etc/model.env", "MODEL=glm\n")
    host.write("/etc/systemd/system/model.service", SERVICE % (kind, first, restart, patience))
    host.run("systemctl", "daemon-reload")


def shown(host: Host, *properties: str) -> list[str]:
    return host.run("systemctl", "show", "model", "--value", "-p", ",".join(properties)).stdout.split()


def journal(host: Host) -> str:
    host.run("journalctl", "--sync")
    return host.run("journalctl", "-u", "model", "-o", "cat").stdout


def test_a_unit_started_on_a_host_is_active_and_its_journal_is_read(host: Host) -> None:
    lay_service(host, kind="notify", first=READY)
    host.run("systemctl", "restart", "model")
    assert shown(host, "ActiveState") == ["active"]
    assert "serving glm" in journal(host)
    assert "0::/system.slice/model.service\n" in host.read(f"/proc/{shown(host, 'MainPID')[0]}/cgroup")


def test_a_drop_in_counts_once_units_are_reloaded(host: Host) -> None:
    lay_service(host, kind="notify", first=READY)
    host.write("/etc/systemd/system/model.service.d/lab.conf", "[Service]\nEnvironment=MODEL=other\nEnvironmentFile=\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "model")
    assert "serving other" in journal(host)
    host.run("rm", "-r", "/etc/systemd/system/model.service.d")


def test_a_service_that_never_says_it_is_ready_fails_to_start(host: Host) -> None:
    lay_service(host, kind="notify", patience=1)
    assert host.run("systemctl", "restart", "model", check=False).returncode != 0
    assert shown(host, "Result") == ["timeout"]


def test_a_service_that_says_it_is_ready_is_active(host: Host) -> None:
    lay_service(host, kind="notify", first=READY)
    host.run("systemctl", "restart", "model")
    assert shown(host, "ActiveState") == ["active"]


def test_a_service_that_ends_is_started_again(host: Host) -> None:
    lay_service(host, first="test -e /run/ran || { touch /run/ran; exit 3; }", restart="always")
    host.run("systemctl", "restart", "model")
    host.run(
        "timeout", "20", "sh", "-c", 'until journalctl -u model -o cat | grep -q "restart job"; do sleep 0.1; done'
    )
    assert int(shown(host, "NRestarts")[0]) >= 1


def test_what_a_host_writes_is_in_its_layer_and_nowhere_else(host: Host, tmp_path: Path) -> None:
    before = host.written()
    host.write("/etc/lab/one", "1\n")
    host.write("/tmp/two", "2\n")
    host.run("rm", "/etc/os-release")
    now = host.written()
    assert set(now) - set(before) == {"/etc/lab", "/etc/lab/one", "/tmp/two", "/etc/os-release"}
    assert now["/etc/os-release"] is None
    assert (host.upper / "etc/lab/one").read_text() == "1\n"
    assert not Path("/etc/lab").exists() and not Path("/tmp/two").exists() and Path("/etc/os-release").exists()


def test_what_is_put_back_is_not_written(host: Host) -> None:
    before = host.written()
    host.run("sh", "-c", "cp -a /etc/debian_version /run/kept; echo 99 >>/etc/debian_version")
    assert set(host.written()) - set(before) == {"/etc/debian_version"}
    host.run("cp", "-a", "/run/kept", "/etc/debian_version")
    assert host.written() == before
    host.run("chmod", "600", "/etc/debian_version")
    assert set(host.written()) - set(before) == {"/etc/debian_version"}
    host.run("chmod", "644", "/etc/debian_version")


def test_two_hosts_do_not_see_each_other(host: Host, tmp_path: Path) -> None:
    with boot(tmp_path / "other", systemd=False, name="gpu02") as other:
        host.write("/tmp/mine", "1\n")
        assert other.run("test", "-e", "/tmp/mine", check=False).returncode == 1
        assert other.run("hostname").stdout == "gpu02\n"
        assert "systemd" not in other.run("ps", "ax").stdout
        assert other.read("/etc/machine-id") != host.read("/etc/machine-id")


def test_a_host_answers_over_ssh(host: Host, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"{host.address} {host.host_key}\n")
    options = ["-F", "/dev/null", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-i", str(host.key)]
    done = subprocess.run(["ssh", *options, f"root@{host.address}", "hostname"], capture_output=True, text=True)
    assert done.stdout == "gpu01\n", done.stderr


def test_a_shared_folder_is_the_same_on_both_sides(tmp_path: Path) -> None:
    with boot(tmp_path / "host", systemd=False, share=[tmp_path]) as host:
        host.write(tmp_path / "note", "from within\n")
        assert (tmp_path / "note").read_text() == "from within\n"
        assert host.written() == {}


def test_the_product_runs_on_a_host(host: Host) -> None:
    assert "autoglm-fix" in host.run(sys.executable, "-m", "autoglm_fix", "--version").stdout


def test_a_host_ends_with_whoever_booted_it(host: Host, tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from tests.hosts import boot
with boot(Path({str(tmp_path / "host")!r}), systemd=False) as host:
    print(host.pid, flush=True)
    time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as booter:
        assert booter.stdout
        pid = int(booter.stdout.readline())
        ended = os.pidfd_open(pid)
        booter.send_signal(signal.SIGKILL)
    with os.fdopen(ended):
        assert select.select([ended], [], [], 10)[0]
