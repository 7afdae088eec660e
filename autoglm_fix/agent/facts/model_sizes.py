"""model_sizes: the texts that say how large a model's cache and pictures become."""

from __future__ import annotations

from dataclasses import dataclass

from ..context import Context
from .text_file import TextFile
from .text_files import TextFiles


@dataclass(frozen=True)
class ModelSizes:
    """config.json and preprocessor_config.json of the service's model, as text; ``folder`` as it sees it."""

    folder: str
    config: TextFile
    preprocessor: TextFile

    @classmethod
    def collect(cls, ctx: Context) -> ModelSizes:
        """Read both files. CannotTell where the model's folder is not there, or a file cannot be read."""
        files = TextFiles(ctx)
        return cls(files.inside, files.read("config.json"), files.read("preprocessor_config.json"))

    # For the controller.
    @property
    def reads(self) -> list[str]:
        """The host paths that this rests on."""
        return [file.host for file in (self.config, self.preprocessor) if file.host]
