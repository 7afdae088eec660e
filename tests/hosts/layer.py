"""What stands in the upper layer of an overlay, against what the machine has below it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

# What an init, its journal, a login and a Python write by themselves.
OF_ITS_OWN = ("/var/log/", "/var/lib/systemd", "/var/tmp/systemd-private-", "/tmp/systemd-private-")
CACHE = "__pycache__"
SSHD_CONFIG = """\
HostKey /etc/ssh/lab_host_key
PermitRootLogin prohibit-password
UsePAM no
Subsystem sftp internal-sftp
"""


def differences(upper: Path) -> dict[str, str | None]:
    """Path to what the layer makes of it, `None` for what it removes; what equals the machine's own is left out.

    A file that was changed and put back is no difference, and neither is a directory that was merely walked through.
    """
    found = {path: _mark(Path(f"{upper}{path}")) for path in _paths(upper, upper)}
    return {path: mark for path, mark in found.items() if mark != _below(upper, path)}


def since(before: Mapping[str, str | None], upper: Path) -> dict[str, str | None]:
    """What the layer makes of the paths that it has changed since `before` (an answer of `differences`)."""
    now = differences(upper)
    changed = {path for path, mark in now.items() if path not in before or before[path] != mark}
    gone = before.keys() - now.keys()
    return {path: now[path] if path in now else _below(upper, path) for path in sorted(changed | gone)}


def lay_out(upper: Path, name: str, key: Path) -> str:
    """Fill the layer of a new host; its sshd's public key. `key`: the private key that lets root in, made here."""
    host_key = upper / "etc/ssh/lab_host_key"
    host_key.parent.mkdir(parents=True)
    for file in (key, host_key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file], check=True)
    for path, text in {
        "etc/hostname": f"{name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {name}\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/fstab": "",
        "etc/ssh/sshd_config": SSHD_CONFIG,
        "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\n",
        "root/.ssh/authorized_keys": key.with_suffix(".pub").read_text(),
    }.items():
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        (upper / path).write_text(text)
    (upper / "root").chmod(0o700)
    (upper / "root/.ssh").chmod(0o700)
    for path in ("tmp", "var/tmp", "var/log", "var/lib/systemd"):
        _hide(upper / path, 0o1777 if path.endswith("tmp") else 0o755)
    return host_key.with_suffix(".pub").read_text().strip()


def _hide(folder: Path, mode: int) -> None:
    """Make a directory of the layer that hides what the machine has there."""
    folder.mkdir(parents=True)
    folder.chmod(mode)
    os.setxattr(folder, "trusted.overlay.opaque", b"y")


def _paths(upper: Path, folder: Path) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = entry.path[len(str(upper)) :]
            if path.startswith(OF_ITS_OWN) or entry.name == CACHE:
                continue
            yield path
            if entry.is_dir(follow_symlinks=False):
                yield from _paths(upper, Path(entry.path))


def _below(upper: Path, path: str) -> str | None:
    """What the machine has at a path, as far as the layer lets it be seen."""
    parents = Path(path.lstrip("/")).parents
    return None if any(_hides(upper / parent) for parent in parents) else _mark(Path(path))


def _mark(path: Path) -> str | None:
    """Kind, mode, owner and content of a path in one word; `None` where there is nothing, or a whiteout."""
    try:
        status = path.lstat()
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            return None
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        elif stat.S_ISDIR(status.st_mode) and _hides(path):
            content = "anew"
        else:
            content = ""
    except (FileNotFoundError, NotADirectoryError):
        return None
    return f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} {content}".rstrip()


def _hides(folder: Path) -> bool:
    try:
        return os.getxattr(folder, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False
