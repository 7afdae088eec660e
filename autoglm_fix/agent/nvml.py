"""What the driver says of its GPUs, through NVML itself.

It is asked in a child with a deadline: on a wedged driver every call blocks for ever.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any, Callable

from .apart import NO_ANSWER, Apart, say
from .kernel import text

__all__ = ["NO_ANSWER", "ask", "loaded", "snapshot"]

# The folders after the first: WSL2, NixOS, and the nodes of cloud clusters.
_FOLDERS = ("", "/usr/lib/wsl/lib/", "/run/opengl-driver/lib/", "/usr/local/nvidia/lib64/")
_NAME = "libnvidia-ml.so.1"
_NOT_AVAILABLE = 0xFFFFFFFFFFFFFFFF
_NOT_SUPPORTED, _TOO_SMALL, _NO_LIBRARY, _NO_FUNCTION, _OTHER_VERSION = 3, 7, 12, 13, 25
_TEXT = 96


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class _Memory2(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint),
        *((name, ctypes.c_ulonglong) for name in ("total", "reserved", "free", "used")),
    ]


class _Process(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    ]


class _Failed(Exception):
    """A call that NVML refused, in its own words, with its code."""

    def __init__(self, message: str, code: int = _NO_FUNCTION) -> None:
        super().__init__(message)
        self.code = code


def snapshot(timeout_s: float = 10.0) -> dict[str, Any]:
    """``{"driver": "...", "gpus": [...]}``, or ``{"problem": reason}`` where NVML cannot say.

    ``library`` is the file that was loaded, ``code`` the nvmlReturn_t that goes with a problem. A GPU has
    ``index``, ``uuid``, ``name``, ``capability`` ("8.9"), ``total``, ``free``, ``used`` (bytes, without what the
    driver keeps for itself, as CUDA counts), ``mig``, ``mode`` (of
    computing: 2 forbids it, 3 is for one process alone) and ``processes``, a list of ``pid`` (the host's),
    ``name``, ``used`` (None where the driver does not tell) and ``kind`` (``compute`` or ``graphics``). What one
    GPU refuses is in its ``problems``, and the key is absent; of one that refuses all, ``code`` says why.
    """
    return ask().answer(time.monotonic() + timeout_s)


def ask() -> Apart:
    """Begin to ask; the answer is a snapshot."""
    return Apart(lambda sink: say(sink, _read()))


def _read() -> dict[str, Any]:
    for folder in _FOLDERS:
        try:
            library = ctypes.CDLL(folder + _NAME)
            break
        except OSError:
            continue
    else:
        return {"problem": f"there is no {_NAME}", "code": _NO_LIBRARY}
    found: dict[str, Any] = {"library": loaded("libnvidia-ml.so")}
    try:
        _call(library, "nvmlInit_v2")
        found["driver"] = _text(library, "nvmlSystemGetDriverVersion")
        count = ctypes.c_uint()
        _call(library, "nvmlDeviceGetCount_v2", ctypes.byref(count))
    except _Failed as err:
        return {**found, "problem": str(err), "code": err.code}
    return {**found, "gpus": [_gpu(library, index) for index in range(count.value)]}


def loaded(name: str) -> str | None:
    """The file behind a library that this process has loaded, its links followed."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as source:
        return next((line.split(None, 5)[5].strip() for line in source if f"/{name}" in line), None)


def _gpu(library: Any, index: int) -> dict[str, Any]:
    found: dict[str, Any] = {"index": index, "problems": []}
    handle = ctypes.c_void_p()
    readers: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: {"uuid": _text(library, "nvmlDeviceGetUUID", handle)},
        lambda: {"name": _text(library, "nvmlDeviceGetName", handle)},
        lambda: {"capability": "{}.{}".format(*_numbers(library, "nvmlDeviceGetCudaComputeCapability", handle, 2))},
        lambda: _memory(library, handle),
        lambda: {"mig": _if_supported(lambda: _numbers(library, "nvmlDeviceGetMigMode", handle, 2)[0] == 1)},
        lambda: {"mode": _if_supported(lambda: _numbers(library, "nvmlDeviceGetComputeMode", handle, 1)[0])},
        lambda: {"processes": _holders(library, handle)},
    )
    try:
        _call(library, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
    except _Failed as err:
        found["problems"].append(str(err))
        found["code"] = err.code
        return found
    for read in readers:
        try:
            found.update(read())
        except _Failed as err:
            found["problems"].append(str(err))
    return found


def _memory(library: Any, handle: ctypes.c_void_p) -> dict[str, Any]:
    # What the driver keeps for itself no program can have; up to driver 510 it counts as used.
    memory: Any = _Memory2(version=ctypes.sizeof(_Memory2) | 2 << 24)
    try:
        _call(library, "nvmlDeviceGetMemoryInfo_v2", handle, ctypes.byref(memory))
        return {"total": memory.total - memory.reserved, "free": memory.free, "used": memory.used}
    except _Failed as err:
        if err.code not in (_NOT_SUPPORTED, _NO_FUNCTION, _OTHER_VERSION):
            raise
    memory = _Memory()
    _call(library, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory))
    return {"total": memory.total, "free": memory.free, "used": memory.used}


def _numbers(library: Any, function: str, handle: ctypes.c_void_p, count: int) -> list[int]:
    values = [ctypes.c_int() for _ in range(count)]
    _call(library, function, handle, *map(ctypes.byref, values))
    return [value.value for value in values]


def _if_supported(read: Callable[[], Any]) -> Any:
    """What it reads, None where this GPU or this driver has no such thing."""
    try:
        return read()
    except _Failed as err:
        if err.code not in (_NOT_SUPPORTED, _NO_FUNCTION):
            raise
        return None


def _holders(library: Any, handle: ctypes.c_void_p) -> list[dict[str, Any]]:
    found = _processes(library, handle, "Compute")
    known = {each["pid"] for each in found}
    drawing = _if_supported(lambda: _processes(library, handle, "Graphics")) or []
    return found + [each for each in drawing if each["pid"] not in known]


def _processes(library: Any, handle: ctypes.c_void_p, kind: str) -> list[dict[str, Any]]:
    function = f"nvmlDeviceGet{kind}RunningProcesses_v3"
    if not hasattr(library, function):
        function = function[:-1] + "2"  # before driver 510, the same layout
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
        {
            "pid": row.pid,
            # Its command line would block where the process hangs in the driver.
            "name": text(f"/proc/{row.pid}/comm").strip(),
            "used": None if row.used == _NOT_AVAILABLE else row.used,
            "kind": kind.lower(),
        }
        for row in rows[: count.value]
    ]


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
