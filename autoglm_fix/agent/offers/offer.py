"""What a source of files has for a model, whichever kind of source it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..formats import BadRange

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SMALL = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
)

_DIGEST = re.compile(r"^\s*([0-9a-fA-F]{64})(?:[ \t]+\*?(?:\./)?(\S[^\r\n]*))?", re.MULTILINE)


@dataclass(frozen=True)
class Offer:
    """One file that the source has, under its ``name`` in the model's folder.

    ``locator`` is an absolute path or an http(s) address; ``size`` is in bytes; ``git_oid`` is the id
    that git gives a small file, ``etag`` the server's word for this content; all None where unknown.
    Of a local file, ``problem`` says why it is no good copy (empty where nothing speaks against it), and
    ``bad`` and ``names`` are those of its ``Content``. ``same`` says that the model has these very bytes
    already: of a small file only, weights are not compared.
    """

    name: str
    locator: str
    size: int | None = None
    sha256: str | None = None
    git_oid: str | None = None
    etag: str | None = None
    names: str = ""
    problem: str = ""
    bad: list[BadRange] = field(default_factory=list)
    same: bool = False


@dataclass(frozen=True)
class Wanted:
    """What a source is asked for.

    ``files`` are names that the model has or should have; ``folders`` how a folder that holds it may
    be called below the source, best first. ``hub`` and ``revision`` are those of the hub's cache that
    the model lies in, empty for a path. ``engine`` will load it.
    """

    files: list[str]
    folders: list[str]
    engine: str = "transformers"
    hub: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Listing:
    """What a source has; ``weights`` are the files among them that an engine would load as the weights."""

    where: str
    offers: list[Offer]
    weights: list[str] = field(default_factory=list)
    model_type: str = ""
    revision: str | None = None
    auth: str = ""
    reads: list[str] = field(default_factory=list)


class NothingOffered(Exception):
    """Why a source offers nothing: ``state`` as in ``Source``, the reason as one sentence."""

    def __init__(self, state: str, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.state = state
        self.hint = hint


def safe(name: str) -> bool:
    """Whether a name that a source or an index gave stays inside the folder it is joined to."""
    parts = name.split("/")
    return (
        name.isprintable()
        and "\\" not in name
        and len(parts) <= 3
        and all(part and not part.startswith("..") and part != "." and len(part) < 200 for part in parts)
    )


def checksums(text: str, only: str = "") -> dict[str, str]:
    """Name -> sha256 of what ``sha256sum`` printed; a digest without a name is that of ``only``."""
    found = {}
    for digest, name in _DIGEST.findall(text):
        name = name.strip() or only
        if name:
            found[name] = digest.lower()
    return found
