"""Random models of GLM's architectures with its special tokens, each under a megabyte.

They load and generate at once, and what they say is nonsense: no proof may call their weights right.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECIAL = (
    "<|endoftext|>",
    "[MASK]",
    "[gMASK]",
    "[sMASK]",
    "<sop>",
    "<eop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
    "<|begin_of_image|>",
    "<|end_of_image|>",
    "<|begin_of_video|>",
    "<|end_of_video|>",
    "<|image|>",
    "<|video|>",
)
ENDINGS = ("<|endoftext|>", "<|user|>", "<|observation|>")
SENTENCES = (
    "The quick brown fox jumps over the lazy dog, and the capital of France is Paris.",
    "你好，我可以帮你打开应用、点击按钮、输入文字。今天的天气很好。",
    'do(action="Tap", element=[499, 182]) <answer>finish(message="done")</answer>',
)
PICTURES: dict[str, Any] = {
    "image_processor": "Glm4vImageProcessor",
    "video_processor": "Glm4vVideoProcessor",
    "settings": {
        "do_resize": True,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "do_convert_rgb": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "size": {"shortest_edge": 12544, "longest_edge": 9633792},
    },
}
REPLY = (
    "<think>The user says hello, and I shall say hello too: the quick brown fox is lazy today.</think>"
    "<answer>你好！很高兴见到你。</answer>"
)
TEMPLATE = """\
[gMASK]<sop>
{%- for message in messages %}<|{{ message.role }}|>
{% if message.content is string %}{{ message.content }}
{%- else %}{% for part in message.content -%}
{%- if part.type == "text" %}{{ part.text }}
{%- elif part.type == "image" %}<|begin_of_image|><|image|><|end_of_image|>{% endif %}
{%- endfor %}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>
{% endif %}"""


def tokenizer(words: tuple[str, ...] = ()) -> Any:
    """A byte-level BPE trained on a few sentences, with GLM's special tokens and turns, and more words."""
    import tokenizers
    import transformers

    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    inner.train_from_iterator(SENTENCES, trainer)
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL[1:]),
        padding_side="left",
        chat_template=TEMPLATE,
        model_max_length=4096,
    )
    made.add_tokens(list(words))
    return made


def build_text(folder: Path) -> None:
    """A random Glm4ForCausalLM."""
    import torch
    import transformers

    words = tokenizer()
    config = transformers.Glm4Config(**_text(words), head_dim=16, eos_token_id=_endings(words))
    _save(transformers.Glm4ForCausalLM, config, words, folder, torch)
    words.save_pretrained(folder)


def build_reasoning(folder: Path) -> None:
    """A Glm4ForCausalLM that has learnt one reply by heart: what it thinks, then what it answers."""
    import torch
    import transformers

    words = tokenizer(("<think>", "</think>", "<answer>", "</answer>"))
    config = transformers.Glm4Config(**_text(words), head_dim=16, eos_token_id=_endings(words))
    torch.manual_seed(4417)
    model = transformers.Glm4ForCausalLM(config)
    turn = [{"role": "user", "content": "你好"}]
    asked = words.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    whole = words(asked + REPLY + "<|user|>", return_tensors="pt", add_special_tokens=False)["input_ids"]
    labels = whole.clone()
    labels[:, : len(words(asked, add_special_tokens=False)["input_ids"])] = -100
    steps = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(400):
        loss = model(input_ids=whole, labels=labels).loss
        if loss.item() < 0.01:
            break
        steps.zero_grad()
        loss.backward()
        steps.step()
    _save_model(model, words, folder)
    words.save_pretrained(folder)


def build_vision(folder: Path) -> None:
    """A random Glm4vForConditionalGeneration, which takes images: AutoGLM-Phone-9B in small."""
    import torch
    import transformers

    words = tokenizer()
    number = words.convert_tokens_to_ids
    config = transformers.Glm4vConfig(
        text_config={
            **_text(words),
            "eos_token_id": _endings(words),
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "num_heads": 4,
            "intermediate_size": 64,
            "out_hidden_size": 64,
            "image_size": 56,
        },
        image_token_id=number("<|image|>"),
        video_token_id=number("<|video|>"),
        image_start_token_id=number("<|begin_of_image|>"),
        image_end_token_id=number("<|end_of_image|>"),
        video_start_token_id=number("<|begin_of_video|>"),
        video_end_token_id=number("<|end_of_video|>"),
    )
    _save(transformers.Glm4vForConditionalGeneration, config, words, folder, torch)
    words.save_pretrained(folder)
    # Written by hand: to build these classes takes a torchvision that loads.
    for name, kind in (("preprocessor", "image_processor"), ("video_preprocessor", "video_processor")):
        about = {f"{kind}_type": PICTURES[kind], "processor_class": "Glm4vProcessor", **PICTURES["settings"]}
        (folder / f"{name}_config.json").write_text(json.dumps(about, indent=2))


def _text(words: Any) -> dict[str, Any]:
    return {
        "vocab_size": 64 * (len(words) // 64 + 1),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "pad_token_id": words.pad_token_id,
    }


def _endings(words: Any) -> list[int]:
    return [int(words.convert_tokens_to_ids(ending)) for ending in ENDINGS]


def _save(kind: Any, config: Any, words: Any, folder: Path, torch: Any) -> None:
    torch.manual_seed(4417)
    _save_model(kind(config), words, folder)


def _save_model(model: Any, words: Any, folder: Path) -> None:
    import torch
    import transformers

    model.to(torch.bfloat16)
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=_endings(words), pad_token_id=words.pad_token_id, do_sample=False
    )
    model.save_pretrained(folder)
