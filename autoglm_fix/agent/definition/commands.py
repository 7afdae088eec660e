"""Running a manager's own command, briefly and in the C locale."""

from __future__ import annotations

import os
import subprocess

from ..unknown import CannotTell

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LONGEST = 1 << 20


def run(*argv: str, patience_s: float = 15.0) -> tuple[int, str, str]:
    """Exit status, output and errors. CannotTell where it cannot be started or does not end."""
    variables = {**os.environ, "LC_ALL": "C", "TZ": "UTC", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    variables.setdefault("PATH", _PATH)
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience_s, env=variables, check=False
        )
    except subprocess.TimeoutExpired as err:
        raise CannotTell(f"`{' '.join(argv)}` did not end within {patience_s:g} s") from err
    except OSError as err:
        raise CannotTell(f"{argv[0]} cannot be run: {err.strerror}") from err
    out, errors = (each[-_LONGEST:].decode("utf-8", "replace") for each in (done.stdout, done.stderr))
    return done.returncode, out, errors
