"""Facts about a host's GPUs, environment and service, from the few values that a test is about."""

from __future__ import annotations

import hashlib
import shlex
from typing import Any

from autoglm_fix.agent.facts.environment import Distribution, Environment
from autoglm_fix.agent.facts.gpus import Cuda, Gpu, Gpus, Holder, Node
from autoglm_fix.agent.facts.service import Container, Definition, Running, Service, Source
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.knowledge import compat

NAMES = {
    "5.2": "NVIDIA GeForce GTX 980",
    "6.1": "NVIDIA GeForce GTX 1080 Ti",
    "7.0": "Tesla V100-SXM2-32GB",
    "7.5": "Tesla T4",
    "8.0": "NVIDIA A100-SXM4-80GB",
    "8.6": "NVIDIA GeForce RTX 3090",
    "8.9": "NVIDIA GeForce RTX 4090",
    "9.0": "NVIDIA H100 80GB HBM3",
    "10.0": "NVIDIA B200",
    "12.0": "NVIDIA GeForce RTX 5090",
    "12.1": "NVIDIA GB10",
    "13.0": "a card of the future",
}
NODES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm")


def gpus(case: dict[str, Any]) -> Gpus:
    """``driver`` and ``cards`` (capabilities) of a host where all else is well, but for ``gpus`` and ``cuda``."""
    driver, cards = case.get("driver"), case.get("cards", [])
    found = [
        Gpu(**{"index": number, "uuid": f"GPU-{number}", "name": NAMES[each], "capability": each, **_holding(case)})
        for number, each in enumerate(cards)
    ]
    changes = dict(case.get("gpus", {}))
    kernel = [(float(each["ago"]), str(each["text"])) for each in changes.pop("kernel", [])]
    nodes = [Node(**each) for each in changes.pop("nodes", [])] or [
        Node(path, True, "root", "root", "0666") for path in (NODES if driver else ())
    ]
    met: dict[str, Any] = {"problem": "there is no libcuda.so.1"}
    if driver:
        met = {"library": f"/usr/lib/x86_64-linux-gnu/libcuda.so.{driver}", "init": 0, "devices": len(cards)}
    values: dict[str, Any] = {
        "driver": driver,
        "module": driver,
        "library": driver,
        "nvml": None if driver else 12,
        "problem": "" if driver else "there is no libnvidia-ml.so.1",
        "pci": len(cards),
        "bound": ["nvidia"] * len(cards) if driver else [""] * len(cards),
        "gpus": found if driver else [],
        "nodes": nodes,
        "kernel": kernel,
        "cuda": Cuda(**{**met, **case.get("cuda", {})}),
    }
    return Gpus(**{**values, **changes})


def _holding(case: dict[str, Any]) -> dict[str, Any]:
    gpu = case.get("gpu", {})
    return {**gpu, "holders": [Holder(**each) for each in gpu.get("holders", [])]}


def environment(case: dict[str, Any]) -> Environment:
    """``torch`` ("2.9.1+cu128", "2.9.1") with its ``build``, and what else is ``installed``; none without ``torch``."""
    if "torch" not in case and "installed" not in case:
        return Environment("", "", "")
    names = {**({"torch": case["torch"]} if "torch" in case else {}), **case.get("installed", {})}
    found = [_distribution(name, str(version), case) for name, version in names.items()]
    return Environment(
        "/opt/llm/bin/python",
        "/opt/llm/bin/python",
        str(case.get("python", "3.11.4")),
        machine=case.get("machine", "x86_64"),
        glibc=str(case.get("glibc", "2.36")),
        musl=case.get("musl", ""),
        libstdcxx=str(case.get("libstdcxx", "")),
        tool=case.get("tool", "venv"),
        markers={"python_version": "3.11", "sys_platform": "linux", "extra": ""},
        distributions=found,
    )


def _distribution(name: str, version: str, case: dict[str, Any]) -> Distribution:
    requires = list(case.get("metadata", {}).get(name, []))
    vllm, torch = compat.vllm_release(version), compat.torch_release(version)
    if name == "vllm" and vllm:
        requires += [vllm.torch, vllm.transformers]
    build = ""
    if name == "torch":
        local = version.partition("+")[2]
        build = local.replace("cu", "")[:-1] + "." + local[-1] if local.startswith("cu") else local
        build = str(case.get("build") or build or (torch.cuda if torch else ""))
    return Distribution(
        name, version, f"/opt/llm/lib/{name}.dist-info", requires, build=build, installer=case.get("installer", "pip")
    )


def service(case: dict[str, Any]) -> Service:
    """Started with ``argv``, ``environment``, ``user``: by systemd (``unit`` is more text) or in a ``container``."""
    argv = shlex.split(case.get("argv", "/opt/llm/bin/python serve.py"))
    variables = dict(case.get("environment", {}))
    if "container" in case:
        config = {"Entrypoint": [], "Cmd": argv, "Env": [f"{name}={value}" for name, value in variables.items()]}
        record = {"Config": config, **case["container"]}
        container = Container("1f", "autoglm", "vllm", record=record)
        defined = Definition("docker", "autoglm", argv, variables, container=container)
    else:
        lines = [f"ExecStart={case.get('argv', '/opt/llm/bin/python serve.py')}", f"User={case.get('user', 'llm')}"]
        lines += [f'Environment="{name}={value}"' for name, value in variables.items()]
        text = "\n".join(["[Service]", *lines, case.get("unit", ""), ""])
        path = "/etc/systemd/system/autoglm.service"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        sources = [Source("unit", TextFile("autoglm.service", path, path, "ok", text, digest))]
        defined = Definition("systemd", "autoglm", argv, variables, user=case.get("user", "llm"), sources=sources)
    running = Running(812, [812], argv, user="llm") if case.get("running") else None
    state, log = case.get("state", "running"), case.get("log", [])
    return Service("autoglm", defined.manager, state, defined, running=running, log=log)
