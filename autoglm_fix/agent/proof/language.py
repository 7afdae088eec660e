"""How well the model knows a text that nobody prompts for. Runs in the service's Python.

Random, zeroed or foreign weights give every word the same chance, whatever they generate.
"""

from __future__ import annotations

import math
from typing import Any

from .opened import Opened

# Plain statements in plain words: any language model gives their next words a good chance.
TEXTS = {
    "en": (
        "Water boils at one hundred degrees Celsius at sea level, and it freezes at zero degrees. The Earth "
        "turns around its own axis once a day and travels around the Sun once a year. There are seven days in "
        "a week and twelve months in a year. Most people sleep at night and work or go to school during the "
        "day. When you open an application on your phone, you tap its icon on the screen and wait until it "
        "has finished loading."
    ),
    "zh": (
        "水在一百摄氏度时沸腾，在零摄氏度时结冰。地球每天自转一周，每年绕太阳公转一周。一个星期有七天，一年有十二个月。"
        "大多数人晚上睡觉，白天工作或者上学。如果你想打开手机上的一个应用，就点击屏幕上的图标，然后等待它加载完成。"
    ),
}


def measure(opened: Opened) -> dict[str, Any]:
    """By text: ``tokens``, ``surprise`` and ``entropy``, both as a share of what pure chance would give.

    1 is a model that knows nothing. ``surprise`` is the mean negative log-likelihood of the next token,
    ``entropy`` that of the predicted distribution. ``vocabulary`` is its size.
    """
    return {
        name: of_ids(opened, opened.tokenizer(text, return_tensors="pt")["input_ids"].to(opened.start), 1)
        for name, text in TEXTS.items()
    }


def of_ids(opened: Opened, ids: Any, start: int) -> dict[str, Any]:
    """The same of the tokens from ``start`` on, each after all that come before it."""
    torch = opened.torch
    with torch.no_grad():
        logits = opened.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, start - 1 : -1].float()
    likely = torch.log_softmax(logits, dim=-1)
    targets = ids[0, start:].to(likely.device)
    chance = math.log(logits.shape[-1])
    surprise = float(-likely.gather(1, targets[:, None]).mean()) / chance
    entropy = float(-(likely.exp() * likely).nansum(dim=-1).mean()) / chance
    return {
        "tokens": len(targets),
        "surprise": surprise if math.isfinite(surprise) else None,
        "entropy": entropy if math.isfinite(entropy) else None,
        "vocabulary": logits.shape[-1],
    }
