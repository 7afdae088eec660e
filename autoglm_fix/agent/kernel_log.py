"""What the kernel has told of the NVIDIA driver, out of its own buffer."""

from __future__ import annotations

import os
import time

_MOST = 20
_LATEST_S = 0.5
_BLOCK = 8192
# "NVRM: Xid (PCI:0000:65:00): 79, ...", and what its part for shared memory could not do.
_TELLING = ("NVRM: Xid", "nvidia-uvm: ")


def driver_lines(path: str = "/dev/kmsg") -> list[tuple[float, str]]:
    """The last such lines, each with the seconds since; none where this user may not read them.

    A record is "priority,number,microseconds since boot,flags;text".
    """
    found: list[tuple[float, str]] = []
    latest = time.monotonic() + _LATEST_S
    try:
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        # The clock that the kernel's lines are stamped with stands still while the machine sleeps.
        now = time.clock_gettime(time.CLOCK_MONOTONIC)
        while time.monotonic() < latest:
            try:
                records = os.read(source, _BLOCK)
            except BrokenPipeError:
                continue  # it was overwritten meanwhile; the next one is still there
            except OSError:
                break
            if not records:
                break
            for record in records.decode("utf-8", "replace").splitlines():
                head, _, text = record.partition(";")
                stamp = head.split(",")
                if len(stamp) > 2 and stamp[2].isdigit() and any(each in text for each in _TELLING):
                    found = [*found[1 - _MOST :], (max(now - int(stamp[2]) / 1e6, 0.0), text[:500])]
    finally:
        os.close(source)
    return found
