"""Commands that the operator wrote for a service, run on its host: as whom, for how long, and what they said."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import subprocess

from ..context import Context
from ..output import Kept, hear
from ..unknown import CannotTell
from . import CannotChange, Preview

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = 1 << 18
_LINES = 10
_LONGEST = 2000


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
    try:
        process = subprocess.Popen(
            [_program(argv), *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=variables,
            preexec_fn=lambda: _become(entry),
        )
    except (OSError, subprocess.SubprocessError) as err:
        raise CannotChange(f"{what}: {argv[0]} cannot be started: {getattr(err, 'strerror', None) or err}") from err
    said = Kept(_KEPT, _KEPT)
    in_time = hear(process, [said], timeout, lambda spent: ctx.progress(what, int(spent), int(timeout) + 1, "s"))
    ending = _ending(process.returncode) if in_time else f"was not done after {timeout:.0f} s"
    lines = _lines(said)
    if ending:
        last = f": {lines[-1]}" if lines else ""
        raise CannotChange(f"{what}: {argv[0]} {ending}{last}", hint=f"by hand: `{shlex.join(argv)}`", tail=lines)
    for line in lines:
        ctx.log(line)


def _ending(status: int) -> str:
    """How it ended where that was no success."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with {status}" if status else ""


def _lines(said: Kept) -> list[str]:
    """What it said; of much the first line, how many bytes are left out, and the last lines."""
    head, tail = bytes(said.head), bytes(said.tail)
    lines = [*_whole(head), *_whole(tail)] if said.left_out else _whole(head + tail)
    if len(lines) > _LINES or said.left_out:
        lines = [lines[0], *lines[max(len(lines) - _LINES + 2, 1) :]]
        left_out = said.left_out + len(head + tail) - sum(len(line.encode()) + 1 for line in lines)
        lines.insert(1, f"... {left_out} bytes are left out here ...")
    return [line[:_LONGEST] for line in lines]


def _whole(text: bytes) -> list[str]:
    return [line.rstrip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]


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
