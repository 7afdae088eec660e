"""source: what the place that a playbook names (``from``) has of the files of this model."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, replace

from ..context import Context
from ..model.choice import weight_format
from ..naming import called, hub_id
from ..offers.folder import list_folder
from ..offers.hubs import list_hub, list_modelscope, list_server
from ..offers.offer import Listing, NothingOffered, Offer, Wanted, safe
from ..web import surroundings
from .model_files import ModelFiles

_ID = re.compile(r"(?:(hf|modelscope):)?((?:[\w.-]+/)?[\w.-]+)(?:@([\w./-]+))?")
_SMALL = 64 << 20


@dataclass(frozen=True)
class Source:
    """What ``from`` offers.

    ``state``: ``ok``, ``none`` (nothing is configured), ``invalid`` (not understood), ``missing`` (no
    such folder, model or page), ``ambiguous`` (it holds several that could be meant), ``unreachable``
    or ``refused`` (it wants a token or a licence); ``problem`` and ``hint`` say more. ``where`` is the
    folder, address or id that was settled on, ``revision`` its commit. ``auth`` names whose token its
    files need. ``weights`` are the weight files that an engine would load from it; ``model_type`` is
    that of its config.json, empty where it was not read.
    """

    given: str
    state: str
    problem: str = ""
    hint: str = ""
    where: str = ""
    revision: str | None = None
    auth: str = ""
    offers: list[Offer] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    model_type: str = ""
    reads: list[str] = field(default_factory=list)

    @classmethod
    def collect(cls, ctx: Context, *, from_: str = "", deep: bool = False) -> Source:
        """Ask the source for a list, not for content: sizes and digests, of a folder also the headers.

        With ``deep`` every byte of a folder's weight files is read.
        """
        given = from_.strip()
        if not given:
            return cls(given, "none")
        model = ctx.fact(ModelFiles)
        try:
            found = _listing(ctx, given, wanted_of(model), deep)
        except NothingOffered as err:
            return cls(given, err.state, str(err), err.hint)
        return cls(
            given,
            "ok",
            where=found.where,
            revision=found.revision,
            auth=found.auth,
            offers=[replace(offer, same=_has_already(model, offer)) for offer in found.offers],
            weights=found.weights,
            model_type=found.model_type,
            reads=found.reads,
        )

    def offer(self, name: str) -> Offer | None:
        """The offer of that name, None where there is none."""
        return next((each for each in self.offers if each.name == name), None)


def _listing(ctx: Context, given: str, wanted: Wanted, deep: bool) -> Listing:
    if given.startswith(("http://", "https://")):
        return list_server(given, wanted, surroundings(ctx))
    if given.startswith("file:///"):
        given = given[len("file://") :]
    if given.startswith(("/", "~")):
        return list_folder(ctx, os.path.expanduser(given), wanted, deep)
    named = _ID.fullmatch(given)
    if named is None or not (named.group(1) or "/" in named.group(2)):
        raise NothingOffered("invalid", f"{given} is no absolute path, no http(s) address and no id of a model")
    listed = list_modelscope if named.group(1) == "modelscope" else list_hub
    return listed(named.group(2), named.group(3) or "", wanted, surroundings(ctx))


def _has_already(model: ModelFiles, offer: Offer) -> bool:
    """Whether a small file of the model has the bytes that are offered, as far as one can see from here."""
    ours = model.file(offer.name)
    if ours is None or weight_format(offer.name) or ours.size != offer.size or (ours.size or 0) > _SMALL:
        return False
    try:
        with open(ours.opened_by, "rb") as source:
            raw = source.read()
        if os.path.isabs(offer.locator):
            with open(offer.locator, "rb") as source:
                return source.read() == raw
    except OSError:
        return False
    if offer.sha256:
        return hashlib.sha256(raw).hexdigest() == offer.sha256
    return bool(offer.git_oid) and hashlib.sha1(b"blob %d\0" % len(raw) + raw).hexdigest() == offer.git_oid


def wanted_of(model: ModelFiles) -> Wanted:
    """What there is to ask for: the names of this model's files, and the names it may go by."""
    index = model.index if model.index is not None and not model.index.problem else None
    files = [each.name for each in model.files] + model.used
    if index is not None:
        files += [index.name, *index.shards]
    files = [name for name in dict.fromkeys(files) if safe(name)]
    parts = model.folder.inside.rstrip("/").split("/")
    ids = [hub_id(part) for part in parts if part.startswith("models--")]
    ids += [model.model] if model.source != "path" else []
    revision = model.revision or (parts[-1] if parts[-2:-1] == ["snapshots"] else "")
    target = model.detail if model.state == "dangling" else ""
    folders = []
    for name in dict.fromkeys([*ids, "/".join(parts[-2:]), called("/".join(parts)), called(target)]):
        if name:
            owner, _, last = name.rpartition("/")
            folders += [name, last, last.replace(".", "___"), f"models--{owner or '*'}--{last}"]
    return Wanted(files, list(dict.fromkeys(folders)), model.engine, ids[0] if ids else "", revision)
