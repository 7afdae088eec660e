"""tokenizer_texts: the tokenizer's small files as text, for whoever edits them."""

from __future__ import annotations

from dataclasses import dataclass

from ..context import Context
from .text_file import TextFile
from .vocabulary import tokenizer_files

_FILES = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.json", "chat_template.jinja")


@dataclass(frozen=True)
class TokenizerTexts:
    """The files that hold the tokenizer's settings and templates, present or not."""

    files: list[TextFile]

    @classmethod
    def collect(cls, ctx: Context) -> TokenizerTexts:
        """Read them. CannotTell where the model's folder is not there, or a file cannot be read."""
        files = tokenizer_files(ctx)
        names = [*_FILES, *files.names("additional_chat_templates", ".jinja")]
        return cls([files.read(name) for name in names])

    @property
    def reads(self) -> list[str]:
        """The host paths that this rests on."""
        return [file.host for file in self.files if file.host]

    def file(self, name: str) -> TextFile | None:
        """The file of that name, None for one that was not asked for."""
        return next((each for each in self.files if each.name == name), None)
