"""Servers as sources: plain files over HTTP, the Hugging Face hub, ModelScope."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Iterable, Iterator, Mapping
from urllib.parse import quote

from ..model.choice import choose, is_index, weight_format
from ..model.config import parse_config
from ..model.files import is_text
from ..model.index import Index, parse_index
from ..web import Web, WebError, is_address
from .offer import INDEXES, SMALL, Listing, NothingOffered, Offer, Wanted, checksums, safe

_AT_ONCE = 8
_TEXT = 1 << 20
_LIST = 32 << 20
_PAGES = 20


def list_server(address: str, wanted: Wanted, variables: Mapping[str, str]) -> Listing:
    """The wanted files at ``address`` or in a folder below it, asked for one by one."""
    if not is_address(address) or any(each in address for each in "@?#"):
        raise NothingOffered("invalid", "an address names a host, and holds no password, query or fragment")
    web = Web(variables)
    base = address.rstrip("/")
    refused: list[WebError] = []
    for place in [base, *(f"{base}/{quote(name)}" for name in wanted.folders if "*" not in name)]:
        if any(_head(web, place, name, refused) for name in ["config.json", *wanted.files[:1]]):
            indexes = _indexes(web, place, INDEXES, "")
            shards = [name for index in indexes.values() for name in index.shards]
            offers = _served(web, place, [*SMALL, *INDEXES, *wanted.files, *shards, "model.safetensors"])
            return _listing(place, offers, indexes, _text(web, f"{place}/config.json"), wanted)
    if refused:
        raise _nothing(refused[0])
    raise NothingOffered("missing", f"{address} has none of the model's files")


def _served(web: Web, place: str, names: list[str]) -> list[Offer]:
    """Those of the files that are there, with the digests that the server publishes: SHA256SUMS, else NAME.sha256."""
    asked = [name for name in dict.fromkeys(names) if safe(name)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        offers = [offer for offer in pool.map(lambda name: _head(web, place, name, []), asked) if offer is not None]
    known = checksums(_text(web, f"{place}/SHA256SUMS"))
    heavy = [offer.name for offer in offers if weight_format(offer.name)]
    if not known and heavy:
        known = checksums(_text(web, f"{place}/{quote(heavy[0])}.sha256"), only=heavy[0])
        for name in heavy[1:] if known else []:
            known.update(checksums(_text(web, f"{place}/{quote(name)}.sha256"), only=name))
    return [replace(offer, sha256=known.get(offer.name)) for offer in offers]


def _head(web: Web, place: str, name: str, refused: list[WebError]) -> Offer | None:
    """The file of that name, None where the server has none or keeps it (``refused``)."""
    address = f"{place}/{quote(name)}"
    try:
        try:
            response = web.open(address, method="HEAD")
        except WebError as err:
            if err.status not in (405, 501):
                raise
            response = web.open(address, headers={"Range": "bytes=0-0"})
        with response:
            headers = response.headers
            if headers.get_content_type() == "text/html":  # a page for whatever one asks
                return None
            length = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
            etag = headers.get("ETag", "")
            size = int(length) if length.isdigit() else None
            return Offer(name, address, size, etag=etag if etag.startswith('"') else None)
    except WebError as err:
        if err.status in (401, 403):  # what some stores say of a file that is not there
            refused.append(err)
        elif err.status not in (404, 410):
            raise _nothing(err) from err
        return None


def list_hub(model: str, revision: str, wanted: Wanted, variables: Mapping[str, str]) -> Listing:
    """The files of a model on the Hugging Face hub or a mirror of it (``HF_ENDPOINT``), at one commit."""
    endpoint = _endpoint(variables.get("HF_ENDPOINT", ""), "https://huggingface.co")
    web = Web(variables)
    revision = revision or (wanted.revision if wanted.hub == model else "") or "main"
    api = f"{endpoint}/api/models/{quote(model)}"
    said = _json(web, f"{api}/revision/{quote(revision, safe='')}", "hf")
    commit = said.get("sha") if isinstance(said, dict) else None
    commit = commit if isinstance(commit, str) and commit.isalnum() else revision
    offers = []
    for entry in _tree(web, f"{api}/tree/{quote(commit, safe='')}?recursive=true", endpoint):
        name, lfs = _kept(entry.get("path"), wanted), entry.get("lfs")
        if entry.get("type") != "file" or not name:
            continue
        lfs = lfs if isinstance(lfs, dict) else {}
        address = f"{endpoint}/{quote(model)}/resolve/{quote(commit, safe='')}/{quote(name)}"
        digest = _hex(lfs.get("oid"), 64)
        git_oid = None if lfs else _hex(entry.get("oid"), 40)
        offers.append(Offer(name, address, _count(lfs.get("size", entry.get("size"))), digest, git_oid))
    return _hub_listing(web, f"hf:{model}@{commit}", offers, wanted, commit, "hf")


def list_modelscope(model: str, revision: str, wanted: Wanted, variables: Mapping[str, str]) -> Listing:
    """The files of a model on ModelScope (``MODELSCOPE_ENDPOINT`` or the older ``MODELSCOPE_DOMAIN``)."""
    named = variables.get("MODELSCOPE_ENDPOINT") or variables.get("MODELSCOPE_DOMAIN") or ""
    endpoint = _endpoint(named, "https://modelscope.cn")
    web = Web(variables)
    revision = revision or "master"
    query = f"Revision={quote(revision, safe='')}&Recursive=True"
    said = _json(web, f"{endpoint}/api/v1/models/{quote(model)}/repo/files?{query}", "")
    listed = said.get("Data") if isinstance(said, dict) else None
    entries = listed.get("Files") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        message = said.get("Message") if isinstance(said, dict) else None
        raise NothingOffered("missing", f"{endpoint} lists no files of {model}: {str(message)[:200]}")
    offers = []
    for entry in entries:
        name = _kept(entry.get("Path"), wanted) if isinstance(entry, dict) else ""
        if not name or entry.get("Type") == "tree":
            continue
        address = f"{endpoint}/models/{quote(model)}/resolve/{quote(revision, safe='')}/{quote(name)}"
        offers.append(Offer(name, address, _count(entry.get("Size")), _hex(entry.get("Sha256"), 64)))
    return _hub_listing(web, f"modelscope:{model}@{revision}", offers, wanted, None, "")


def _hub_listing(web: Web, where: str, offers: list[Offer], wanted: Wanted, commit: str | None, auth: str) -> Listing:
    if not offers:
        raise NothingOffered("missing", f"{where} has no files that a model needs")
    names = [offer.name for offer in offers]
    base = offers[0].locator[: -len(quote(offers[0].name)) - 1]
    config = ""
    if "config.json" in names:
        try:  # this shows at once whether the source lets one in
            config = web.text(f"{base}/config.json", limit=_TEXT, auth=auth)[0]
        except WebError as err:
            raise _nothing(err) from err
    indexes = _indexes(web, base, filter(is_index, names), auth)
    return replace(_listing(where, offers, indexes, config, wanted), revision=commit, auth=auth)


def _listing(where: str, offers: list[Offer], indexes: dict[str, Index], config: str, wanted: Wanted) -> Listing:
    names = [offer.name for offer in offers if "/" not in offer.name]
    weights = [name for name in choose(names, indexes, wanted.engine).used if name in names]
    return Listing(where, offers, weights, parse_config(config.encode()).model_type or "")


def _tree(web: Web, address: str, endpoint: str) -> Iterator[dict[str, Any]]:
    for _ in range(_PAGES):
        try:
            text, headers = web.text(address, limit=_LIST, auth="hf")
            entries = json.loads(text)
        except WebError as err:
            raise _nothing(err) from err
        except (ValueError, RecursionError) as err:
            raise NothingOffered("unreachable", f"{endpoint} does not answer as a hub does") from err
        if not isinstance(entries, list):
            raise NothingOffered("unreachable", f"{endpoint} does not answer as a hub does")
        yield from (entry for entry in entries if isinstance(entry, dict))
        following, _, kind = headers.get("Link", "").partition(">;")
        address = following.strip().lstrip("<")
        if 'rel="next"' not in kind or not address.startswith(f"{endpoint}/"):
            return


def _indexes(web: Web, place: str, names: Iterable[str], auth: str) -> dict[str, Index]:
    texts = {name: _text(web, f"{place}/{quote(name)}", _LIST, auth) for name in names}
    found = {name: parse_index(name, text.encode())[0] for name, text in texts.items() if text}
    return {name: index for name, index in found.items() if not index.problem}


def _text(web: Web, address: str, limit: int = _TEXT, auth: str = "") -> str:
    """A text that may well be absent."""
    try:
        return web.text(address, limit=limit, auth=auth)[0]
    except WebError:
        return ""


def _json(web: Web, address: str, auth: str) -> Any:
    try:
        return json.loads(web.text(address, limit=_LIST, auth=auth)[0])
    except WebError as err:
        raise _nothing(err) from err
    except (ValueError, RecursionError) as err:
        raise NothingOffered("unreachable", f"{address} does not answer with JSON") from err


def _nothing(err: WebError) -> NothingOffered:
    state = {401: "refused", 403: "refused", 404: "missing", 410: "missing"}.get(err.status, "unreachable")
    return NothingOffered(state, str(err), err.hint)


def _endpoint(named: str, usual: str) -> str:
    named = named.strip().rstrip("/") or usual
    return named if named.startswith(("http://", "https://")) else f"https://{named}"


def _kept(name: object, wanted: Wanted) -> str:
    """The name of a listed file that a model needs, else empty."""
    if not isinstance(name, str) or not safe(name):
        return ""
    needed = is_text(name) or is_index(name) or weight_format(name) or name.endswith(".py")
    return name if name in wanted.files or ("/" not in name and needed) else ""


def _hex(value: object, length: int) -> str | None:
    text = value.lower() if isinstance(value, str) else ""
    return text if len(text) == length and all(each in "0123456789abcdef" for each in text) else None


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
