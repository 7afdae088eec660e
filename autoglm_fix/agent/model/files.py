"""One file of a model: where its bytes are, who may read them, and what they say."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from typing import Callable, TypeVar

from ..formats import Content, Source, Tensor, Verdict, clean, safetensors, stand_in
from ..formats.glance import glance
from ..reach import Reach
from ..unknown import CannotTell
from .choice import weight_format
from .leftovers import recorded_digest

T = TypeVar("T")

_HEAD = 1024
_LONGEST_TEXT = 1 << 26
_TEXTS = frozenset(
    [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "merges.txt",
        "vocab.txt",
        "spiece.model",
        "sentencepiece.bpe.model",
        "tekken.json",
        "params.json",
        "chat_template.jinja",
        "chat_template.json",
        "preprocessor_config.json",
        "processor_config.json",
        "video_preprocessor_config.json",
        "adapter_config.json",
    ]
)


@dataclass(frozen=True)
class ModelFile:
    """One file below the model's folder, or one that should be there.

    ``name`` is relative to the folder; ``host`` is the path of its real bytes on the host: behind any
    link (the blob of a hub's cache), and where nothing is there the path that would have to exist. It is
    None in a container's image; ``seen_at`` is then where its bytes can be read now.
    ``size`` is None where nothing is there; ``link`` is the text of a symbolic link, so a file with a
    link and no size is a dangling one. ``barrier`` is the path that keeps the service's user from
    reading it (the file or a folder above), empty where nothing does. ``recorded`` is the sha256 with
    which it was downloaded, where a hub's cache has written that down; ``sha256`` that of its bytes,
    computed in a deep look where one is recorded. ``content`` is None where the bytes were not read.
    """

    name: str
    host: str | None
    size: int | None
    link: str | None = None
    barrier: str = ""
    recorded: str | None = None
    sha256: str | None = None
    content: Content | None = None
    seen_at: str = ""

    @property
    def opened_by(self) -> str:
        """The path by which the agent opens it."""
        return self.host or self.seen_at


def is_text(name: str) -> bool:
    """Whether a file of that name is one of the small ones that a model needs."""
    return name in _TEXTS or name.endswith(".tiktoken")


class Folder:
    """A model's folder, whose files are looked at one by one. ``path`` is where the agent can open it."""

    def __init__(self, reach: Reach, inside: str, path: str) -> None:
        self.reach = reach
        self.inside = inside
        self.path = path
        self._modes: dict[str, int] = {}

    def find(self, name: str) -> ModelFile:
        """The file of that name, there or not, its bytes unread."""
        reached = self.reach.follow(os.path.join(self.inside, name))
        size = None
        if reached.seen is not None:
            size = reached.seen.st_size
            self._modes[name] = reached.seen.st_mode
        digest = recorded_digest(self.path, name, reached.seen_at)
        at = "" if reached.host else reached.seen_at
        return ModelFile(name, reached.host, size, reached.link, reached.barrier, digest, seen_at=at)

    def text(self, file: ModelFile) -> tuple[ModelFile, bytes]:
        """The file with its bytes' verdict, and the bytes (none where they cannot be read)."""
        seen, raw = self._look(file, "text", _whole_text)
        return seen, raw or b""

    def head(self, file: ModelFile) -> ModelFile:
        """The file with the verdict on its first bytes: a pointer, a page, empty, or whole as far as one can see."""
        return self._look(file, "text", _first_bytes)[0]

    def weights(self, file: ModelFile, samples: int | None) -> tuple[ModelFile, list[Tensor]]:
        """The weight file with its header's verdict, and its tensors.

        Its holes, and ``samples`` blocks of its largest tensors, are looked at unless that is None.
        """
        form = weight_format(file.name)
        read = _reader(form)

        def judge(source: Source) -> Verdict:
            content, tensors = read(source)
            if samples is not None and content.state == "whole":
                content = replace(content, bad=glance(source, tensors, samples))
            return content, tensors

        seen, tensors = self._look(file, form, judge)
        return seen, tensors or []

    def _look(
        self, file: ModelFile, form: str, judge: Callable[[Source], tuple[Content, T]]
    ) -> tuple[ModelFile, T | None]:
        """The file with its verdict. CannotTell where only the agent's own user may not read it."""
        mode = self._modes.get(file.name)
        if mode is None:
            return file, None
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            return replace(file, content=Content(form, "broken", f"it is {what}")), None
        try:
            with open(file.opened_by, "rb", buffering=0) as opened:
                content, found = judge(Source(opened.fileno(), os.fstat(opened.fileno()).st_size))
        except PermissionError as err:
            if file.barrier:
                return file, None
            raise CannotTell(f"permission denied reading {clean(file.opened_by)}") from err
        except OSError as err:
            return replace(file, content=Content(form, "broken", f"reading it fails: {err.strerror}")), None
        return replace(file, content=content), found


def _reader(form: str) -> Callable[[Source], Verdict]:
    """The reader of a format. Only the usual one is always at hand."""
    if form == "gguf":
        from ..formats import gguf

        return gguf.read
    if form == "torch":
        from ..formats import torch_archive

        return torch_archive.read
    return safetensors.read


def _whole_text(source: Source) -> tuple[Content, bytes]:
    raw = source.read(0, min(source.size, _LONGEST_TEXT))
    return _text_content(raw, source.size), raw


def _first_bytes(source: Source) -> tuple[Content, None]:
    return _text_content(source.read(0, _HEAD), source.size), None


def _text_content(raw: bytes, size: int) -> Content:
    return stand_in(raw[:_HEAD], size, "text") or Content("text", "whole" if raw else "truncated")
