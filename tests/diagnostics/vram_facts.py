"""Facts about GPUs, a model and a launch, from the few values that a test is about. Sizes in GiB."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

from autoglm_fix.agent.facts.environment import Distribution, Environment
from autoglm_fix.agent.facts.gpus import Gpu, Gpus, Holder
from autoglm_fix.agent.facts.model_files import ModelFiles, Place
from autoglm_fix.agent.facts.model_sizes import ModelSizes
from autoglm_fix.agent.facts.service import Container, Definition, Ended, Running, Service
from autoglm_fix.agent.facts.start_up import StartUp
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.formats import Content, TensorGroup
from autoglm_fix.agent.model.files import ModelFile

GIB = 1 << 30
NOW, ENDPOINT = 1_000_000.0, "http://127.0.0.1:8000/v1"
# Parameters and bytes of GLM-4.1V-9B, from its class on the meta device.
GLM4V_BYTES = 20_585_554_944
README = (
    "python3 -m vllm.entrypoints.openai.api_server --served-model-name autoglm-phone-9b"
    " --allowed-local-media-path / --mm-encoder-tp-mode data --mm_processor_cache_type shm"
    " --mm_processor_kwargs '{\"max_pixels\":5000000}' --max-model-len 25480"
    " --chat-template-content-format string --limit-mm-per-prompt '{\"image\":10}'"
    " --model zai-org/AutoGLM-Phone-9B --port 8000"
)
SGLANG = (
    "python3 -m sglang.launch_server --model-path zai-org/AutoGLM-Phone-9B --served-model-name autoglm-phone-9b"
    " --context-length 25480 --mm-enable-dp-encoder --port 8000"
    ' --mm-process-config \'{"image":{"max_pixels":5000000}}\''
)
CONFIGS: dict[str, dict[str, Any]] = {
    "glm4v": {
        "model_type": "glm4v",
        "text_config": {
            "hidden_size": 4096,
            "num_hidden_layers": 40,
            "num_attention_heads": 32,
            "num_key_value_heads": 2,
            "max_position_embeddings": 65536,
            "dtype": "bfloat16",
        },
        "vision_config": {"hidden_size": 1536, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2},
    },
    "glm4": {
        "model_type": "glm4",
        "hidden_size": 4096,
        "num_hidden_layers": 40,
        "num_attention_heads": 32,
        "num_key_value_heads": 2,
        "head_dim": 128,
        "max_position_embeddings": 131072,
        "dtype": "bfloat16",
    },
    "llama-mha": {
        "model_type": "llama",
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "max_position_embeddings": 4096,
        "torch_dtype": "float16",
    },
    "deepseek": {
        "model_type": "deepseek_v3",
        "num_hidden_layers": 61,
        "num_attention_heads": 128,
        "kv_lora_rank": 512,
        "qk_rope_head_dim": 64,
        "max_position_embeddings": 163840,
        "torch_dtype": "bfloat16",
    },
    "gemma-windows": {
        "model_type": "gemma3_text",
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "sliding_window": 1024,
        "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
        "max_position_embeddings": 131072,
        "dtype": "bfloat16",
    },
    "unknown": {"model_type": "no_such_thing"},
}


def gpus(case: dict[str, Any]) -> Gpus:
    """``total`` and ``free`` GiB of ``cards`` equal cards; ``holders`` as {name, gib, pid, service, dead}.

    ``before`` and ``after`` are other cards beside them, as {name, capability, gib, free}; ``mig``: cards in slices.
    """
    total, free = case.get("total"), case.get("free", case.get("total"))
    if total is None:
        return Gpus(driver=None, nvml=12, problem="there is no libnvidia-ml.so.1")
    holders = [
        Holder(
            each.get("pid", 812),
            each["name"],
            round(each["gib"] * GIB),
            each.get("user", "desk"),
            each.get("service", False),
            dead=each.get("dead", False),
        )
        for each in case.get("holders", [])
    ]
    size, room = round(total * GIB), round(free * GIB)
    card = Gpu(0, "", "NVIDIA GeForce RTX 4090", "8.9", size, room, size - room, case.get("mig", False), holders)
    others = [*map(_other, case.get("before", [])), *[card] * case.get("cards", 1), *map(_other, case.get("after", []))]
    found = [replace(each, index=index, uuid=f"GPU-{index}") for index, each in enumerate(others)]
    return Gpus("580.65.06", "580.65.06", gpus=found)


def _other(card: dict[str, Any]) -> Gpu:
    size, room = round(card["gib"] * GIB), round(card.get("free", card["gib"]) * GIB)
    return Gpu(0, "", card["name"], card["capability"], size, room, size - room, False)


def model(case: dict[str, Any]) -> ModelFiles:
    """One weight file of ``weights`` bytes; ``groups`` are [dtype, shape] of its tensors, BF16 if not given."""
    size = case.get("weights", GLM4V_BYTES)
    groups = [TensorGroup("t", dtype, shape) for dtype, shape in case.get("groups", [["BF16", [size // 2]]])]
    content = Content("safetensors", case.get("state", "whole"), groups=groups)
    file = ModelFile("model.safetensors", "/m/model.safetensors", size, content=content)
    return ModelFiles("/m", "path", Place("/m", "/m"), "ok", files=[file], used=[file.name], format="safetensors")


def sizes(case: dict[str, Any]) -> ModelSizes:
    """The config of ``model`` (a name of CONFIGS, or a table), and ``preprocessor``."""
    config = case.get("model", "glm4v")
    config = CONFIGS[config] if isinstance(config, str) else config
    return ModelSizes("/m", _text("config.json", config), _text("preprocessor_config.json", case.get("preprocessor")))


def service(case: dict[str, Any]) -> Service:
    """A service defined by ``launch`` (README, SGLANG or a command and what is ``added``), in ``state_of_service``.

    ``up`` is for how many seconds it has run, ``restarts`` how often it was started again, ``log`` its last lines.
    """
    command = {"README": README, "SGLANG": SGLANG}.get(case.get("launch", "README"), case.get("launch", "README"))
    argv = shlex.split(f"{command} {case.get('added', '')}")
    state = case.get("state_of_service", "failed")
    since = NOW - case.get("up", 3600.0)
    running = Running(4711, [4711], argv, since=since) if state in ("running", "starting", "by-hand") else None
    variables = dict(case.get("environment", {}))
    defined = Definition("systemd", "autoglm.service", argv, variables, container=_container(case))
    ended = Ended(code=1, restarts=case["restarts"]) if "restarts" in case else None
    log = case.get("log", [])
    endpoint = case.get("endpoint", ENDPOINT)
    return Service(
        "autoglm", "systemd", state, defined, running=running, ended=ended, log=log, now=NOW, endpoint=endpoint
    )


def _container(case: dict[str, Any]) -> Container | None:
    """A container that was given the cards ``handed`` by their numbers."""
    if "handed" not in case:
        return None
    requests = [{"Driver": "nvidia", "DeviceIDs": case["handed"], "Capabilities": [["gpu"]]}]
    return Container("1f", "autoglm", "vllm", record={"HostConfig": {"DeviceRequests": requests}})


def start(case: dict[str, Any]) -> StartUp:
    """Where it runs, its endpoint answers, if it has one and nothing else is said as ``start``."""
    runs = case.get("state_of_service", "failed") in ("running", "by-hand")
    usual = ("answers" if case.get("endpoint", ENDPOINT) else "runs") if runs else "down"
    return StartUp(case.get("start", usual))


def environment(case: dict[str, Any]) -> Environment:
    """A Python environment with ``vllm`` or ``sglang`` of ``version``."""
    found = [Distribution(name, case.get("version", "0.12.0"), f"/v/{name}.dist-info") for name in ("vllm", "sglang")]
    return Environment("/v/bin/python", "/v/bin/python", "3.12.3", distributions=found)


def facts(case: dict[str, Any]) -> tuple[Gpus, ModelFiles, ModelSizes, Service, Environment, StartUp]:
    """All of them, in the order in which ``vram`` takes them."""
    return gpus(case), model(case), sizes(case), service(case), environment(case), start(case)


def _text(name: str, values: object) -> TextFile:
    if values is None:
        return TextFile(name, f"/m/{name}", f"/m/{name}", "missing")
    return TextFile(name, f"/m/{name}", f"/m/{name}", "ok", json.dumps(values))
