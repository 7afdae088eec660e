"""Commands that the operator wrote for a service, run on its host: as whom, for how long, and what they said."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import subprocess
import time

from ..context import Context
from ..unknown import CannotTell
from . import CannotChange, Preview

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TICK_S = 0.05
_SAID = 8192
_LINES = 10


def user_for(ctx: Context, argv: list[str]) -> str:
    """Whom a command runs as: the service's user. Root only where the service and the program are root's.

    Of a service in a container it is the user that the inventory names, where the host knows one of that name: the
    container's own users, and its numbers, are nobody here. Without root there is no choice. CannotChange where it
    cannot be told.
    """
    if os.geteuid() != 0:
        return _name(os.geteuid())
    declared = ctx.declared
    spec = declared if declared.container or declared.compose or declared.manager in ("docker", "compose") else None
    try:
        name = ((spec or ctx.service).user or "").partition(":")[0]
    except CannotTell as err:
        raise CannotChange(f"whom {argv[0]} would run as cannot be told: {err}") from err
    uid = 0
    if name.isdigit():
        uid = int(name) if spec is None else 0
    elif name:
        try:
            uid = pwd.getpwnam(name).pw_uid
        except KeyError:
            if spec is None:
                return name  # which cannot be become: it is refused
    return _name(uid or _owner(argv))


def problem_with(argv: list[str], user: str) -> str | None:
    """Why a command could not be run, as far as that can be told without running it."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return f"the service's user {user} does not exist on this host"
    return None if _program(argv) else f"there is no program {argv[0]}"


def shown(ctx: Context, argv: list[str]) -> Preview:
    """What is said of a command beforehand."""
    try:
        user = user_for(ctx, argv)
    except CannotChange as err:
        return Preview("", str(err))
    return Preview(f"+as {user}: {shlex.join(argv)}", problem_with(argv, user))


def commanded(ctx: Context, what: str, argv: list[str], user: str, timeout: float) -> None:
    """Run it to its end. CannotChange, with the last lines that it said, where that is no success, or not in time.

    Its environment is a clean one: that of the service may hold secrets which are none of its business.
    """
    problem = problem_with(argv, user)
    if problem:
        raise CannotChange(f"{what}: {problem}")
    entry = pwd.getpwnam(user)
    variables = {"PATH": _PATH, "HOME": entry.pw_dir, "USER": user, "LOGNAME": user, "LANG": "C.UTF-8"}
    # No pipe: what it leaves in the background would hold that open.
    with os.fdopen(os.memfd_create("autoglm-fix"), "r+b") as said:
        try:
            process = subprocess.Popen(
                [_program(argv), *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=variables,
                preexec_fn=lambda: _become(entry),
            )
        except (OSError, subprocess.SubprocessError) as err:
            raise CannotChange(f"{what}: {argv[0]} cannot be started: {getattr(err, 'strerror', None) or err}") from err
        ending = _wait(ctx, what, process, timeout)
        lines = _last_lines(said.fileno())
    if ending:
        last = f": {lines[-1]}" if lines else ""
        raise CannotChange(f"{what}: {argv[0]} {ending}{last}", hint=f"by hand: `{shlex.join(argv)}`", tail=lines)
    for line in lines:
        ctx.log(line)


def _wait(ctx: Context, what: str, process: subprocess.Popen[bytes], timeout: float) -> str:
    """How it ended where that was no success."""
    began = time.monotonic()
    while process.poll() is None:
        spent = time.monotonic() - began
        if spent > timeout:
            process.kill()
            process.wait()
            return f"was not done after {timeout:.0f} s"
        ctx.progress(what, int(spent), int(timeout) + 1, "s")
        time.sleep(_TICK_S)
    if process.returncode < 0:
        return f"was ended by {signal.Signals(-process.returncode).name}"
    return f"ended with {process.returncode}" if process.returncode else ""


def _last_lines(handle: int) -> list[str]:
    size = os.fstat(handle).st_size
    text = os.pread(handle, _SAID, max(0, size - _SAID)).decode("utf-8", "replace")
    return [line.rstrip() for line in text.splitlines() if line.strip()][-_LINES:]


def _become(entry: pwd.struct_passwd) -> None:
    if entry.pw_uid != os.geteuid():
        os.setgroups(os.getgrouplist(entry.pw_name, entry.pw_gid))
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)


def _program(argv: list[str]) -> str:
    return shutil.which(argv[0], path=_PATH) or ""


def _owner(argv: list[str]) -> int:
    """The user other than root who owns the program, a link to it or a folder of either, else 0."""
    program = _program(argv)
    for place in (program, os.path.realpath(program)) if program else ():
        for each in (place, os.path.dirname(place)):
            owner = os.lstat(each).st_uid
            if owner:
                return owner
    return 0


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
