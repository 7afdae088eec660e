"""What the kernel says in small files: of processes below /proc, of devices below /sys."""

from __future__ import annotations

import pwd


def text(path: str) -> str:
    """Such a file, empty where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError:
        return ""


def stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on; none where the process is gone."""
    return text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def parent(pid: int) -> int:
    """The process that started this one, 0 where there is none."""
    return int((stat(pid)[1:2] or ["0"])[0])


def user(uid: int) -> str:
    """The name of a user, the number where nobody has it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)
