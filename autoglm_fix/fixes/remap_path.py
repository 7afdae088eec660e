"""remap_path: the model lies elsewhere on the host, and the service's path is pointed at it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.changes.link import Link
from autoglm_fix.agent.facts.candidates import Candidate, Candidates
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.naming import alike, related
from autoglm_fix.diagnostics.weights import FolderDangling, FolderEmpty, FolderMissing, NotDownloaded
from autoglm_fix.diagnostics.weights_shapes import is_damage

from .hub_cache import main_reference
from .registry import Declined, fix


@fix(FolderMissing, FolderDangling, FolderEmpty, NotDownloaded)
def remap_path(
    finding: FolderMissing | FolderDangling | FolderEmpty | NotDownloaded,
    model: ModelFiles,
    candidates: Candidates,
    *,
    search: list[str] | None = None,
) -> Iterator[Change | Declined]:
    """The service's path leads to the same model where it lies now, told by content and not by name alone."""
    if finding.host is None:
        yield Declined("remap_path.no-host-path", {"subject": finding.subject})
        return
    chosen = _choose(model, candidates)
    if isinstance(chosen, Declined):
        yield chosen
    elif isinstance(finding, FolderDangling) and finding.link != finding.host:
        yield _above(finding, finding.host, chosen)
    else:
        yield Link(finding.host, chosen.path, *_says(chosen, candidates))
        if isinstance(finding, NotDownloaded) and model.source == "hub" and model.revision is None:
            yield main_reference(finding.host)


def _choose(model: ModelFiles, candidates: Candidates) -> Candidate | Declined:
    """The one model that can be meant, or why there is none."""
    searched = {"searched": candidates.searched}
    fitting = [each for each in candidates.found if _fits_engine(model, each)]
    said: list[str] = []
    named: list[Candidate] = []
    for said in (candidates.names, candidates.also):
        named = [each for each in fitting if any(alike(name, each.name) for name in said)]
        if named:
            break
    if not named:
        others = [each.path for each in candidates.found]
        code = "remap_path.other-models-only" if others else "remap_path.nothing-found"
        return Declined(code, {**searched, "names": candidates.names or candidates.also, "others": others})
    built = [each for each in named if all(related(name, each.config.model_type or "") for name in said)]
    if not built:
        return Declined(
            "remap_path.another-architecture",
            {"path": named[0].path, "model_type": named[0].config.model_type, "names": said},
        )
    whole = [each for each in built if not _problem(each)]
    if not whole and (len(built) > 1 or not _is_a_model(built[0])):
        return Declined("remap_path.not-whole", {"path": built[0].path, "problem": _problem(built[0])})
    # The only copy is the model even where it lacks something, which is seen and mended behind the link.
    whole = whole or built
    wanted = model.revision or os.path.basename(model.folder.inside)
    whole = [each for each in whole if each.revision == wanted] or whole
    if len({each.identity for each in whole}) > 1:
        return Declined("remap_path.several", {"paths": [each.path for each in whole]})
    best = min(whole, key=lambda each: (bool(each.barrier), len(each.path), each.path))
    if best.barrier:
        values = {"path": best.path, "barrier": best.barrier, "user": model.user}
        return Declined("remap_path.unreadable", values)
    return best


def _is_a_model(candidate: Candidate) -> bool:
    """Whether it says what it is, so that the name is not all that speaks for it."""
    return candidate.config.state == "ok" or candidate.format == "gguf"


def _problem(candidate: Candidate) -> str:
    """What keeps it from being whole, empty where nothing does."""
    damage = [each for each in candidate.bad if is_damage(each, candidate.config)]
    return candidate.problem or (f"{damage[0].kind} in {damage[0].tensor}" if damage else "")


def _fits_engine(model: ModelFiles, candidate: Candidate) -> bool:
    """Whether the service's engine could load it from the service's path."""
    single = model.folder.inside.endswith(".gguf")
    if single or candidate.path.endswith(".gguf"):
        return single and candidate.path.endswith(".gguf")
    return (candidate.format == "gguf") == (model.engine in ("llama.cpp", "ollama"))


def _above(finding: FolderDangling, host: str, chosen: Candidate) -> Change | Declined:
    """The dangling link is a folder above the model's: it can lead to the candidate's folder above."""
    below = host[len(finding.link) :]
    if host.startswith(finding.link + "/") and chosen.path.endswith(below) and chosen.path != below:
        to = chosen.path[: -len(below)]
        return Link(finding.link, to, "remap_path.link-above-model")
    return Declined("remap_path.link-above", {"link": finding.link, "path": chosen.path})


def _says(chosen: Candidate, candidates: Candidates) -> tuple[str, dict[str, str]]:
    """The code and values of what the link does."""
    copies = sum(each.identity == chosen.identity for each in candidates.found)
    problem = _problem(chosen)
    if copies > 1:
        return "remap_path.link-one-of", {"copies": str(copies)}
    return ("remap_path.link-not-whole", {"problem": problem}) if problem else ("remap_path.link", {})
