"""candidates: models that lie elsewhere on the host, each with what tells it from others."""

from __future__ import annotations

import collections
import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from typing import Iterator

from ..context import Context
from ..model.choice import weight_format
from ..naming import called, hub_id
from ..reach import Who
from ..unknown import CannotTell
from ..view import Place, View
from .model_files import BadRange, Config, ModelFiles

USUAL = ("/models", "/data/models", "/data", "/mnt", "/srv/models", "/opt/models", "~/.cache", "~/models")
_DEEPEST = 7
_MOST_ENTRIES = 200_000
_MOST_MODELS = 200
_PASSED_OVER = ("node_modules", "site-packages", "__pycache__", "lost+found", "blobs", "refs")
_BLOCKS, _BLOCK = 64, 4096
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt")
_OPTIONS = re.compile(r"--(?:model|model-path|model_path|served-model-name|served_model_name)(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Candidate:
    """One model that the service can see: a folder with a config.json and weights, or a GGUF file.

    ``path`` is as the service sees it: in a container only what is mounted, or lies in its image, is of use.
    ``name`` is what its place calls it; ``hub`` its id where it lies in a hub's cache, with its
    ``revision``. ``size`` is that of its weight files in bytes. ``identity`` is a digest of its content
    (tensors and sizes of its weight files, samples of them where others have the same, tokenizer,
    architecture): equal for two copies, whatever their names. ``problem`` says what keeps it from being
    whole, empty where nothing does, and ``bad`` what its files hold that may be no weights; ``barrier``
    is the path that keeps the service's user from it.
    """

    path: str
    name: str
    hub: str = ""
    revision: str | None = None
    size: int = 0
    format: str = ""
    config: Config = field(default_factory=lambda: Config("missing"))
    identity: str = ""
    problem: str = ""
    bad: list[BadRange] = field(default_factory=list)
    barrier: str = ""


@dataclass(frozen=True)
class Candidates:
    """What was found below ``searched``; ``complete`` is False where there was more than is looked at.

    ``names`` are those that the service's path (or a dangling link's target, or its id on a hub) gives
    the model, ``also`` those that its options and environment use for it.
    """

    searched: list[str]
    complete: bool
    found: list[Candidate]
    names: list[str]
    also: list[str]
    reads: list[str]

    @classmethod
    def collect(cls, ctx: Context, *, search: list[str] | None = None) -> Candidates:
        """Walk the folders (None: where models usually lie) and look at each model's headers."""
        model = ctx.fact(ModelFiles)
        home = Who(ctx.service.user).home
        wanted = USUAL if search is None else search
        roots = [os.path.normpath(home + each[1:] if each.startswith("~") else each) for each in wanted]
        if ctx.view.container is not None:
            named = [name for root in roots for name in ctx.view.names(root)]
            roots = list(dict.fromkeys([*roots, *named, *ctx.view.container.mounts]))
        walk = _Walk(ctx.view, gguf=(ctx.service.model or "").endswith(".gguf"))
        unbarred = ctx.like(view=ctx.view, service=replace(ctx.service, user=None))
        looked: list[tuple[Candidate, ModelFiles]] = []
        for path in walk.models([root for root in roots if walk.is_folder(root)]):
            ctx.progress("models found", len(looked), _MOST_MODELS, "models")
            try:
                files = ModelFiles.examine(ctx, Place(path, path))
                barrier = files.detail if files.state == "unreadable" else ""
                if barrier:  # what it is can be told all the same
                    files = ModelFiles.examine(unbarred, Place(path, path))
            except CannotTell:
                continue
            looked.append((_candidate(path, files, barrier), files))
        found = sorted(_told_apart(ctx, looked), key=lambda each: each.path)
        places = [model.model, model.folder.inside, model.detail]
        return cls(
            roots,
            walk.complete,
            found,
            _names(places),
            _names(_said(ctx)),
            [path for path in (ctx.view.place(each.path).host for each in found) if path],
        )


class _Walk:
    """Goes through folders breadth first, each once, never into the kernel's own filesystems."""

    def __init__(self, view: View, gguf: bool) -> None:
        self.complete = True
        self._view = view
        self._gguf = gguf
        self._entries = 0
        self._seen: set[tuple[int, int]] = set()
        kernel = {os.stat(view.through(path)).st_dev for path in ("/proc", "/sys", "/dev") if self.is_folder(path)}
        self._kernel = kernel - {os.stat("/").st_dev}

    def is_folder(self, path: str) -> bool:
        """Whether there is such a folder, as far as anybody can look."""
        try:
            return os.path.isdir(self._view.through(path))
        except CannotTell:
            return False

    def models(self, roots: list[str]) -> Iterator[str]:
        """The paths of models, those nearer to the roots first."""
        waiting = collections.deque((root, 0) for root in roots)
        count = 0
        while waiting:
            folder, depth = waiting.popleft()
            names, below = self._look(folder)
            whole = "config.json" in names and any(weight_format(name) for name in names)
            files = [folder] if whole else []
            if self._gguf:
                files = [os.path.join(folder, name) for name in names if name.endswith(".gguf")]
            count += len(files)
            yield from files
            if count >= _MOST_MODELS or self._entries >= _MOST_ENTRIES:
                self.complete = False
                return
            if below and not whole and depth >= _DEEPEST:
                self.complete = False
            elif not whole:
                waiting.extend((os.path.join(folder, name), depth + 1) for name in below)

    def _look(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of files and of folders worth entering; none where the folder was seen or cannot be."""
        names, below = [], []
        try:
            path = self._view.through(folder)
            seen = os.stat(path)
            if (seen.st_dev, seen.st_ino) in self._seen or seen.st_dev in self._kernel:
                return [], []
            self._seen.add((seen.st_dev, seen.st_ino))
            with os.scandir(path) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._entries >= _MOST_ENTRIES:
                        break
                    hidden = entry.name.startswith(".") and entry.name != ".cache"
                    if not entry.is_dir():
                        names.append(entry.name)
                    elif not hidden and entry.name not in _PASSED_OVER:
                        below.append(entry.name)
        except (OSError, CannotTell):
            return [], []
        return sorted(names), sorted(below)


def _candidate(path: str, files: ModelFiles, barrier: str) -> Candidate:
    hub, revision = "", None
    parts = path.split("/")
    if len(parts) > 3 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        hub, revision = hub_id(parts[-3]), parts[-1]
    return Candidate(
        path,
        called(path),
        hub,
        revision,
        files.total_size,
        files.format,
        files.config,
        _identity(files),
        _problem(files),
        [bad for each in files.files if each.content is not None for bad in each.content.bad],
        barrier or next((each.barrier for each in files.files if each.barrier), ""),
    )


def _problem(files: ModelFiles) -> str:
    """The first thing that keeps a model from being whole."""
    if files.state not in ("ok", "file"):
        return f"it is {files.state}"
    if not files.used:
        return "it has no weights"
    for name in files.used:
        each = files.file(name)
        if each is None or each.size is None:
            return f"{name} is not there"
        if each.content is None or each.content.state != "whole":
            return f"{name} is {each.content.state if each.content is not None else 'unreadable'}"
    if files.index is not None and (files.index.problem or files.index.disagreements):
        return f"{files.index.name} does not fit the weight files"
    if files.state == "ok" and files.format != "gguf":
        if files.config.state != "ok":
            return f"config.json is {files.config.state}"
        if not any(each.size and each.name in _TOKENIZERS for each in files.files):
            return "it has no tokenizer"
    return ""


def _identity(files: ModelFiles) -> str:
    config = files.config
    digest = hashlib.sha256(repr((config.model_type, config.architectures, config.hidden_size)).encode())
    for name in sorted(files.used):
        each = files.file(name)
        if each is not None:
            digest.update(repr((name, each.size, each.content and each.content.names)).encode("utf-8", "replace"))
    for name in _TOKENIZERS:
        each = files.file(name)
        if each is not None and each.size:
            digest.update(name.encode() + _digest(each.opened_by))
    return digest.hexdigest()


def _digest(path: str) -> bytes:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as source:
            for data in iter(lambda: source.read(1 << 20), b""):
                digest.update(data)
    except OSError:
        return b""
    return digest.digest()


def _told_apart(ctx: Context, looked: list[tuple[Candidate, ModelFiles]]) -> Iterator[Candidate]:
    """The candidates, with samples of their bytes in the identity of those that look the same so far.

    A fine-tuned model has the tensors and sizes of its base, and other numbers almost everywhere.
    """
    alike = collections.Counter(candidate.identity for candidate, _ in looked)
    for candidate, files in looked:
        if alike[candidate.identity] == 1:
            yield candidate
            continue
        digest = hashlib.sha256(candidate.identity.encode())
        for name in sorted(files.used):
            each = files.file(name)
            if each is not None and each.size:
                digest.update(_samples(each.opened_by, each.size))
                ctx.progress(f"comparing {candidate.path}", 0, 1, "models")
        yield replace(candidate, identity=digest.hexdigest())


def _samples(path: str, size: int) -> bytes:
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as source:
            for number in range(_BLOCKS):
                digest.update(os.pread(source.fileno(), _BLOCK, max(0, size - _BLOCK) * number // (_BLOCKS - 1)))
    except OSError:
        return b""
    return digest.digest()


def _said(ctx: Context) -> Iterator[str]:
    """What the service's own definition calls its model."""
    service = ctx.service
    yield service.served_model_name or ""
    following = iter([*service.command[1:], ""])
    for word, after in zip(service.command, following):
        option = _OPTIONS.fullmatch(word)
        if option:
            yield option.group(1) or after
    for name in sorted(service.environment):
        if "MODEL" in name:
            yield service.environment[name]


def _names(said: Iterator[str] | list[str]) -> list[str]:
    return [name for name in dict.fromkeys(called(each) for each in said) if name]
