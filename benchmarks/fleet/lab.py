"""Hosts to measure on: one sshd that answers at hundreds of addresses, near or far, and ten files for each of them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import wire

STEPS = 10
PORT = 2213
_CONFIG = """\
Port {port}
ListenAddress {listen}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
MaxStartups 1000
MaxSessions 1000
UseDNS no
# A shell that says it is no login's first reads no rc file, which would cost each command of some peers 90 ms.
SetEnv SHLVL=3
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Lab:
    """Hosts with a round-trip time. ``folder`` holds keys, inventories and each host's files."""

    folder: Path
    round_trip_s: float
    hosts: Sequence[str]

    def files(self, host: str) -> list[Path]:
        """The ten files that the steps are about."""
        return [self.folder / "files" / host / f"{number}.env" for number in range(STEPS)]

    def lay(self, *, changes: int) -> None:
        """Bring every host's files into the state before a run: so many lack the line."""
        for host in self.hosts:
            for number, path in enumerate(self.files(host)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("# settings\n" + ("" if number < changes else f"STEP={number}\n"))

    def is_done(self) -> bool:
        """Whether every file of every host has its line."""
        return all(
            f"STEP={number}\n" in path.read_text()
            for host in self.hosts
            for number, path in enumerate(self.files(host))
        )


@contextlib.contextmanager
def lab(folder: Path, count: int, round_trip_s: float) -> Iterator[Lab]:
    """``count`` hosts, for as long as the context lasts. Needs root, and sshd."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host_key", "key"):
        if not (folder / name).exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(command, check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    far = round_trip_s > 0
    hosts = [f"{'10.213' if far else '127.213'}.{n // 250}.{n % 250 + 1}" for n in range(count)]
    config = folder / "sshd_config"
    config.write_text(_CONFIG.format(port=PORT, listen="0.0.0.0", folder=folder))
    key = (folder / "host_key.pub").read_text().split()[:2]
    known = "".join(f"[{host}]:{PORT} {' '.join(key)}\n" for host in hosts)
    (folder / "known_hosts").write_text(known)
    (folder / "ssh_config").write_text(
        f"Host *\n  UserKnownHostsFile {folder}/known_hosts\n  IdentityFile {folder}/key\n  IdentitiesOnly yes\n"
    )
    here = Lab(folder, round_trip_s, hosts)
    (folder / "inventory.json").write_text(json.dumps(_inventory(here)))
    program = [sys.executable, wire.__file__, str(round_trip_s), str(config)] if far else []
    command = program or ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
    with (folder / "sshd.log").open("wb") as log:
        keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        with keeper:
            try:
                _wait(here)
                yield here
            finally:
                keeper.terminate() if not far else keeper.communicate()


def _wait(here: Lab) -> None:
    ssh = ["ssh", "-F", str(here.folder / "ssh_config"), "-p", str(PORT), "-o", "ConnectTimeout=5"]
    for _ in range(50):
        if subprocess.run([*ssh, f"root@{here.hosts[0]}", "true"], capture_output=True).returncode == 0:
            return
    raise RuntimeError(f"no sshd answers at {here.hosts[0]}: see {here.folder}/sshd.log")


def _inventory(here: Lab) -> dict[str, object]:
    own = {"python": sys.executable, "model": str(here.folder)}
    variables = {
        "ansible_port": PORT,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(here.folder / "key"),
        "ansible_ssh_common_args": f"-F {here.folder}/ssh_config",
        "ansible_python_interpreter": "/usr/bin/python3",
        "autoglm_fix_state_dir": f"{here.folder}/state/{{{{ inventory_hostname }}}}",
        "folder": f"{here.folder}/files/{{{{ inventory_hostname }}}}",
        "service": own,
    }
    return {"all": {"hosts": {host: {} for host in here.hosts}, "vars": variables}}
