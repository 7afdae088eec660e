"""Torch's own archives (.bin, .pth, .pt): a zip with one pickle and raw storages, or the older stream."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from typing import BinaryIO

from . import Content, Source, Tensor, Verdict, clean, described, stand_in
from .pickles import BrokenPickle, Storage, View, views, walk
from .safetensors import BITS

_LONGEST_PICKLE = 1 << 26
_LEGACY_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."


class _BrokenArchive(Exception):
    """Why an archive is none."""


def read(source: Source) -> Verdict:
    """Judge one archive by its directory, its list of tensors and its size."""
    head = source.read(0, 1024)
    other = stand_in(head, source.size, "torch")
    if other is not None:
        return other, []
    if not head:
        return Content("torch", "truncated"), []
    try:
        if head.startswith(b"PK"):
            return _zip(source)
        if head.startswith(_LEGACY_MAGIC):
            return _stream(source)
    except (_BrokenArchive, BrokenPickle) as err:
        return Content("torch", "broken", clean(str(err))), []
    return Content("torch", "broken", "it is neither a zip nor a stream of torch"), []


def _zip(source: Source) -> Verdict:
    # The descriptor's own position is used, so it gets one of its own.
    with os.fdopen(os.dup(source.fd), "rb") as raw:
        try:
            with zipfile.ZipFile(raw) as archive:
                members = {info.filename: info for info in archive.infolist()}
                listing = next((name for name in members if name.rpartition("/")[2] == "data.pkl"), None)
                if listing is None:
                    raise _BrokenArchive("it holds no data.pkl, so no torch tensors")
                if members[listing].file_size > _LONGEST_PICKLE:
                    raise _BrokenArchive(f"its data.pkl is {members[listing].file_size} bytes long")
                pickled = archive.read(listing)
        except zipfile.BadZipFile as err:
            if "not a zip file" in str(err):
                raise _BrokenArchive("the directory at its end is not there: it was cut short, or goes on") from err
            raise _BrokenArchive(f"its zip is damaged: {err}") from err
        except (ValueError, LookupError, EOFError, RuntimeError, struct.error, zlib.error, NotImplementedError) as err:
            raise _BrokenArchive(f"its zip is damaged: {err}") from err
    walked = walk(io.BytesIO(pickled))
    prefix = listing[: -len("data.pkl")] + "data/"
    starts: dict[str, int] = {}
    for key, storage in walked.storages.items():
        info = members.get(prefix + key)
        if info is None:
            raise _BrokenArchive(f"it lacks its member data/{key}")
        if info.file_size != _size(storage) or info.compress_type != zipfile.ZIP_STORED:
            raise _BrokenArchive(f"its member data/{key} is not the {_size(storage)} bytes promised")
        starts[key] = _data_start(source, info.header_offset)
        if starts[key] + info.file_size > source.size:
            raise _BrokenArchive(f"its member data/{key} lies outside the file")
    tensors = _tensors(views(walked.value), starts)
    return described(Content("torch", expected_size=source.size), tensors), tensors


def _data_start(source: Source, header: int) -> int:
    local = source.read(header, 30)
    if len(local) < 30 or local[:4] != b"PK\x03\x04":
        raise _BrokenArchive(f"its zip is damaged: no member begins at byte {header}")
    name, extra = struct.unpack_from("<HH", local, 26)
    return int(header + 30 + name + extra)


def _stream(source: Source) -> Verdict:
    """Before torch 1.6: five pickles (magic, version, system, tensors, storage keys), then the storages."""
    lead = io.BytesIO(source.read(0, _LONGEST_PICKLE))
    try:
        for _ in range(3):
            walk(lead)
        found = walk(lead)
        keys = _keys(lead)
    except BrokenPickle as err:
        if source.size < _LONGEST_PICKLE and lead.tell() >= source.size:
            return Content("torch", "truncated"), []
        raise _BrokenArchive(f"its list of tensors cannot be read: {err}") from err
    storages = found.storages
    starts: dict[str, int] = {}
    at = lead.tell()
    for key in keys:
        if key not in storages:
            raise _BrokenArchive(f"its storage {key} belongs to nothing")
        starts[key] = at + 8
        said = source.read(at, 8)
        if len(said) == 8 and int.from_bytes(said, "little") != storages[key].values:
            raise _BrokenArchive(f"its storage {key} has another size than promised")
        at += 8 + _size(storages[key])
    if set(starts) != set(storages):
        raise _BrokenArchive("it lacks storages that its tensors need")
    state = "whole" if at == source.size else "truncated" if at > source.size else "padded"
    tensors = _tensors(views(found.value), starts)
    return described(Content("torch", state, expected_size=at), tensors), tensors


def _keys(lead: BinaryIO) -> list[str]:
    keys = walk(lead).value
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise BrokenPickle("no list of storages")
    return keys


def _size(storage: Storage) -> int:
    return storage.values * BITS[storage.dtype] // 8


def _tensors(named: dict[str, View], starts: dict[str, int]) -> list[Tensor]:
    tensors = []
    for name, view in named.items():
        bits = BITS.get(view.dtype, 8)
        values = 1
        for extent in view.shape:
            values *= extent
        begin = view.offset * bits // 8
        end = begin + values * bits // 8
        if end > _size(view.storage):
            raise _BrokenArchive(f"tensor {name} lies outside its storage")
        start = starts[view.storage.key]
        tensors.append(Tensor(clean(name), view.dtype, view.shape, start + begin, start + end))
    return sorted(tensors, key=lambda each: each.begin)
