"""What the driver says of its GPUs, through NVML itself.

It is asked in a child with a deadline: on a wedged driver every call blocks for ever.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import time
from typing import Any, Callable

_LIBRARIES = ("libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1")
NO_ANSWER = "the driver does not answer"
_NOT_AVAILABLE = 0xFFFFFFFFFFFFFFFF
_TOO_SMALL = 7
_TEXT = 96
_REAP_S = 2.0


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class _Process(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    ]


class _Failed(Exception):
    """A call that NVML refused, in its own words, with its code."""

    def __init__(self, message: str, code: int = -1) -> None:
        super().__init__(message)
        self.code = code


def snapshot(timeout_s: float = 10.0) -> dict[str, Any]:
    """``{"driver": "...", "gpus": [...]}``, or ``{"problem": reason}`` where NVML cannot say.

    A GPU has ``index``, ``uuid``, ``name``, ``total``, ``free``, ``used`` (bytes) and ``processes``, a list
    of ``pid`` (the host's), ``name`` and ``used`` (None where the driver does not tell). What one GPU
    refuses is in its ``problems``, and the key is absent.
    """
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(source)
            with os.fdopen(sink, "wb") as out:
                out.write(json.dumps(_read()).encode())
        finally:
            os._exit(0)
    os.close(sink)
    try:
        return _answer(source, time.monotonic() + timeout_s)
    finally:
        os.close(source)
        os.kill(child, signal.SIGKILL)
        given_up = time.monotonic() + _REAP_S  # one that hangs in the driver is left behind
        while os.waitpid(child, os.WNOHANG) == (0, 0) and time.monotonic() < given_up:
            time.sleep(0.01)


def _answer(source: int, deadline: float) -> dict[str, Any]:
    data = b""
    while True:
        if not select.select([source], [], [], max(deadline - time.monotonic(), 0))[0]:
            return {"problem": NO_ANSWER}
        more = os.read(source, 1 << 16)
        if not more:
            break
        data += more
    if not data:
        return {"problem": "the process that asked the driver died"}
    answer: dict[str, Any] = json.loads(data)
    return answer


def _read() -> dict[str, Any]:
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
            break
        except OSError:
            continue
    else:
        return {"problem": f"there is no {_LIBRARIES[0]}"}
    try:
        _call(library, "nvmlInit_v2")
        driver = _text(library, "nvmlSystemGetDriverVersion")
        count = ctypes.c_uint()
        _call(library, "nvmlDeviceGetCount_v2", ctypes.byref(count))
    except _Failed as err:
        return {"problem": str(err)}
    return {"driver": driver, "gpus": [_gpu(library, index) for index in range(count.value)]}


def _gpu(library: Any, index: int) -> dict[str, Any]:
    found: dict[str, Any] = {"index": index, "problems": []}
    handle = ctypes.c_void_p()
    readers: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: {"uuid": _text(library, "nvmlDeviceGetUUID", handle)},
        lambda: {"name": _text(library, "nvmlDeviceGetName", handle)},
        lambda: _memory(library, handle),
        lambda: {"processes": _processes(library, handle)},
    )
    try:
        _call(library, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
    except _Failed as err:
        found["problems"].append(str(err))
        return found
    for read in readers:
        try:
            found.update(read())
        except _Failed as err:
            found["problems"].append(str(err))
    return found


def _memory(library: Any, handle: ctypes.c_void_p) -> dict[str, Any]:
    memory = _Memory()
    _call(library, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory))
    return {"total": memory.total, "free": memory.free, "used": memory.used}


def _processes(library: Any, handle: ctypes.c_void_p) -> list[dict[str, Any]]:
    function = "nvmlDeviceGetComputeRunningProcesses_v3"
    if not hasattr(library, function):
        function = "nvmlDeviceGetComputeRunningProcesses_v2"  # before driver 510, the same layout
    room = 64
    while True:
        count = ctypes.c_uint(room)
        rows = (_Process * room)()
        try:
            _call(library, function, handle, ctypes.byref(count), rows)
            break
        except _Failed as err:
            if err.code != _TOO_SMALL:
                raise
        room = max(room * 2, count.value)
    return [
        {"pid": row.pid, "name": _name(row.pid), "used": None if row.used == _NOT_AVAILABLE else row.used}
        for row in rows[: count.value]
    ]


def _name(pid: int) -> str:
    """The process's short name. Its command line would block where the process hangs in the driver."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as source:
            return source.read().strip()
    except OSError:
        return ""


def _text(library: Any, function: str, *arguments: Any) -> str:
    buffer = ctypes.create_string_buffer(_TEXT)
    _call(library, function, *arguments, buffer, ctypes.c_uint(_TEXT))
    return buffer.value.decode("utf-8", "replace")


def _call(library: Any, function: str, *arguments: Any) -> None:
    if not hasattr(library, function):
        raise _Failed(f"the driver's library has no {function}")
    code = getattr(library, function)(*arguments)
    if code:
        raise _Failed(f"{function}: {_words(library, code)}", code)


def _words(library: Any, code: int) -> str:
    if not hasattr(library, "nvmlErrorString"):
        return f"error {code}"
    library.nvmlErrorString.restype = ctypes.c_char_p
    words: bytes = library.nvmlErrorString(code)
    return words.decode("utf-8", "replace")
