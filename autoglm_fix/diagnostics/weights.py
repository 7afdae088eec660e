"""weights: every file of the model is there, whole, and where the service looks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoglm_fix.agent.facts.model_files import ModelFiles

from .finding import Finding
from .registry import diagnostic
from .weights_content import absences, faults, index_faults, repair, strangers
from .weights_findings import (
    ArchiveBroken,
    ConfigOfAnotherModel,
    DanglingLink,
    DigestMismatch,
    GgufBroken,
    HeaderBroken,
    HtmlInstead,
    IndexBroken,
    IndexIncomplete,
    IndexMismatch,
    IndexMissing,
    LfsPointer,
    NotANumber,
    ShardMissing,
    ShardOfAnotherModel,
    ShardPadded,
    ShardTruncated,
    TensorsMissing,
    Zeroed,
)
from .weights_folder_findings import (
    ConfigMissing,
    FolderDangling,
    FolderEmpty,
    FolderMissing,
    IncompleteDownload,
    Leftover,
    NotAFolder,
    NotDownloaded,
    NoWeights,
    PreprocessorMissing,
    SeveralFormats,
    TokenizerMissing,
    Unreadable,
)

__all__ = [
    "ArchiveBroken",
    "ConfigMissing",
    "ConfigOfAnotherModel",
    "DanglingLink",
    "DigestMismatch",
    "FolderDangling",
    "FolderEmpty",
    "FolderMissing",
    "GgufBroken",
    "HeaderBroken",
    "HtmlInstead",
    "IncompleteDownload",
    "IndexBroken",
    "IndexIncomplete",
    "IndexMismatch",
    "IndexMissing",
    "Leftover",
    "LfsPointer",
    "NoWeights",
    "NotAFolder",
    "NotANumber",
    "NotDownloaded",
    "PreprocessorMissing",
    "SeveralFormats",
    "ShardMissing",
    "ShardOfAnotherModel",
    "ShardPadded",
    "ShardTruncated",
    "TensorsMissing",
    "TokenizerMissing",
    "Unreadable",
    "Zeroed",
    "weights",
]

_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
)
_NUMBERED = re.compile(r"(.+)-[0-9]{5}-of-[0-9]{5}\.")
_CONFIGS = ("config.json", "adapter_config.json", "params.json")
_PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
# Engines that find the shards by their names and need no index.
_WITHOUT_INDEX = ("vllm", "sglang")


@diagnostic(deeper={"deep": True})
def weights(model: ModelFiles, *, deep: bool = False) -> Iterator[Finding]:
    """Every file of the model is there, whole, readable, and where the service looks."""
    if model.state not in ("ok", "file"):
        yield _no_folder(model)
        return
    if model.state == "ok" and not model.entries:
        yield FolderEmpty(subject=model.folder.inside, host=model.folder.host)
        return
    yield from _unreadable(model)
    yield from absences(model)
    yield from faults(model)
    yield from index_faults(model)
    if model.state == "ok":
        yield from _weights_at_all(model)
        yield from strangers(model)
        yield from _needed_files(model)
        if len(model.formats) > 1:
            yield SeveralFormats(subject=model.folder.inside, formats=model.formats, used=model.format)


def _no_folder(model: ModelFiles) -> Finding:
    subject, host = model.folder.inside, model.folder.host
    if model.state == "dangling":
        return FolderDangling(subject=subject, host=host, link=model.link or subject, target=model.detail)
    if model.state == "not-a-folder":
        return NotAFolder(subject=subject, host=host, what=model.detail)
    if model.state == "unreadable":
        return Unreadable(subject=subject, host=host, user=model.user, barrier=model.detail)
    if not model.cached:
        return NotDownloaded(subject=subject, host=host, model=model.model)
    return FolderMissing(subject=subject, host=host)


def _unreadable(model: ModelFiles) -> Iterator[Finding]:
    """One finding for each path that is in the way, however many files are behind it."""
    blocked = {file.barrier: file for file in reversed(model.files) if file.barrier and _is_needed(model, file.name)}
    for barrier, file in blocked.items():
        yield Unreadable(subject=repair(model, file.name)["subject"], host=file.host, user=model.user, barrier=barrier)


def _is_needed(model: ModelFiles, name: str) -> bool:
    """Whether the service reads it: its weights in use, and all the small files."""
    return name in model.used or not name.endswith((".safetensors", ".bin", ".pt", ".pth", ".gguf"))


def _weights_at_all(model: ModelFiles) -> Iterator[Finding]:
    where = model.folder.inside
    parts, there = sorted(model.leftovers), sum(model.leftovers.values())
    lacking = any(file.size is None for file in model.files)
    if not model.formats:
        if parts:
            yield IncompleteDownload(subject=where, host=model.folder.host, parts=parts, bytes_there=there)
        else:
            has_config = _has(model, "config.json")
            yield NoWeights(subject=where, host=model.folder.host, config=has_config)
    elif parts and not lacking:
        yield Leftover(subject=where, parts=parts, bytes_there=there)
    if model.index is None and len(model.used) > 1 and model.engine not in _WITHOUT_INDEX:
        end = {"safetensors": ".safetensors.index.json", "torch": ".bin.index.json"}.get(model.format)
        numbered = _NUMBERED.match(model.used[0])
        if end is not None and numbered is not None:
            yield IndexMissing(**repair(model, numbered[1] + end))


def _needed_files(model: ModelFiles) -> Iterator[Finding]:
    if model.format not in ("safetensors", "torch") or model.used[:1] == ["adapter_model.safetensors"]:
        return
    if not any(_has(model, name) for name in _CONFIGS) and "--hf-config-path" not in model.elsewhere:
        yield ConfigMissing(**repair(model, "config.json"))
    has_tokenizer = any(_has(model, name) for name in _TOKENIZERS)
    has_tokenizer = has_tokenizer or any(file.name.endswith(".tiktoken") for file in model.files)
    elsewhere = "--tokenizer" in model.elsewhere or "--tokenizer-path" in model.elsewhere
    if not has_tokenizer and not elsewhere and model.config.vocab_size is not None:
        yield TokenizerMissing(**repair(model, "tokenizer.json"))
    if model.config.vision and not any(_has(model, name) for name in _PREPROCESSORS):
        yield PreprocessorMissing(**repair(model, "preprocessor_config.json"))


def _has(model: ModelFiles, name: str) -> bool:
    """Whether something is there under that name: a link to nothing is, and has a finding of its own."""
    return model.file(name) is not None
