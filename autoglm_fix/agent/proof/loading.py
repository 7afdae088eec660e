"""Loads the model as its config says, and reads every tensor once. Runs in the service's Python."""

from __future__ import annotations

import glob
import importlib.util
import math
import os
from typing import Any, Callable

Emit = Callable[[Any], None]
_NAMES = 8


def where(model: str) -> tuple[str, dict[str, Any]]:
    """What ``from_pretrained`` is called with: a folder or a hub's id, and the GGUF file in it."""
    if os.path.isfile(model) and model.endswith(".gguf"):
        return os.path.dirname(os.path.abspath(model)), {"gguf_file": os.path.basename(model)}
    files = sorted(glob.glob(os.path.join(glob.escape(model), "*.gguf")))
    if files and not glob.glob(os.path.join(glob.escape(model), "*.safetensors")):
        return model, {"gguf_file": os.path.basename(files[0])}
    return model, {}


def is_vision(transformers: Any, config: Any) -> bool:
    """Whether the model takes pictures, by the class that its config names, else by its kind."""
    mappings = transformers.models.auto.modeling_auto
    text = mappings.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    seeing = getattr(mappings, "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES", {})
    named = (config.architectures or [""])[0]
    if named in _flat(text.values()):
        return False
    return named in _flat(seeing.values()) or (config.model_type in seeing and config.model_type not in text)


def _flat(names: Any) -> set[str]:
    return {each for name in names for each in ((name,) if isinstance(name, str) else name)}


def load(
    transformers: Any, folder: str, options: dict[str, Any], device: str, vision: bool
) -> tuple[Any, dict[str, Any]]:
    """The model on the device, and what loading said: names that are missing, unexpected, mismatched."""
    options = dict(options)
    kind = transformers.AutoModelForImageTextToText if vision else transformers.AutoModelForCausalLM
    release = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    options["dtype" if release >= (4, 56) else "torch_dtype"] = "auto"
    if "gguf_file" not in options:
        options["use_safetensors"] = True  # nothing is ever unpickled
    placed = device != "cpu" and importlib.util.find_spec("accelerate") is not None
    if placed:
        options["device_map"] = "auto" if device == "auto" else {"": device}
    loaded, info = kind.from_pretrained(folder, output_loading_info=True, trust_remote_code=False, **options)
    if device != "cpu" and not placed:
        loaded.to(device)
    loaded.eval()
    told = {}
    for name, each in info.items():
        listed = sorted(str(one) for one in each) if isinstance(each, (list, set, tuple, dict)) else [str(each)]
        told[name] = {"count": len(listed), "names": listed[:_NAMES]}
    return loaded, told


def contents(torch: Any, model: Any, emit: Emit) -> dict[str, Any]:
    """Where the parameters are, in bytes by device, and which cannot be weights.

    ``nonfinite`` names tensors with NaN or infinity, ``constant`` matrices of one value only.
    """
    devices: dict[str, int] = {}
    nonfinite: list[str] = []
    constant: list[str] = []
    named = list(model.named_parameters())
    kinds: dict[str, int] = {}
    for done, (name, tensor) in enumerate(named, 1):
        size = tensor.numel() * tensor.element_size()
        devices[str(tensor.device)] = devices.get(str(tensor.device), 0) + size
        kinds[str(tensor.dtype)] = kinds.get(str(tensor.dtype), 0) + size
        emit({"event": "progress", "what": "reading the weights", "done": done, "total": len(named), "unit": "tensors"})
        if tensor.device.type == "meta" or not tensor.is_floating_point() or not tensor.numel():
            continue
        try:
            low, high = (float(each) for each in torch.aminmax(tensor.detach()))
        except (RuntimeError, NotImplementedError):  # kinds of 8 bits and less have no order everywhere
            continue
        if not (math.isfinite(low) and math.isfinite(high)):
            nonfinite.append(name)
        elif low == high and tensor.dim() > 1 and tensor.numel() > 1:
            constant.append(name)
    return {
        "class": type(model).__name__,
        "dtype": max(kinds, key=lambda kind: kinds[kind]) if kinds else "",
        "tensors": len(named),
        "bytes": sum(devices.values()),
        "devices": devices,
        "buffers": sorted({str(buffer.device) for buffer in model.buffers()}),
        "map": {str(key): str(value) for key, value in (getattr(model, "hf_device_map", None) or {}).items()},
        "nonfinite": {"count": len(nonfinite), "names": nonfinite[:_NAMES]},
        "constant": {"count": len(constant), "names": constant[:_NAMES]},
    }
