"""A loaded model with all that it takes to ask it. Runs in the service's Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Opened:
    """The libraries, and what they loaded from a folder (or by a hub's id)."""

    torch: Any
    transformers: Any
    folder: str
    vision: bool
    model: Any
    tokenizer: Any

    @property
    def start(self) -> Any:
        """The device that the tokens of a prompt go to."""
        return self.model.get_input_embeddings().weight.device

    def chat(self, prompt: str) -> Any:
        """The prompt as the model's template writes it, or as it is where there is no template."""
        if getattr(self.tokenizer, "chat_template", None):
            template = self.tokenizer.apply_chat_template
            turn: dict[str, Any] = {"role": "user", "content": prompt}
            if prompt not in template([turn], tokenize=False, add_generation_prompt=True):
                turn["content"] = [{"type": "text", "text": prompt}]  # templates of some vision models read lists only
            made = template([turn], add_generation_prompt=True, return_tensors="pt", return_dict=True)
        else:
            made = self.tokenizer(prompt, return_tensors="pt")
        made.pop("token_type_ids", None)  # some tokenizers give them, and no such model takes them
        return made.to(self.start)

    def plain_settings(self) -> Any:
        """Greedy decoding with the endings that config and tokenizer name, whatever generation_config says."""
        named = [self.tokenizer.eos_token_id]
        for config in (self.model.config, getattr(self.model.config, "text_config", None)):
            named.append(getattr(config, "eos_token_id", None))
        endings = {one for each in named if each is not None for one in (each if isinstance(each, list) else [each])}
        pad = self.tokenizer.pad_token_id
        return self.transformers.GenerationConfig(
            do_sample=False,
            eos_token_id=sorted(endings) or None,
            pad_token_id=min(endings, default=None) if pad is None else pad,
        )
