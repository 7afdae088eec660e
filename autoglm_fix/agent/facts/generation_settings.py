"""generation_settings: the files that say how a model's answers are generated, as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..context import Context
from ..service import ServiceSpec
from .text_file import TextFile
from .text_files import TextFiles

_CHAT = re.compile(r"chat|instruct|assistant|thinking|autoglm|[-_]it\b", re.IGNORECASE)


@dataclass(frozen=True)
class GenerationSettings:
    """generation_config.json, and the config.json that takes its place where there is none.

    ``engine`` is the one that reads them: transformers for a service without an endpoint, which is
    asked in process. ``sampling`` is False where the launch command makes the engine ignore the
    file's sampling settings (``--generation-config vllm``); ``chat`` as ``asked_for_chats`` says.
    ``folder`` is the model's as the service sees it.
    """

    engine: str
    folder: str
    generation: TextFile
    config: TextFile
    sampling: bool = True
    chat: bool = False

    @classmethod
    def collect(cls, ctx: Context) -> GenerationSettings:
        """Read both files. CannotTell where the model's folder is not there, or a file cannot be read."""
        files = TextFiles(ctx)
        return cls(
            ctx.service.engine if ctx.service.endpoint else "transformers",
            files.inside,
            files.read("generation_config.json"),
            files.read("config.json"),
            launched_with(ctx.service.command, "--generation-config") != "vllm",
            asked_for_chats(ctx.service),
        )

    # For the controller.
    @property
    def reads(self) -> list[str]:
        """The host paths that this rests on."""
        return [file.host for file in (self.generation, self.config) if file.host]


def launched_with(command: list[str], *names: str) -> str | None:
    """The value of a launch command's option, by any of its names; None where it has none."""
    for at, part in enumerate(command):
        name, equals, value = part.partition("=")
        if name in names:
            return value if equals else (command[at + 1] if at + 1 < len(command) else "")
    return None


def asked_for_chats(service: ServiceSpec) -> bool:
    """Whether the service answers conversations, as far as an endpoint and the model's names tell."""
    names = f"{service.model or ''} {service.served_model_name or ''}"
    return service.endpoint is not None or _CHAT.search(names) is not None
