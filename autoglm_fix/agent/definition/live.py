"""The service as its manager and its live process show it, and what it read at its start."""

from __future__ import annotations

import glob
import os
import time
from dataclasses import replace
from typing import Iterator

from ..collect import plain
from ..context import Context
from ..facts.service import Service
from ..kernel import parent
from ..model.choice import weight_format
from ..model.files import is_text
from ..model.folder import locate
from ..no_answer import NoAnswer
from ..reach import Reach, Who
from ..service import ServiceSpec
from ..service_run.surroundings import interpreter
from ..unknown import CannotTell
from . import Looked
from .managers import of
from .processes import alive, running

_LATER = 1.0  # seconds by which the clock may have gone back since a file was written
_OWN_S = 60.0  # a start that fetches a file or installs a package does so first of all
# Written anew whenever systemd reloads.
_GENERATED = "/run/systemd/generator"


def live(ctx: Context) -> Service:
    """All that can be told of the service. CannotTell where its manager does not answer."""
    spec = ctx.declared
    looked: Looked = of(spec.manager).look(ctx, spec)
    pid = looked.pid if looked.pid and alive(looked.pid) else _first(looked.pids)
    now_runs = running(pid, looked.pids) if pid else None
    if looked.defined and "--config" in str(plain([looked.defined, now_runs])):
        from .config_file import config_sources

        added = config_sources(ctx.view, ctx.service.user, looked.defined, now_runs)
        looked = replace(looked, defined=replace(looked.defined, sources=[*looked.defined.sources, *added]))
    since = now_runs.since if now_runs else 0.0
    reads = list(dict.fromkeys(looked.reads))
    now = time.time()
    dated = {path: at for path, at in _definition(looked, reads) if at <= now + _LATER}
    for path, at in _content(ctx, reads):
        if at <= now + _LATER and not since < at <= since + _OWN_S:
            dated[path] = at
    latest = max(dated, key=lambda path: dated[path], default="")
    return Service(
        name=spec.name,
        manager=spec.manager,
        state=looked.state,
        defined=looked.defined,
        undefined=looked.undefined,
        running=now_runs,
        ended=looked.ended,
        reloaded=looked.reloaded,
        log=looked.log,
        changed=dated.get(latest),
        changed_path=latest,
        now=now,
        reads=reads,
        near=looked.near,
        endpoint=spec.endpoint or "",
        expected=looked.state != "by-hand" or _is_here(spec.endpoint),
        unseen=looked.unseen,
        gpu_containers=[] if looked.reloaded else _gpu_containers(),
        handle=_handle(replace(spec, container=ctx.service.container)),
    )


def _handle(spec: ServiceSpec) -> dict[str, object]:
    named = {name: getattr(spec, name) for name in ("name", "manager", "unit", "container", "compose", "logs")}
    return {name: value for name, value in named.items() if value is not None}


def _is_here(endpoint: str | None) -> bool:
    from .by_hand import port_here

    return port_here(endpoint) > 0


def _gpu_containers() -> list[str]:
    from .gpu_containers import gpu_containers

    return gpu_containers()


def _first(pids: list[int]) -> int:
    """Of processes without a main one, the first whose parent is none of them."""
    for pid in sorted(pids):
        if parent(pid) not in pids and alive(pid):
            return pid
    return 0


def _definition(looked: Looked, reads: list[str]) -> Iterator[tuple[str, float]]:
    """When each file of the definition was changed last; their paths go to ``reads``."""
    definition = looked.defined
    paths = [each.file.host for each in definition.sources] if definition else []
    if definition and definition.argv and not definition.container:
        folder = definition.working_dir or "/"
        programs = [os.path.join(folder, word) for word in definition.argv[:3] if word.endswith((".py", ".sh"))]
        paths += [path for path in programs if path not in paths]
    for path in paths:
        if path:
            reads += _ends(path)
            yield from () if path.startswith(_GENERATED) else _at(path)


def _content(ctx: Context, reads: list[str]) -> Iterator[tuple[str, float]]:
    """When the model's files and the packages were changed last; their folders go to ``reads``."""
    try:
        links, folder = _links(_model(ctx, reads))
        for path in links:
            yield path, os.lstat(path).st_mtime
        if links:  # an edit goes to where they lead
            reads += [folder, folder + "/"]
        names = [name for name in os.listdir(folder) if is_text(name) or weight_format(name)]
        for name in names:
            path = os.path.join(folder, name)
            reads += _ends(path)[1:]
            yield from _at(path)
    except (CannotTell, OSError):
        pass
    for folder in _environment(ctx):
        reads.append(folder + "/")
        for path in glob.glob(os.path.join(glob.escape(folder), "*.dist-info")):
            yield from _at(path)


def _ends(path: str) -> list[str]:
    """A path, and where it leads to if that is elsewhere."""
    return list(dict.fromkeys([path, os.path.realpath(path)]))


def _at(path: str) -> Iterator[tuple[str, float]]:
    """When the content that a path leads to was changed, or something else was put there.

    What is renamed into place keeps its own time, but takes a new one for its inode and for the folder.
    The first of both alone says little: a second link to a file changes it, too.
    """
    try:
        found, above = os.stat(path), os.stat(os.path.dirname(path) or "/")
    except OSError:
        return
    yield path, max(found.st_mtime, min(found.st_ctime, above.st_mtime))


def _model(ctx: Context, reads: list[str]) -> str:
    """The host's path of the model's folder."""
    who = Who(ctx.service.user)
    inside = locate(ctx, who, Reach(ctx.view, who)).inside
    host = ctx.view.place(inside).host
    if host is None:
        raise CannotTell(f"{inside} lies in an image layer")
    reads += [host, host.rstrip("/") + "/"]
    return host


def _links(path: str) -> tuple[list[str], str]:
    """The symbolic links on the way to a folder, and the folder itself."""
    links = []
    at = path
    while at not in ("", "/"):
        if os.path.islink(at):
            links.append(at)
        at = os.path.dirname(at)
    return links, os.path.realpath(path)


def _environment(ctx: Context) -> list[str]:
    """The folders of the packages of the service's own environment."""
    if not ctx.service.python or ctx.view.container is not None:
        return []
    try:
        python = interpreter(ctx)
    except (NoAnswer, CannotTell):
        return []
    prefix = os.path.dirname(os.path.dirname(python))
    return glob.glob(os.path.join(glob.escape(prefix), "lib*", "python3*", "site-packages"))
