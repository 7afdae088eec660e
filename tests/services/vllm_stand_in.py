"""Behaves like vLLM 0.12's API server at its start, as far as memory, driver and devices go, with vLLM's own words.

It is laid on a host as ``vllm/entrypoints/openai/api_server.py`` and asks the host's (stand-in) NVML and libcuda. What
it needs beside that is its own sum, not the product's. Where it starts, it serves as ``tests.endpoint`` does, and
stands in NVML's list (``/run/nvml.conf``) until it is told to stop. ``$READS_FOR``: seconds that reading the weights
takes (less where somebody says that they are read, ``/run/read``), after which it counts what is left; ``$LOADS_FOR``:
seconds from then until it listens. It never tells systemd that it is up, as vLLM does not.
"""

from __future__ import annotations

import ctypes
import dataclasses
import glob
import math
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

MIB, GIB = 1 << 20, 1 << 30
CONF, READ = Path("/run/nvml.conf"), Path("/run/read")
LIBRARIES = "/opt/lab/python"
# Of GLM-4.1V-9B: bytes of the cache for a token, of the sampler for a sequence; and of all else, in GiB.
TOKEN, SEQUENCE, BESIDE, CONTEXT = 40_960, 151_552 * 4, 0.5 + 0.5 + 1.3, 400 << 20


class Memory(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint),
        *((name, ctypes.c_ulonglong) for name in ("total", "reserved", "free", "used")),
    ]


def say(line: str) -> None:
    sys.stderr.write(f"(EngineCore_DP0 pid={os.getpid()}) ERROR {line}\n")


def option(name: str, otherwise: str) -> str:
    """The last value that the command gives an option, in either way of writing it."""
    found = otherwise
    for at, word in enumerate(sys.argv):
        if word == name:
            found = sys.argv[at + 1]
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
    return found


def configured() -> None:
    """The options of the ``--config`` file in front of the command's own, as vLLM puts them: lines ``key: value``."""
    path = option("--config", "")
    lines = Path(path).read_text().splitlines() if path else []
    pairs = [line.partition("#")[0].partition(":") for line in lines if line.partition("#")[0].strip()]
    sys.argv[1:1] = [word for key, _, value in pairs for word in (f"--{key.strip()}", value.strip())]


def memory() -> Memory:
    """Of the first GPU that it may use. Ends where there is none."""
    nodes = [path for path in glob.glob("/dev/nvidia[0-9]*") if not os.access(path, os.R_OK | os.W_OK)]
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        failed = nvml.nvmlInit_v2()
    except OSError:
        failed = 12
    if failed or nodes or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        raise SystemExit("RuntimeError: Failed to infer device type, please set the environment variable")
    try:
        cuda = ctypes.CDLL("libcuda.so.1").cuInit(0)
    except OSError as err:
        raise SystemExit(f"OSError: {err}") from err
    if cuda:
        raise SystemExit(
            f"RuntimeError: Unexpected error from cudaGetDeviceCount(). Error {cuda}: system not yet initialized"
        )
    handle, found = ctypes.c_void_p(), Memory(version=ctypes.sizeof(Memory) | 2 << 24)
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    nvml.nvmlDeviceGetHandleByIndex_v2(int(first), ctypes.byref(handle))
    nvml.nvmlDeviceGetMemoryInfo_v2(handle, ctypes.byref(found))
    # As CUDA counts: without what the driver keeps, and with what this process takes for being there.
    found.total -= found.reserved
    found.free -= CONTEXT
    return found


def fit(card: Memory, model: str) -> int:
    """What it then holds of the card, in bytes. Ends in vLLM's words where that does not suffice."""
    share = float(option("--gpu-memory-utilization", "0.9"))
    wanted = math.ceil(card.total * share)
    if card.free < wanted:
        say(
            f"ValueError: Free memory on device ({card.free / GIB:.2f}/{card.total / GIB:.2f} GiB) on startup is less "
            f"than desired GPU memory utilization ({share}, {wanted / GIB:.2f} GiB). Decrease GPU memory utilization "
            "or reduce GPU memory used by other processes."
        )
        raise SystemExit(
            "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
        )
    weights = sum(path.stat().st_size for path in Path(model).glob("*.safetensors"))
    sequences, length = int(option("--max-num-seqs", "256")), int(option("--max-model-len", "32768"))
    left = wanted - weights - round(BESIDE * GIB) - (sequences - 8) * SEQUENCE
    if left < length * TOKEN:
        say(
            f"ValueError: To serve at least one request with the models's max seq len ({length}), "
            f"({length * TOKEN / GIB:.2f} GiB KV cache is needed, which is larger than the available KV cache memory "
            f"({left / GIB:.2f} GiB). Based on the available memory, the estimated maximum model length is "
            f"{max(left, 0) // TOKEN}. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when "
            "initializing the engine."
        )
        raise SystemExit(
            "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
        )
    return wanted


def read(seconds: float) -> None:
    """The weights, for as long as that takes; more and more of them are in memory."""
    held = []
    for shard in range(round(seconds * 4)):
        if READ.exists():
            break
        sys.stderr.write(f"Loading safetensors checkpoint shards: {shard} of {round(seconds * 4)}\n")
        held.append(b"w" * MIB)
        time.sleep(0.25)


def main() -> None:
    configured()
    model = option("--model", "")
    sys.stderr.write(f"(APIServer pid={os.getpid()}) INFO vLLM API server version 0.12.0, model {model}\n")
    if not Path(model, "config.json").is_file():
        raise SystemExit(f"OSError: {model} does not appear to have a file named config.json.")
    card = memory()
    read(float(os.environ.get("READS_FOR", "0")))
    holds = fit(card, model)
    time.sleep(float(os.environ.get("LOADS_FOR", "0")))
    before = CONF.read_text()

    def stop(_number: int, _frame: FrameType | None) -> None:
        CONF.write_text(before)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    CONF.write_text(f"{before}PIDS={os.getpid()}:{holds}\nUSED={holds + (355 << 20)}\n")
    sys.path.insert(0, LIBRARIES)
    from tests.endpoint.modes import MODES
    from tests.endpoint.server import FakeServer

    name = option("--served-model-name", model)
    mode = dataclasses.replace(MODES["sees"], served=(name,), key=os.environ.get("VLLM_API_KEY"), picture_tokens=3354)
    try:
        server = FakeServer(mode, int(option("--port", "8000")))
    except OSError:
        CONF.write_text(before)
        raise
    sys.stderr.write(f"(APIServer pid={os.getpid()}) INFO Application startup complete.\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
