"""What is wrong with a safetensors header."""

from __future__ import annotations

import json

from .safetensors import tensor


def fault(raw: bytes, base: int) -> str:
    """Why these bytes are no header, in a few words; ``base`` is where the tensors begin in the file."""
    try:
        header = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as err:
        return f"its header is not JSON: {err}"
    if not isinstance(header, dict):
        return "its header is no table of tensors"
    header.pop("__metadata__", None)
    tensors = []
    for name, entry in header.items():
        if not isinstance(entry, dict):
            return f"the entry of tensor {name} is no table"
        try:
            tensors.append(tensor(name, entry, base))
        except (TypeError, LookupError, AttributeError):
            return f"the entry of tensor {name} lacks dtype, shape or data_offsets"
        except ValueError as err:
            if "data_offsets" in entry and len(entry["data_offsets"]) != 2:
                return f"the entry of tensor {name} lacks dtype, shape or data_offsets"
            return str(err)
    at = base
    for each in sorted(tensors, key=lambda each: (each.begin, each.end)):
        if each.begin != at:
            what = "overlaps the one before it" if each.begin < at else "leaves a hole before it"
            return f"tensor {each.name} {what}"
        at = each.end
    return ""
