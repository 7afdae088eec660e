"""What libcuda says to a process like the service: with its libraries, as its user."""

from __future__ import annotations

import os
import sys
from typing import Any

from .apart import Apart
from .context import Context
from .reach import Who

_NAME = "libcuda.so.1"
_NOBODYS = 65534
# Where the linker looks beside its cache, and where WSL2 and cloud clusters put it.
_FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/lib/wsl/lib", "/usr/local/nvidia/lib64")
# In a Python of its own: the linker reads LD_LIBRARY_PATH when a program starts. It answers on the descriptor given.
_ASK = (
    "import ctypes,json,os,sys\n"
    "found={};number=ctypes.c_int();at=ctypes.byref(number)\n"
    "try:\n"
    " cuda=ctypes.CDLL('libcuda.so.1')\n"
    " with open('/proc/self/maps') as maps:\n"
    "  found['library']=next(line.split(None,5)[5].strip() for line in maps if '/libcuda.so' in line)\n"
    " found['init']=cuda.cuInit(0)\n"
    " if not cuda.cuDriverGetVersion(at):found['driver']=number.value\n"
    " if not found['init'] and not cuda.cuDeviceGetCount(at):found['devices']=number.value\n"
    "except (OSError,AttributeError,StopIteration) as err:\n"
    " found['problem']=str(err)\n"
    "os.write(int(sys.argv[1]),json.dumps(found).encode())"
)


class Meeting:
    """A child that meets libcuda as the service would; ``user`` is the service's, None where nobody names one."""

    def __init__(self, ctx: Context, service: Any) -> None:
        spec = ctx.service
        running, defined = (service.running, service.defined) if service else (None, None)
        self.user: str | None = spec.user or (running.user if running else "") or None
        # What its image brings is not run out here, so the host's own library is asked instead.
        named = spec.container or spec.compose or spec.manager in ("docker", "compose")
        self._contained = bool(named or (defined and defined.container))
        known = defined.environment if defined else running.environment if running else None
        self._environment = {} if self._contained else {**(known or {}), **spec.environment}
        # A Python of ours needs none of the service's own additions, and they might keep it from starting.
        self._environment.pop("LD_PRELOAD", None)
        theirs = "" if self._contained else spec.python or ""
        self._pythons = [each for each in (sys.executable, theirs, "/usr/bin/python3") if each]
        self._become = None if self._contained or os.geteuid() else self._identity(theirs)
        self._child = Apart(self._exec) if self._somewhere() else None

    def answer(self, deadline: float) -> dict[str, Any]:
        """The fields of ``Cuda``."""
        if self._child is None:
            return {"problem": f"there is no {_NAME}", "host_only": self._contained}
        name = self._become.name if self._become else Who(None).name
        answer = self._child.answer(deadline)
        known = ("library", "init", "driver", "devices", "problem")
        told: dict[str, Any] = {key: answer[key] for key in known if key in answer}
        return {**told, "user": name, "host_only": self._contained}

    def _identity(self, python: str) -> Who | None:
        """Whom root becomes: the service's user, else whoever owns its Python. Root loads nothing that others name."""
        try:
            who = Who(self.user or str(os.stat(python).st_uid))
            if who.uid is not None:
                return who if who.uid else None
        except OSError:
            pass
        self._environment.pop("LD_LIBRARY_PATH", None)
        return None

    def _somewhere(self) -> bool:
        folders = [*self._environment.get("LD_LIBRARY_PATH", "").split(":"), *_FOLDERS]
        if any(os.path.exists(os.path.join(folder, _NAME)) for folder in folders if folder):
            return True
        try:
            with open("/etc/ld.so.cache", "rb") as cache:
                return _NAME.encode() + b"\0" in cache.read()
        except OSError:
            return False

    def _exec(self, sink: int) -> None:
        who = self._become
        if who and who.uid:
            os.setgroups(list(who.groups))
            os.setgid(min(who.groups, default=_NOBODYS))
            os.setuid(who.uid)
        quiet = os.open("/dev/null", os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(quiet, standard)
        os.set_inheritable(sink, True)
        for python in self._pythons:
            try:
                os.execve(python, [python, "-I", "-S", "-B", "-c", _ASK, str(sink)], self._environment)
            except OSError:
                continue  # ours may lie in a folder that this user may not enter
        os.write(sink, b'{"problem": "there is no Python that its user may run"}')
