"""A real supervisord for tests, with its configuration, socket and logs in one folder.

    with supervisord(tmp_path / "supervisor", {"model": f"{sys.executable} serve.py\\nautorestart=true"}) as found:
        assert "RUNNING" in found.ctl("status", "model")

On a host, `systemctl start supervisor` starts the one that Debian set up, with /etc/supervisor/conf.d/*.conf.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hosts.keeper import keep
from tests.hosts.needs import needs

PATIENCE_S = 60
# Found out by starting one: 3 is what `status` ends with where a program does not run.
FINE = (0, 3)
CONFIG = """\
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
nodaemon=true

[unix_http_server]
file={folder}/sock

[supervisorctl]
serverurl=unix://{folder}/sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files={folder}/conf.d/*.conf
"""


@dataclass(frozen=True)
class Supervisor:
    """A supervisord that is up. Each program has a file NAME.conf in `programs`, and NAME.log beside `config`."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "supervisord.conf"

    @property
    def programs(self) -> Path:
        return self.folder / "conf.d"

    def ctl(self, *argv: str) -> str:
        """What `supervisorctl ARGV` says. The test fails where the command does."""
        done = self._ctl(*argv)
        if done.returncode not in FINE:
            pytest.fail(f"supervisorctl {' '.join(argv)} ended with {done.returncode}\n{done.stdout}")
        return done.stdout

    def is_up(self) -> bool:
        return self._ctl("pid").returncode == 0

    def _ctl(self, *argv: str) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = ["supervisorctl", "-c", self.config, *argv]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S)


@contextlib.contextmanager
def supervisord(folder: Path, programs: Mapping[str, str]) -> Iterator[Supervisor]:
    """Run programs (name to command, with more lines of the section below it) until the context ends.

    The test is skipped where the machine has no supervisord.
    """
    needs("supervisord", ["supervisord", "supervisorctl"])
    found = Supervisor(folder)
    found.programs.mkdir(parents=True)
    found.config.write_text(CONFIG.format(folder=folder))
    for name, lines in programs.items():
        logs = f"redirect_stderr=true\nstdout_logfile={folder}/{name}.log"
        (found.programs / f"{name}.conf").write_text(f"[program:{name}]\ncommand={lines}\n{logs}\n")
    console = folder / "console"
    with keep(console, [], ["sh", "-c", 'echo up && exec supervisord -c "$0" >&2', found.config]):
        deadline = time.monotonic() + PATIENCE_S
        while not found.is_up():
            if time.monotonic() > deadline:
                pytest.fail(f"supervisord did not start:\n{console.read_text()}")
            time.sleep(0.05)
        yield found
