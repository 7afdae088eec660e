"""One isolated host: namespaces of its own, a root that is a layer over the machine's, a real init."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.hosts import layer
from tests.hosts.cable import cable, wait_for
from tests.hosts.keeper import child, keep
from tests.hosts.needs import needs

HERE = Path(__file__).parent
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
BECOME = 'HOME=$(getent passwd "$0" | cut -d: -f6) exec runuser -u "$0" -- "$@"'
PATIENCE_S = 60
COMMANDS = ("unshare", "nsenter", "pivot_root", "ip", "sshd", "ssh-keygen", "runuser")
SYSTEMD = "/usr/lib/systemd/systemd"


@dataclass(frozen=True)
class Host:
    """A host that is up. `pid` is its first process as this machine counts; `upper` holds all that it has written.

    sshd lets root in at `address`, port 22, with the private key in the file `key`; `host_key` is what it shows.
    `login` is the control group of those who enter, and `at_boot` what had been written before the test began.
    """

    name: str
    pid: int
    upper: Path
    address: str
    key: Path
    host_key: str
    login: Path
    at_boot: Mapping[str, str | None] = field(default_factory=dict, repr=False)

    def command(self, *argv: str | Path, env: Mapping[str, str] | None = None, user: str | None = None) -> list[str]:
        """The argv that, called on this machine, runs `argv` on the host with a login's environment and `env`."""
        words = [f"{name}={value}" for name, value in {**ENVIRONMENT, **(env or {})}.items()]
        become = ["sh", "-c", BECOME, user] if user else []
        inside = ["env", "-i", "-C", "/", *words, *become, *map(str, argv)]
        # A process that enters a host stays in the control group that it came from, so it goes there first.
        join = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', f"{self.login}/cgroup.procs"]
        return [*join, "nsenter", "-a", "-t", str(self.pid), *inside]

    def run(
        self,
        *argv: str | Path,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        check: bool = True,
        timeout: float = PATIENCE_S,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the host to its end. With `check`, the test fails unless the command succeeds."""
        done = subprocess.run(
            self.command(*argv, env=env, user=user), input=stdin, capture_output=True, text=True, timeout=timeout
        )
        if check and done.returncode:
            said = f"{done.stdout}\n{done.stderr}".strip()
            pytest.fail(f"{self.name}: {' '.join(map(str, argv))} ended with {done.returncode}\n{said}")
        return done

    def write(self, path: str | Path, text: str, mode: int = 0o644) -> None:
        """Lay a file on the host, with the directories above it."""
        # By a process of the host: a link on the path must lead where it leads there.
        script = 'mkdir -p "${1%/*}/" && cat >"$1" && chmod "$2" "$1"'
        self.run("sh", "-c", script, "sh", path, f"{mode:o}", stdin=text)

    def read(self, path: str | Path) -> str:
        return self.run("cat", path).stdout

    def written(self) -> dict[str, str | None]:
        """Each path that has changed since the boot: its kind, mode, owner and digest, or `None` where it is removed.

        What was put back as it was is not in it. Neither is what an init, a login or a Python leave by themselves
        (`layer.OF_ITS_OWN`), nor what is below /run, /dev or a shared folder.
        """
        return layer.since(self.at_boot, self.upper)


@contextlib.contextmanager
def boot(folder: Path, *, systemd: bool = True, name: str = "gpu01", share: Sequence[Path] = ()) -> Iterator[Host]:
    """A host whose files live in `folder`, which is made, for as long as the context lasts.

    Its init is systemd, with a journal, sshd and nothing else running, or sshd alone. The folders in `share` are the
    machine's own under the same paths. The test is skipped where the machine cannot have hosts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needs("isolated hosts", [*COMMANDS, *([SYSTEMD] if systemd else [])])
    upper, key = folder / "upper", folder / "key"
    host_key = layer.lay_out(upper, name, key)
    # Its own log goes where `journalctl -u` finds it, as on any host.
    init = f"{SYSTEMD} --system --unit=multi-user.target --log-target=journal" if systemd else "/usr/sbin/sshd -De"
    argv: list[str | Path] = ["sh", HERE / "init.sh", folder, name, init, *_mounted(), *share]
    with keep(folder / "console", ["-fpmnui", "--kill-child"], argv) as kept:
        pid = child(kept.pid)
        login = kept.group / "login"
        login.mkdir()
        with cable(pid) as address:
            host = Host(name, pid, upper, address, key, host_key, login)
            if systemd:
                _wait_for_systemd(host)
            wait_for(address, 22)
            yield dataclasses.replace(host, at_boot=layer.differences(upper))


def _mounted() -> set[Path]:
    """What tests run from, where it lies on a file system of its own: a layer over the root does not show those."""
    needed = {HERE.parent.parent, Path(sys.prefix), Path(sys.base_prefix)}
    return {path for path in needed if path.stat().st_dev != Path("/").stat().st_dev}


def _wait_for_systemd(host: Host) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (state := host.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()) != "running":
        if state == "degraded" or time.monotonic() > deadline:
            pytest.fail(f"{host.name} is {state}:\n{host.run('systemctl', '--failed', check=False).stdout}")
        time.sleep(0.05)
