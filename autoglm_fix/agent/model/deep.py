"""Every byte of a model's weight files."""

from __future__ import annotations

from dataclasses import replace
from typing import Mapping

from ..context import Context
from ..formats import Tensor, scan
from .files import ModelFile


def read_all(ctx: Context, what: str, files: list[ModelFile], tensors: Mapping[str, list[Tensor]]) -> list[ModelFile]:
    """The files with the verdict on all of their bytes, and their digests; those that are not whole as they are."""
    whole = [each for each in files if each.content is not None and each.content.state == "whole"]
    jobs = [scan.Job(each.opened_by, each.size or 0, tensors[each.name], each.recorded) for each in whole]
    outcomes = scan.read_all(jobs, lambda done, total: ctx.progress(what, done, total))
    judged = dict(zip((each.name for each in whole), outcomes))
    read: list[ModelFile] = []
    for each in files:
        outcome = judged.get(each.name)
        if outcome is not None and each.content is not None:
            content = replace(each.content, bad=outcome.bad)
            if outcome.error:
                content = replace(content, state="broken", problem=f"reading it fails: {outcome.error}")
            each = replace(each, sha256=outcome.sha256, content=content)
        read.append(each)
    return read
