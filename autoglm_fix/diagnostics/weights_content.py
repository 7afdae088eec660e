"""What the bytes of a model's files say against them, file by file, and against each other."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from typing import TypedDict

from autoglm_fix.agent.facts.model_files import Content, ModelFile, ModelFiles

from .finding import Finding
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
    LfsPointer,
    NotANumber,
    ShardMissing,
    ShardOfAnotherModel,
    ShardPadded,
    ShardTruncated,
    TensorsMissing,
    Zeroed,
)
from .weights_shapes import is_damage, is_telling, layers_found, misfit

_BROKEN = {"safetensors": HeaderBroken, "gguf": GgufBroken, "torch": ArchiveBroken}


class Repair(TypedDict):
    """The fields of a finding on a file that a repair needs."""

    subject: str
    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


def repair(model: ModelFiles, name: str) -> Repair:
    """Where a file belongs and what is known of its right bytes, whether it is there or not."""
    folder = model.folder
    inside, host = (
        (folder.inside, folder.host)
        if model.state != "file"
        else (
            posixpath.dirname(folder.inside),
            None if folder.host is None else os.path.dirname(folder.host),
        )
    )
    file = model.file(name)
    content = file.content if file else None
    return Repair(
        subject=posixpath.join(inside, name),
        file=name,
        host=file.host if file else None if host is None else os.path.join(host, name),
        expected_size=content.expected_size if content else None,
        sha256=(content.sha256 if content else None) or (file.recorded if file else None),
    )


def absences(model: ModelFiles) -> Iterator[Finding]:
    """Weight files that should be there, and links to nothing among all that the model needs."""
    for file in model.files:
        if file.size is None and not file.barrier:
            if file.link is not None:
                yield DanglingLink(**repair(model, file.name))
            elif file.name in model.used:
                yield ShardMissing(**repair(model, file.name))


def faults(model: ModelFiles) -> Iterator[Finding]:
    """Files that are there, but are not what their names promise."""
    for file in model.files:
        if file.content is None:
            continue
        if file.content.state == "lfs-pointer":
            yield LfsPointer(**repair(model, file.name))
        elif file.content.state == "html":
            yield HtmlInstead(**repair(model, file.name))
        elif file.name in model.used:
            yield from _weight_faults(model, file, file.content)


def _weight_faults(model: ModelFiles, file: ModelFile, content: Content) -> Iterator[Finding]:
    size = file.size or 0
    if content.state == "truncated":
        yield ShardTruncated(**repair(model, file.name), size=size)
    elif content.state == "padded":
        yield ShardPadded(**repair(model, file.name), size=size)
    elif content.state == "broken":
        yield _BROKEN.get(content.format, HeaderBroken)(**repair(model, file.name), problem=content.problem)
    if file.sha256 is not None and file.recorded is not None and file.sha256 != file.recorded:
        yield DigestMismatch(**repair(model, file.name), found=file.sha256)
    bad = [each for each in content.bad if is_damage(each, model.config)]
    zeros = [each for each in bad if each.kind == "zeros"]
    if zeros:
        lost = sum(each.length for each in zeros)
        yield Zeroed(**repair(model, file.name), tensor=zeros[0].tensor, bytes_zero=lost, sampled=not model.deep)
    nans = [each for each in bad if each.kind == "nan"]
    if nans:
        values = sum(each.count for each in nans)
        yield NotANumber(**repair(model, file.name), tensor=nans[0].tensor, values=values, sampled=not model.deep)


def index_faults(model: ModelFiles) -> Iterator[Finding]:
    """The index cannot be read, or shards hold other tensors than it says."""
    index = model.index
    if index is None:
        return
    file = model.file(index.name)
    if index.problem:
        if file is not None and file.content is not None and file.content.state in ("whole", "truncated"):
            yield IndexBroken(**repair(model, index.name), problem=index.problem)
        return
    wrong = [each for each in index.disagreements if each.absent]
    whole = [each for each in _used(model) if each.content is not None and each.content.state == "whole"]
    if len(wrong) > 1 and len(wrong) == len(whole):
        yield IndexBroken(**repair(model, index.name), problem="it does not describe any of the shards")
        return
    for each in index.disagreements:
        if each.absent:
            yield IndexMismatch(
                **repair(model, each.shard),
                index=index.name,
                absent=each.absent,
                absent_names=each.absent_names,
                unlisted=each.unlisted,
                unlisted_names=each.unlisted_names,
            )
        else:
            target = repair(model, index.name)
            yield IndexIncomplete(
                subject=repair(model, each.shard)["subject"],
                file=index.name,
                host=target["host"],
                index=index.name,
                unlisted=each.unlisted,
                unlisted_names=each.unlisted_names,
            )


def strangers(model: ModelFiles) -> Iterator[Finding]:
    """Shards that contradict config.json, config.json where all of them do, and layers that are nowhere."""
    if model.config.state != "ok" or model.format == "gguf":
        return
    telling = [file for file in _used(model) if is_telling(file)]
    misfits = {file.name: misfit(file.content.groups, model.config) for file in telling if file.content}
    wrong = {name: each for name, each in misfits.items() if each is not None}
    if wrong and len(wrong) == len(telling):
        each = next(iter(wrong.values()))
        yield ConfigOfAnotherModel(
            **repair(model, "config.json"), tensor=each.tensor, found=each.found, expected=each.expected
        )
        return
    for name, each in wrong.items():
        yield ShardOfAnotherModel(**repair(model, name), tensor=each.tensor, found=each.found, expected=each.expected)
    if not wrong and model.config.layers is not None and _is_all_there(model):
        found = layers_found(_used(model))
        if 0 < found < model.config.layers:
            yield TensorsMissing(subject=model.folder.inside, layers=model.config.layers, found=found)


def _used(model: ModelFiles) -> list[ModelFile]:
    return [file for file in model.files if file.name in model.used]


def _is_all_there(model: ModelFiles) -> bool:
    """Whether each weight file is whole and agrees with the index, so that what is missing is missing everywhere."""
    whole = all(file.content is not None and file.content.state == "whole" for file in _used(model))
    return whole and not (model.index is not None and (model.index.problem or model.index.disagreements))
