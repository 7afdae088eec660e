"""model_files: the files of the service's model, where they are, and whether each is whole."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from typing import Iterable

from ..context import Context
from ..formats import BadRange, Content, Tensor, TensorGroup
from ..model.choice import Choice, choose, is_index, weight_format
from ..model.config import Config, parse_config
from ..model.files import Folder, ModelFile, is_text
from ..model.folder import Located, locate
from ..model.index import Disagreement, Index, Promised, disagreement, parse_index
from ..model.leftovers import leftovers
from ..reach import Reach, Reached, Who
from ..unknown import CannotTell
from ..view import Place

__all__ = [
    "BadRange",
    "Config",
    "Content",
    "Disagreement",
    "Index",
    "ModelFile",
    "ModelFiles",
    "Place",
    "TensorGroup",
]

_SAMPLES = 32  # blocks in all: a disk that seeks does not notice them either
_SAMPLES_A_FILE = 4
_READ = ("config.json", "tokenizer_config.json")
_ELSEWHERE = ("--tokenizer", "--tokenizer-path", "--chat-template", "--hf-config-path")
_TEMPLATES = ("chat_template.jinja", "chat_template.json")


@dataclass(frozen=True)
class ModelFiles:
    """The model of a service as files. ``ModelFiles.collect`` follows ``service.model``.

    ``source`` says how ``model`` was read: ``path``, ``hub`` (Hugging Face's cache) or ``modelscope``.
    ``folder`` is where the service looks: for a hub's id the snapshot in the cache, and where the cache
    does not hold it (``cached`` is False) the place in it where the model would be. ``state``:

    - ``ok``; ``file``: the model is one weight file, and ``folder`` is that file;
    - ``missing``; ``dangling``: ``link`` (on the host) is a link that leads to ``detail``, which is not there;
    - ``not-a-folder``: ``detail`` says what it is; ``unreadable``: ``detail`` is the path that keeps the
      service's user out.

    ``files`` holds the weight files, the index and the small files that a model needs, and those that
    should be there. ``used`` names the weight files that the engine would load, present or not, in
    order; ``format`` is theirs (``safetensors``, ``gguf``, ``torch``, empty where there are none);
    ``formats`` lists all that the folder holds. ``entries`` counts everything in the folder.
    ``template`` says where a chat template is (a file's name or ``gguf``), empty for none. ``elsewhere``
    are the options of the service's command that take something from outside the folder.
    ``leftovers`` are unfinished downloads (host path -> bytes). ``total_size`` is the size of the used
    weight files in bytes. ``deep`` says whether every byte was read.
    """

    model: str
    source: str
    folder: Place
    state: str
    detail: str = ""
    link: str | None = None
    cached: bool = True
    revision: str | None = None
    engine: str = "transformers"
    user: str = ""
    files: list[ModelFile] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    format: str = ""
    formats: list[str] = field(default_factory=list)
    entries: int = 0
    index: Index | None = None
    config: Config = field(default_factory=lambda: Config("missing"))
    template: str = ""
    elsewhere: list[str] = field(default_factory=list)
    leftovers: dict[str, int] = field(default_factory=dict)
    total_size: int = 0
    deep: bool = False

    @classmethod
    def collect(cls, ctx: Context, *, deep: bool = False) -> ModelFiles:
        """Look at the model of ``ctx.service``: headers and sizes, with ``deep`` every byte.

        CannotTell for a service that names no model, and where the agent's own user may not look.
        """
        who = Who(ctx.service.user)
        reach = Reach(ctx.view, who)
        return _look(ctx, reach, locate(ctx, who, reach), deep)

    @classmethod
    def examine(cls, ctx: Context, folder: Place, *, deep: bool = False) -> ModelFiles:
        """Look at any folder, or single weight file, as at the service's model."""
        return _look(ctx, Reach(ctx.view, Who(ctx.service.user)), Located("path", folder.inside), deep)

    def file(self, name: str) -> ModelFile | None:
        """The file of that name, None where it is neither there nor needed."""
        return next((each for each in self.files if each.name == name), None)

    # For the controller.
    @property
    def reads(self) -> list[str]:
        """The host paths that this rests on."""
        paths = [self.folder.host, self.link, *(each.host for each in self.files)]
        return list(dict.fromkeys(path for path in paths if path))


def _look(ctx: Context, reach: Reach, located: Located, deep: bool) -> ModelFiles:
    reached = reach.follow(located.inside)
    found = ModelFiles(
        model=ctx.service.model or located.inside,
        source=located.source,
        folder=_place(ctx, reach, os.path.normpath(located.inside), reached),
        state="ok",
        cached=located.cached,
        revision=located.revision,
        engine=ctx.service.engine,
        user=reach.who.name,
        elsewhere=[option for option in _ELSEWHERE if _is_given(option, ctx.service.command)],
    )
    if reached.dangling is not None:
        return replace(found, state="dangling", link=reached.dangling, detail=reached.host or reached.seen_at)
    barrier = reached.barrier or reach.closed(reached)
    if barrier:
        return replace(found, state="unreadable", detail=barrier)
    if reached.seen is None:
        return replace(found, state="missing", leftovers=leftovers(reached.seen_at, _repo(reach, located)))
    if stat.S_ISDIR(reached.seen.st_mode):
        return _Looking(ctx, reach, located, reached, deep).folder(found)
    if stat.S_ISREG(reached.seen.st_mode) and weight_format(os.path.basename(located.inside)):
        return _Looking(ctx, reach, located, reached, deep).single(replace(found, state="file"))
    what = "a file" if stat.S_ISREG(reached.seen.st_mode) else "neither a folder nor a file"
    return replace(found, state="not-a-folder", detail=what)


def _place(ctx: Context, reach: Reach, inside: str, reached: Reached) -> Place:
    if ctx.view.container is None:
        return ctx.view.place(inside)
    from ..inside import place_of

    return place_of(reach, inside, reached)


def _repo(reach: Reach, located: Located) -> str:
    return reach.follow(located.repo).seen_at if located.repo else ""


def _is_given(option: str, command: list[str]) -> bool:
    return any(word == option or word.startswith(option + "=") for word in command)


class _Looking:
    """One look at a folder that is there."""

    def __init__(self, ctx: Context, reach: Reach, located: Located, reached: Reached, deep: bool) -> None:
        self.ctx = ctx
        self.located = located
        self.deep = deep
        inside = located.inside
        if reached.seen is None or not stat.S_ISDIR(reached.seen.st_mode):
            inside = os.path.dirname(inside)
        self.path = reach.follow(inside).seen_at
        self.at = Folder(reach, inside, self.path)

    def folder(self, found: ModelFiles) -> ModelFiles:
        try:
            entries = os.listdir(self.path)
        except OSError as err:
            raise CannotTell(f"cannot list {self.path}: {err.strerror}") from err
        # A name that no text can hold cannot be one that an engine asks for.
        names = [name for name in entries if name.isprintable()]
        texts = {name: self.at.text(self.at.find(name)) for name in names if name in _READ or is_index(name)}
        parsed = {name: parse_index(name, raw) for name, (_, raw) in texts.items() if is_index(name)}
        choice = choose(names, {name: index for name, (index, _) in parsed.items()}, found.engine)
        index, promised = parsed[choice.index] if choice.index else (None, {})
        files, index = self._weights(choice.used, index, promised)
        files += [texts[choice.index][0]] if choice.index else []
        files += [
            texts[name][0] if name in texts else self.at.head(self.at.find(name)) for name in filter(is_text, names)
        ]
        files += [self.at.find(name) for name in names if weight_format(name) and name not in choice.used]
        found = self._summed(found, choice, files)
        return replace(
            found,
            index=index,
            entries=len(entries),
            config=self._config(texts.get("config.json")),
            template=self._template(names, texts, found),
            leftovers=leftovers(self.path, _repo(self.at.reach, self.located)),
        )

    def single(self, found: ModelFiles) -> ModelFiles:
        from ..model.shards import whole_set

        name = os.path.basename(self.located.inside)
        used = whole_set([name])
        files, _ = self._weights(used, None, {})
        form = weight_format(name)
        found = self._summed(found, Choice(form, used, None, [form]), files)
        return replace(found, template=self._template([], {}, found), entries=len(files))

    def _summed(self, found: ModelFiles, choice: Choice, files: list[ModelFile]) -> ModelFiles:
        total = sum(each.size or 0 for each in files if each.name in choice.used)
        return replace(
            found,
            files=files,
            used=choice.used,
            format=choice.format,
            formats=choice.formats,
            total_size=total,
            deep=self.deep,
        )

    def _weights(
        self, used: Iterable[str], index: Index | None, promised: Promised
    ) -> tuple[list[ModelFile], Index | None]:
        """The used files with their verdicts, and the index held against them."""
        files: list[ModelFile] = []
        tensors: dict[str, list[Tensor]] = {}
        names = list(used)
        samples = None if self.deep else min(_SAMPLES_A_FILE, _SAMPLES // max(1, len(names)))
        for name in names:
            file, found = self.at.weights(self.at.find(name), samples)
            files.append(file)
            tensors[name] = found
        if index is not None and promised:
            whole = [each for each in files if each.content is not None and each.content.state == "whole"]
            differ = [
                disagreement(each.name, promised[each.name], (t.name for t in tensors[each.name])) for each in whole
            ]
            index = replace(index, disagreements=[each for each in differ if each is not None])
        if self.deep:
            from ..model.deep import read_all

            files = read_all(self.ctx, f"reading {self.located.inside}", files, tensors)
        return files, index

    def _config(self, text: tuple[ModelFile, bytes] | None) -> Config:
        if text is None or text[0].size is None:
            return Config("missing")
        return parse_config(text[1]) if text[0].content is not None else Config("unread")

    def _template(self, names: list[str], texts: dict[str, tuple[ModelFile, bytes]], found: ModelFiles) -> str:
        for name in _TEMPLATES:
            if name in names:
                return name
        if b'"chat_template"' in texts.get("tokenizer_config.json", (None, b""))[1]:
            return "tokenizer_config.json"
        if any(each.content and "tokenizer.chat_template" in each.content.settings for each in found.files):
            return "gguf"
        return ""
