"""A folder of the host as a source: where the model lies in it, and which of its files are good."""

from __future__ import annotations

import glob
import os
from dataclasses import replace

from ..context import Context
from ..facts.model_files import ModelFile, ModelFiles
from ..model.choice import weight_format
from ..view import Place, View
from .offer import Listing, NothingOffered, Offer, Wanted, checksums

_SUMS = 1 << 20


def list_folder(ctx: Context, folder: str, wanted: Wanted, deep: bool) -> Listing:
    """The files of the model below ``folder``, their headers read (with ``deep`` every byte)."""
    found = _model_folder(os.path.normpath(folder), wanted)
    # It is the agent that reads here, not the service's user, and a folder of the host, whatever the service sees.
    ctx = ctx.like(view=View() if ctx.view.container else ctx.view, service=replace(ctx.service, user=None))
    model = ModelFiles.examine(ctx, Place(found, found), deep=deep)
    known = _checksums(found)
    offers = [_offer(found, each, known) for each in model.files if each.size is not None]
    snapshot = os.path.basename(found) if os.path.basename(os.path.dirname(found)) == "snapshots" else None
    return Listing(found, offers, model.used, model.config.model_type or "", snapshot, reads=[found])


def _model_folder(folder: str, wanted: Wanted) -> str:
    try:
        os.listdir(folder)
    except OSError as err:
        raise NothingOffered("missing", f"cannot look into {folder}: {err.strerror}") from err
    if _holds_a_model(folder):
        return folder
    for name in wanted.folders:
        found = []
        there = [os.path.join(folder, name), os.path.join(folder, "hub", name)]
        if "--*--" in name:
            there = [path for each in there for path in glob.glob(glob.escape(each).replace("[*]", "*"))]
        for each in there:
            snapshot = _snapshot(each, wanted.revision)
            if _holds_a_model(snapshot):
                found.append(snapshot)
        if len(found) > 1:
            raise NothingOffered("ambiguous", f"{folder} holds {' and '.join(sorted(found))}", "name one of them")
        if found:
            return found[0]
    raise NothingOffered("missing", f"neither {folder} nor a folder in it named as the model holds a model")


def _holds_a_model(folder: str) -> bool:
    try:
        return any(name == "config.json" or weight_format(name) for name in os.listdir(folder))
    except OSError:
        return False


def _snapshot(folder: str, revision: str) -> str:
    """The snapshot of a hub cache's folder: the wanted one, else the one its ``main`` points to, else the only one."""
    snapshots = os.path.join(folder, "snapshots")
    if not os.path.isdir(snapshots):
        return folder
    there = sorted(os.listdir(snapshots))
    main = ""
    try:
        with open(os.path.join(folder, "refs", "main"), encoding="utf-8", errors="replace") as source:
            main = source.read(200).strip()
    except OSError:
        pass
    for name in (revision, main):
        if name in there:
            return os.path.join(snapshots, name)
    return os.path.join(snapshots, there[0]) if len(there) == 1 else folder


def _checksums(folder: str) -> dict[str, str]:
    """What lists of checksums in the folder say: ``SHA256SUMS`` and ``NAME.sha256``."""
    found: dict[str, str] = {}
    for name in os.listdir(folder):
        if name.lower() != "sha256sums" and not name.endswith(".sha256"):
            continue
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as source:
                found.update(checksums(source.read(_SUMS), only=name[: -len(".sha256")]))
        except OSError:
            continue
    return found


def _offer(folder: str, each: ModelFile, known: dict[str, str]) -> Offer:
    content = each.content
    problem = "" if content is not None else "it cannot be read"
    if content is not None and content.state != "whole":
        problem = f"it is {content.state}" if content.state != "broken" else content.problem
    elif each.recorded and each.sha256 and each.recorded != each.sha256:
        problem = "its bytes are not those that were downloaded"
    weights = content if weight_format(each.name) else None
    names, bad = (weights.names, weights.bad) if weights is not None else ("", [])
    digest = each.recorded or known.get(each.name) or each.sha256
    # The folder's own name for it, not the blob behind: that is what its owner knows.
    return Offer(each.name, os.path.join(folder, each.name), each.size, digest, names=names, problem=problem, bad=bad)
