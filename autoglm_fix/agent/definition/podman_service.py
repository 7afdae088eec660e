"""Podman's API where nobody serves it: podman itself serves it for as long as we ask, on a socket of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time

_STARTS_WITHIN_S = 10.0
_IDLE_S = 5
# It goes when nobody has asked for a while, and takes its folder along.
_SERVE = (
    "import shutil,subprocess,sys;null=subprocess.DEVNULL\n"
    "subprocess.call(['podman','system','service','--time',sys.argv[2],'unix://'+sys.argv[1]+'/sock'],"
    "stdin=null,stdout=null,stderr=null)\n"
    "shutil.rmtree(sys.argv[1],ignore_errors=True)"
)


def served() -> str:
    """The address of its API, empty where there is no podman or it does not serve."""
    if shutil.which("podman") is None:
        return ""
    folder = tempfile.mkdtemp(prefix="autoglm-fix-")  # for its own user only
    server = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", _SERVE, folder, str(_IDLE_S)], start_new_session=True
    )
    latest = time.monotonic() + _STARTS_WITHIN_S
    while server.poll() is None and time.monotonic() < latest:
        if os.path.exists(folder + "/sock"):
            return f"unix://{folder}/sock"
        time.sleep(0.05)
    return ""
