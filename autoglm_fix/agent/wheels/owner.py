"""Acting as whoever owns a folder: root does not follow links that another user has laid."""

from __future__ import annotations

import contextlib
import os
import pwd
from typing import Iterator


def name_of(uid: int) -> str:
    """A user's name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def switches(path: str) -> bool:
    """Whether ``acting_as_owner`` becomes somebody else."""
    return os.geteuid() == 0 and os.stat(path).st_uid != 0


@contextlib.contextmanager
def acting_as_owner(path: str) -> Iterator[None]:
    """What is read and written meanwhile is so with the rights of the folder's owner; only root can become one.

    This process alone changes, and runs nothing of the owner's.
    """
    if not switches(path):
        yield
        return
    uid = os.stat(path).st_uid
    try:
        user = pwd.getpwuid(uid)
        gid, groups = user.pw_gid, os.getgrouplist(user.pw_name, user.pw_gid)
    except KeyError:  # the user of a container has no entry here
        gid = os.stat(path).st_gid
        groups = [gid]
    before = os.getgroups(), os.getegid()
    try:
        os.setgroups(groups)
        os.setegid(gid)
        os.seteuid(uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[1])
        os.setgroups(before[0])
