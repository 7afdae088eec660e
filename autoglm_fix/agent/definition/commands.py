"""Running a manager's own command, briefly and in the C locale."""

from __future__ import annotations

import os
import subprocess

from ..output import Kept, hear
from ..unknown import CannotTell

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LONGEST = 1 << 20


def run(*argv: str, patience_s: float = 15.0) -> tuple[int, str, str]:
    """Exit status, output and errors, the last MiB of each. CannotTell where it cannot be started or does not end."""
    variables = {**os.environ, "LC_ALL": "C", "TZ": "UTC", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    variables.setdefault("PATH", _PATH)
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=variables)
    except OSError as err:
        raise CannotTell(f"{argv[0]} cannot be run: {err.strerror}") from err
    said = [Kept(0, _LONGEST), Kept(0, _LONGEST)]
    if not hear(process, said, patience_s):
        raise CannotTell(f"`{' '.join(argv)}` did not end within {patience_s:g} s")
    out, errors = (each.tail.decode("utf-8", "replace") for each in said)
    return process.returncode, out, errors
