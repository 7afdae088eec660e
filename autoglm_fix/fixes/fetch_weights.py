"""fetch_weights: the bad files of a model are replaced by good copies from a source that the playbook names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.changes.fetch_file import FetchFile
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.source import Source
from autoglm_fix.agent.model.choice import is_index, weight_format
from autoglm_fix.agent.naming import called, related
from autoglm_fix.agent.offers.offer import Offer, safe
from autoglm_fix.diagnostics import Finding, weights
from autoglm_fix.diagnostics import generation_config_findings as generation
from autoglm_fix.diagnostics import tokenizer_findings as tokenizer
from autoglm_fix.diagnostics.weights_shapes import is_damage

from .hub_cache import main_reference
from .registry import Declined, fix

_ONE_FILE = (
    generation.BrokenJson,
    generation.ConfigBroken,
    tokenizer.Broken,
    tokenizer.NotLoadable,
    tokenizer.OfAnotherModel,
    tokenizer.RoundTripLost,
    tokenizer.TemplateAbsent,
    tokenizer.TemplateBroken,
    tokenizer.TemplateOfAnotherModel,
    tokenizer.VocabularyExceedsEmbeddings,
    weights.ArchiveBroken,
    weights.ConfigMissing,
    weights.ConfigOfAnotherModel,
    weights.DanglingLink,
    weights.DigestMismatch,
    weights.GgufBroken,
    weights.HeaderBroken,
    weights.HtmlInstead,
    weights.IndexBroken,
    weights.IndexMismatch,
    weights.IndexMissing,
    weights.LfsPointer,
    weights.NotANumber,
    weights.PreprocessorMissing,
    weights.ShardMissing,
    weights.ShardOfAnotherModel,
    weights.ShardPadded,
    weights.ShardTruncated,
    weights.TokenizerMissing,
    weights.Zeroed,
)
_FOLDER = (
    weights.FolderEmpty,
    weights.FolderMissing,
    weights.IncompleteDownload,
    weights.NotDownloaded,
    weights.NoWeights,
    weights.TensorsMissing,
)
_CONFIG = (weights.ConfigMissing, weights.ConfigOfAnotherModel)
_NO_TEMPLATE = (tokenizer.TemplateAbsent,)
_TEMPLATES = ("chat_template.jinja", "chat_template.json")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
_WITH_A_TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
_RATE = re.compile(r"(\d+(?:\.\d+)?) ?([kmg]?)(i?)(b|bit)?(?:/s|ps)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Need:
    """One file to fetch: its name, where it goes on the host, and what is known of it (None: nothing)."""

    name: str
    host: str | None
    size: int | None = None
    sha256: str | None = None


@fix(*_ONE_FILE, *_FOLDER, weights.FolderDangling, weights.IndexIncomplete)
def fetch_weights(
    finding: Finding, model: ModelFiles, source: Source, *, from_: str = "", limit: str = ""
) -> Iterator[Change | Declined]:
    """Only the bad files are fetched, from ``from``, and checked before they replace anything."""
    rate = _rate(limit)
    declined = _no_use(finding, model, source, limit if rate is None else None)
    needs = [] if declined else _needs(finding, model, source)
    if isinstance(needs, Declined):
        declined, needs = needs, []
    changes: list[Change] = []
    for need in needs:
        offer = source.offer(need.name)
        declined = _unfit(finding, model, source, need, offer)
        if declined or offer is None or need.host is None:
            break
        changes.append(_fetch(need, need.host, offer, source, rate or 0))
    if declined:
        yield declined
        return
    yield from changes
    if isinstance(finding, weights.NotDownloaded) and finding.host and model.source == "hub" and model.revision is None:
        yield main_reference(finding.host)


def _no_use(finding: Finding, model: ModelFiles, source: Source, bad_limit: str | None) -> Declined | None:
    """Why nothing at all can come from the source for this finding."""
    if bad_limit is not None:
        return Declined("fetch_weights.bad-limit", {"limit": bad_limit})
    if source.state != "ok":
        values = {"source": source.given, "problem": source.problem, "hint": source.hint}
        return Declined(f"fetch_weights.source-{source.state}", values)
    if isinstance(finding, weights.FolderDangling):
        return Declined("fetch_weights.dangling", {"link": finding.link, "target": finding.target})
    own = (model.config.model_type or "") if not isinstance(finding, _CONFIG) else ""
    name = called(model.folder.inside)
    if source.model_type and (own not in ("", source.model_type) or not (own or related(name, source.model_type))):
        values = {"source": source.where, "theirs": source.model_type, "own": own or name}
        return Declined("fetch_weights.another-model", values)
    return None


def _needs(finding: Finding, model: ModelFiles, source: Source) -> list[_Need] | Declined:
    if isinstance(finding, weights.IndexMismatch):
        return [_shard_or_index(finding, model, source)]
    if isinstance(finding, weights.IndexIncomplete):
        return [_Need(finding.file, finding.host)]
    if isinstance(finding, weights.TokenizerMissing):
        return _tokenizer(finding, model, source)
    if isinstance(finding, _ONE_FILE):
        name = finding.file
        if isinstance(finding, _NO_TEMPLATE) and source.offer(name) is None:
            name = next((each for each in _TEMPLATES if source.offer(each)), name)
        host = finding.host if name == finding.file else _place(model, name)
        # A shard of another model promises the size of that other shard.
        size = None if isinstance(finding, weights.ShardOfAnotherModel) else finding.expected_size
        return [_Need(name, host, size, finding.sha256)]
    return _whole(finding, model, source)


def _shard_or_index(finding: weights.IndexMismatch, model: ModelFiles, source: Source) -> _Need:
    """Whichever of the two differs from the source's: the index where the shard is the source's already."""
    ours, theirs = model.file(finding.file), source.offer(finding.file)
    if ours is not None and theirs is not None:
        names = ours.content.names if ours.content is not None else ""
        same = names == theirs.names if names and theirs.names else ours.size == theirs.size
        if same:
            return _Need(finding.index, _place(model, finding.index))
    return _Need(finding.file, finding.host, None, finding.sha256)


def _tokenizer(finding: weights.TokenizerMissing, model: ModelFiles, source: Source) -> list[_Need] | Declined:
    """Every file of the source's tokenizer that this model lacks."""
    there = [offer.name for offer in source.offers]
    if not any(name in _TOKENIZERS or name.endswith(".tiktoken") for name in there):
        return Declined("fetch_weights.not-offered", {"file": finding.file, "source": source.where})
    wanted = [name for name in there if name in _TOKENIZERS + _WITH_A_TOKENIZER or name.endswith(".tiktoken")]
    absent = [name for name in wanted if _size(model, name) is None]
    return [_Need(name, finding.host if name == finding.file else _place(model, name)) for name in absent]


def _whole(finding: Finding, model: ModelFiles, source: Source) -> list[_Need] | Declined:
    """Every file of the source that the model lacks: the weights that an engine loads, and the small ones."""
    single = os.path.basename(model.folder.inside)
    if isinstance(finding, weights.FolderMissing) and weight_format(single):
        return [_Need(single, finding.host)]
    if not source.weights:
        return Declined("fetch_weights.no-weights", {"source": source.where})
    form = weight_format(source.weights[0])
    small = [
        offer.name
        for offer in source.offers
        if not weight_format(offer.name)
        and (not is_index(offer.name) or (f".{form}." in offer.name) == (form == "safetensors"))
    ]
    needs = []
    for name in [*source.weights, *small]:
        offer, size = source.offer(name), _size(model, name)
        differs = isinstance(finding, weights.TensorsMissing) and offer is not None and offer.size != size
        if size is None or (differs and name in source.weights):
            recorded = model.file(name)
            needs.append(_Need(name, _place(model, name), None, recorded.recorded if recorded else None))
    if not needs:
        return Declined("fetch_weights.nothing-lacking", {"source": source.where})
    return needs


def _size(model: ModelFiles, name: str) -> int | None:
    """The size of a file that could be whole, None for one that is absent or something else in its place."""
    each = model.file(name)
    stands_in = each is not None and each.content is not None and each.content.state in ("lfs-pointer", "html")
    return None if each is None or stands_in else each.size


def _place(model: ModelFiles, name: str) -> str | None:
    """Where the bytes of that file belong on the host: behind its link where it has one. Never out of the folder."""
    each = model.file(name)
    if each is not None:
        return each.host
    if not safe(name):
        return None
    if model.state == "file":
        return None if model.folder.host is None else os.path.join(os.path.dirname(model.folder.host), name)
    return (model.folder / name).host


def _unfit(finding: Finding, model: ModelFiles, source: Source, need: _Need, offer: Offer | None) -> Declined | None:
    """Why the offer must not or need not be put there."""
    values = {"file": need.name, "source": source.where}
    if need.host is None:
        return Declined("fetch_weights.no-host-path", {"subject": finding.subject})
    if offer is None:
        return Declined("fetch_weights.not-offered", values)
    damage = [f"{each.kind} in {each.tensor}" for each in offer.bad if is_damage(each, model.config)]
    if offer.problem or damage:
        return Declined("fetch_weights.offer-bad", {**values, "problem": offer.problem or damage[0]})
    if need.sha256 and offer.sha256 and need.sha256.lower() != offer.sha256.lower():
        return Declined("fetch_weights.digest-differs", {**values, "wanted": need.sha256, "offered": offer.sha256})
    sure = need.sha256 is not None and offer.sha256 is not None
    if not sure and need.size is not None and offer.size is not None and need.size != offer.size:
        return Declined("fetch_weights.size-differs", {**values, "wanted": need.size, "offered": offer.size})
    if _same(finding, model, need, offer):
        return Declined("fetch_weights.same-file", values)
    return None


def _same(finding: Finding, model: ModelFiles, need: _Need, offer: Offer) -> bool:
    """Whether what is offered is known to be the very file that is bad."""
    ours = model.file(need.name)
    if offer.same:
        return True
    bad = {finding.found if isinstance(finding, weights.DigestMismatch) else None, ours.sha256 if ours else None}
    if offer.sha256 and offer.sha256 in bad and offer.sha256 != need.sha256:
        return True
    if isinstance(finding, weights.ShardOfAnotherModel) and ours is not None and ours.content is not None:
        return bool(offer.names) and offer.names == ours.content.names
    return offer.locator in (need.host, (model.folder / need.name).host, model.folder.host)


def _fetch(need: _Need, host: str, offer: Offer, source: Source, rate: int) -> FetchFile:
    size = offer.size if offer.size is not None else need.size
    digest = offer.sha256 or need.sha256
    if digest or offer.git_oid:
        check = "fetch_weights.fetch-by-digest"
    elif weight_format(need.name):
        check = "fetch_weights.fetch-by-header"
    elif size is not None:
        check = "fetch_weights.fetch-by-size"
    else:
        check = "fetch_weights.fetch-unverified"
    return FetchFile(
        path=host,
        source=offer.locator,
        size=size,
        sha256=digest,
        git_oid=None if digest else offer.git_oid,
        etag=offer.etag,
        auth=source.auth,
        limit=rate,
        says=check,
        values={"file": need.name},
    )


def _rate(limit: str) -> int | None:
    """Bytes a second of a limit like ``50MB/s``, ``50 MiB/s`` or ``400Mbit/s``; 0 for none, None for nonsense."""
    if not limit.strip():
        return 0
    said = _RATE.fullmatch(limit.strip())
    if said is None:
        return None
    number, unit, binary, kind = said.groups()
    base = 1024 if binary else 1000
    value = float(number) * base ** " kmg".index(unit.lower() or " ")
    return int(value / 8 if (kind or "").lower() == "bit" else value)
