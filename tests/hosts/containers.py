"""Real container engines for tests: Docker itself, or podman behind its API, with all that they keep in one folder.

    with engine(tmp_path / "engine") as docker:                         # kind="podman": the same
        docker.image("vllm:1", files={"etc/note": "..."}, HF_HOME="/models")
        docker.docker("run", "-d", "--name", "autoglm", *docker.here, "vllm:1", "sleep", "1000")
        docker.compose("up", "-d", cwd=project)                         # its labels are those of a real compose
        subprocess.run(..., env={**os.environ, **docker.environment})   # what DOCKER_HOST must be

An image holds a root without programs; `here` lends a container this machine's (/usr, the repository, the virtual
environment), read-only, and its network. In a compose file that is `network_mode: host` and `volumes: docker.lent`
(and `stop_signal: SIGKILL`, for a first process that is deaf to a polite end costs ten seconds).

On this machine only the networks "host" and "none" leave nothing behind, and limits of memory are dropped (Docker) or
refused (podman). With `host=host`, the engine lives on that host and ends with it, is what `docker` finds there, and
has networks with published ports; `folder` must be shared with the host.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pytest

from tests.hosts.host import Host
from tests.hosts.keeper import HERE, keep
from tests.hosts.needs import needs

Kind = Literal["docker", "podman"]
KINDS: tuple[Kind, ...] = get_args(Kind)
COMMANDS: dict[Kind, tuple[str, ...]] = {
    "docker": ("dockerd", "containerd", "runc", "docker"),
    "podman": ("podman", "runc", "docker"),
}
PATIENCE_S = 60
# Where /usr holds all programs, as Debian and its kin have it, these lead there.
LINKS = ("bin", "lib", "lib64", "sbin")
FOLDERS = ("dev", "etc", "proc", "root", "run", "sys", "tmp", "usr", "var/tmp")
FILES = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/os-release": "ID=lab\n"}


@dataclass(frozen=True)
class Engine:
    """An engine that is up, with its socket and all else in `folder`."""

    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "sock"

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.socket}"}

    @property
    def lent(self) -> list[str]:
        """The volumes, as compose takes them, with which a container has programs to run."""
        folders = {Path("/usr"), HERE.parent.parent, Path(sys.prefix), Path(sys.base_prefix)}
        return [f"{path}:{path}:ro" for path in sorted(folders) if not folders & set(path.parents)]

    @property
    def here(self) -> list[str]:
        """Options of `docker run`: `lent`, and the network that the engine is in."""
        return ["--network", "host", *(word for volume in self.lent for word in ("-v", volume))]

    def docker(self, *argv: str | Path, check: bool = True, stdin: bytes = b"") -> str:
        """What `docker ARGV` says, its errors last. With `check`, the test fails unless the command succeeds."""
        return self._call("docker", *argv, check=check, stdin=stdin)

    def compose(self, *argv: str | Path, cwd: Path, check: bool = True) -> str:
        """What `docker-compose ARGV` says in a project's folder."""
        needs("compose", ["docker-compose"])
        return self._call("docker-compose", *argv, check=check, cwd=cwd)

    def image(self, name: str, *, files: Mapping[str, str] | None = None, **environment: str) -> str:
        """Make an image whose root holds `files` (path from the root, without its slash, to text); its name."""
        changes = [word for name, value in environment.items() for word in ("--change", f"ENV {name}={value}")]
        self.docker("import", *changes, "-", name, stdin=_root({**FILES, **(files or {})}))
        return name

    def ended(self, name: str) -> int:
        """The code that a container ended with, once it has."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            state, code = self.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name).split()
            if state in ("exited", "dead"):
                return int(code)
            time.sleep(0.05)
        return pytest.fail(f"container {name} does not end")

    def emptied(self) -> None:
        """Remove all containers. One that is just being started again refuses that for a moment."""
        deadline = time.monotonic() + PATIENCE_S
        while names := self.docker("ps", "-aq").split():
            said = self.docker("rm", "-f", "-v", *names, check=False)
            if time.monotonic() > deadline:
                pytest.fail(f"containers stay:\n{said}")

    def _call(self, *argv: str | Path, check: bool, stdin: bytes = b"", cwd: Path | None = None) -> str:
        environment = {**os.environ, **self.environment, "DOCKER_CONFIG": str(self.folder / "client")}
        done = subprocess.run(argv, input=stdin, capture_output=True, env=environment, cwd=cwd, timeout=PATIENCE_S)
        said = (done.stdout + done.stderr).decode()
        if check and done.returncode:
            pytest.fail(f"{' '.join(map(str, argv))} ended with {done.returncode}\n{said}")
        return said


@contextlib.contextmanager
def engine(folder: Path, *, kind: Kind = "docker", host: Host | None = None) -> Iterator[Engine]:
    """An engine with everything in `folder`, which is made. Its containers end with it.

    The test is skipped where the machine cannot run one.
    """
    needs("container engine", COMMANDS[kind])
    folder.mkdir(parents=True)
    console = folder / "console"
    argv: list[str | Path] = ["sh", HERE / "engine.sh", kind, folder]
    found = Engine(folder)
    if host:
        host.run("test", "-d", folder)
        host.run("sh", "-c", 'setsid "$@" </dev/null >"$0" 2>&1 &', console, *argv)
        _wait_for(found)
        yield found
    else:
        with keep(console, ["-m", "--propagation", "slave"], [*argv, "machine"]):
            _wait_for(found)
            yield found


def _wait_for(found: Engine) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while "Server" not in found.docker("version", check=False):
        if time.monotonic() > deadline:
            pytest.fail(f"the engine does not answer:\n{(found.folder / 'console').read_text()}")
        time.sleep(0.05)


def _root(files: Mapping[str, str]) -> bytes:
    """A root file system as a tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in FOLDERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name.endswith("tmp") else 0o755
            tar.addfile(entry)
        for name in LINKS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(entry)
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()
