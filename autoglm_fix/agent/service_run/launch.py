"""The two children that are forked for the service's Python: one becomes it, one cleans up after both.

Between fork and exec nothing of the service's (its ``LD_PRELOAD``, its ``.pth`` files) runs with the agent's
rights. Neither comes back.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Sequence

from .surroundings import Identity


def run(
    who: Identity, folder: str, argv: list[str], environment: dict[str, str], stdin: int, output: int, answers: int
) -> None:
    """Be the service's user in its folder, then its Python; where that fails, answer why."""
    step = "become the user of the service"
    try:
        os.setsid()
        for standard, handle in enumerate((stdin, output, output)):
            os.dup2(handle, standard)
        _keep([answers])
        os.set_inheritable(answers, True)
        with open("/proc/self/oom_score_adj", "w") as out:
            out.write("1000")  # short of memory, the kernel shall take this copy and not the service
        if who.switch:
            os.setgroups(who.groups)
            os.setgid(who.gid)
            os.setuid(who.uid)
        step = "enter its folder " + folder
        os.chdir(folder)
        step = "start " + argv[0]
        os.execve(argv[0], argv, environment)
    except OSError as err:
        os.write(answers, json.dumps({"launch": [step, err.strerror]}).encode() + b"\n")
    finally:
        os._exit(127)


def clean(told: int, folder: str) -> None:
    """Wait for a 0 or the end of what is told, then end the group that was told of last, and remove the folder.

    The 0, because an abandoned child may hold the other end open.
    """
    try:
        os.setsid()
        _keep([told])
        group = 0
        with os.fdopen(told) as lines:
            for line in lines:
                group = int(line)
                if not group:
                    break
        if group:
            os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
    finally:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def _keep(handles: Sequence[int]) -> None:
    """Close every other descriptor but the standard ones, which other processes may wait for."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in handles:
            try:
                os.close(int(name))
            except OSError:
                continue  # that of the list itself
