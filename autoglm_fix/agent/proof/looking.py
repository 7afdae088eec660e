"""Shows a vision model a picture. Runs in the service's Python."""

from __future__ import annotations

import base64
import importlib
import io
from typing import Any

from .opened import Opened
from .speaking import Speaker

_TOKENS = 64


def look(opened: Opened, speaker: Speaker, picture: str, question: str, seen: dict[str, Any]) -> None:
    """Ask about the PNG (base64) and put into ``seen`` what was said, step by step.

    ``grown`` is by how many tokens the prompt grew, ``placed`` how many of them stand for the picture,
    and ``expected`` how many the patches of its size make; None where that cannot be computed.
    """
    processor = opened.transformers.AutoProcessor.from_pretrained(opened.folder, trust_remote_code=False)
    seen["processor"] = type(processor).__name__
    image = importlib.import_module("PIL.Image").open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    text = {"type": "text", "text": question}
    without = _chat(processor, [text])
    inputs = _chat(processor, [{"type": "image", "image": image}, text])
    number = getattr(opened.model.config, "image_token_id", None)
    seen.update(
        expected=_expected(processor.image_processor, image.size),
        placed=None if number is None else int((inputs["input_ids"] == number).sum()),
        grown=inputs["input_ids"].shape[1] - without["input_ids"].shape[1],
    )
    inputs.update({name: each.to(opened.model.dtype) for name, each in inputs.items() if each.is_floating_point()})
    seen.update(speaker.speak(inputs.to(opened.start), _TOKENS, "looking at a picture", opened.plain_settings()))


def _expected(settings: Any, size: tuple[int, int]) -> int | None:
    patch, merge = (getattr(settings, name, None) for name in ("patch_size", "merge_size"))
    if not isinstance(patch, int) or not isinstance(merge, int):
        return None
    side = patch * merge
    width, height = size
    return (width // side) * (height // side) if width % side == height % side == 0 else None


def _chat(processor: Any, content: list[dict[str, Any]]) -> Any:
    return processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_tensors="pt",
        return_dict=True,
    )
