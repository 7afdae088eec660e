"""What runs first in the service's Python, once the importer from memory is in place.

Messages are JSON lines on a file descriptor of their own: the libraries print on stdout and stderr
whatever they like.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from typing import Any


def main(wire: dict[str, Any]) -> None:
    """Call the function that ``wire`` names, send its result, and end without any tearing down."""
    answers = int(wire["answers"])
    os.set_inheritable(answers, False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    lock = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        line = memoryview(json.dumps(message).encode() + b"\n")
        with lock:
            while line:
                line = line[os.write(answers, line) :]

    def emit(event: dict[str, Any]) -> None:
        send({"event": event})

    send({"hello": sys.version.split()[0]})
    sys.argv = [""]
    try:
        module = importlib.import_module(wire["module"])
        send({"result": getattr(module, wire["function"])(emit, **wire["arguments"])})
    except Exception as err:
        send({"error": [type(err).__name__, str(err)]})
        raise
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # teardown of CUDA and of threads can hang or crash, and nothing is left to do
