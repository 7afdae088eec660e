"""dependencies: what is installed is what the service's engine asks for, and what its model needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from autoglm_fix.agent.facts.environment import Distribution, Environment
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.launch import Launch, read

from .dependencies_findings import (
    Broken,
    Conflict,
    Duplicate,
    Elsewhere,
    EngineMissing,
    HiddenByFile,
    InvalidRequirement,
    InvalidVersion,
    Leftovers,
    Missing,
    OtherPython,
    PythonOutOfRange,
    Shadowed,
)
from .dependency_pairs import Pairs, floors
from .dependency_rules import rules
from .dependency_tree import Closure, Need, Tree, Verdict, leaves_room, version_of
from .finding import Finding
from .registry import diagnostic

# A distribution with this problem works; only installers stumble over it.
_HARMLESS = ("", "no-record")
_MOST_NAMED = 8


@diagnostic()
def dependencies(environment: Environment, service: Service, model: ModelFiles) -> Iterator[Finding]:
    """What the service imports is installed whole, in versions that suit each other, this Python and the model."""
    if environment.absent:
        return
    if environment.made_for:
        yield OtherPython(
            subject=environment.prefix,
            made_for=environment.made_for,
            version=environment.markers.get("python_version", environment.version),
        )
        return
    launch = read(service)
    engine = launch.engine if launch is not None and launch.engine != "custom" else model.engine
    tree = Tree(environment)
    roots, absent = _roots(environment, tree, engine)
    for name in absent:
        yield EngineMissing(subject=environment.python, name=name, engine=engine)
    yield from _hidden(environment, tree, launch)
    needed = tree.closure(_asked(tree, roots, launch))
    keep = floors(tree, model, needed.paths)
    judged = [(need, tree.judge(need)) for need in needed.needs]
    conflicts = [need for need, verdict in judged if verdict == "conflict"]
    pairs = Pairs(environment, tree, needed, conflicts, engine, model, launch)
    judging = _Judging(environment, tree, needed, roots, keep)
    yield from judging.needs(judged, pairs.prescribed)
    yield from pairs.ruled(keep)
    yield from pairs.others(keep)
    yield from judging.whole()
    yield from judging.elsewhere()


def _roots(environment: Environment, tree: Tree, engine: str) -> tuple[list[str], list[str]]:
    """What the service imports first, and what of that is nowhere.

    Code without metadata (a checkout on the path) is there; what it needs nobody has written down.
    """
    known = rules().roots
    roots = [name for name in known.get(engine, []) if name in tree.installed]
    absent = [name for name in known.get(engine, []) if name not in roots and name not in environment.modules]
    if not roots and not absent:
        roots = [name for name in known["transformers"] if name in tree.installed]
    return roots, absent


def _asked(tree: Tree, roots: Iterable[str], launch: Launch | None) -> list[tuple[str, str]]:
    """The roots, each with the extras that it is used with."""
    words = set(launch.argv if launch else ())
    asked = [(name, "") for name in roots]
    for each in rules().asked:
        shown = any(name in tree.installed for name in each.shown_by) or each.word in words
        if each.distribution in roots and shown:
            asked.append((each.distribution, each.extra))
    return asked


def _hidden(environment: Environment, tree: Tree, launch: Launch | None) -> Iterator[Finding]:
    """Files in the folder that ``python -m`` puts first on the path."""
    if launch is None or "-m" not in launch.argv:
        return
    for path in environment.shadows:
        inside = path[: -len("/__init__.py")] if path.endswith("/__init__.py") else path
        name = inside.rpartition("/")[2].partition(".")[0]
        there = tree.installed.get(canonicalize_name(name))
        if there is not None and not there.editable:
            yield HiddenByFile(subject=inside, name=name)


@dataclass(frozen=True)
class _Judging:
    """The installed distributions against their own metadata. ``keep`` are requirements that the model makes."""

    environment: Environment
    tree: Tree
    needed: Closure
    roots: list[str]
    keep: list[str]

    def needs(self, judged: Iterable[tuple[Need, Verdict]], prescribed: set[tuple[str, str]]) -> Iterator[Finding]:
        """What the service needs and has not; pairs (by, name) that a vendor prescribes are left out."""
        missing: dict[str, list[Need]] = {}
        conflicts: dict[str, list[Need]] = {}
        unclear: dict[str, list[Need]] = {}
        found = {"missing": missing, "conflict": conflicts, "unclear": unclear}
        for need, verdict in judged:
            if verdict != "fits" and (canonicalize_name(need.by.name), need.name) not in prescribed:
                found[verdict].setdefault(need.name, []).append(need)
        for name, needs in missing.items():
            yield Missing(
                subject=name,
                wanted=_wanted(needs),
                path=self._path(needs[0]),
                requirements=list(dict.fromkeys([*(need.text for need in needs), *self.keep])),
            )
        for name, needs in conflicts.items():
            yield Conflict(
                subject=name,
                version=self.tree.installed[name].version,
                wanted=_wanted(needs),
                path=self._path(needs[0]),
                requirements=[*self._fixed(needs), *self.keep],
            )
        for name, needs in unclear.items():
            yield InvalidVersion(subject=name, version=self.tree.installed[name].version, wanted=_wanted(needs))

    def whole(self) -> Iterator[Finding]:
        """What is wrong with single distributions that the service needs."""
        folders: dict[str, list[Distribution]] = {}
        for each in self.environment.distributions:
            folders.setdefault(canonicalize_name(each.name), []).append(each)
        for name in self.needed.paths:
            each = self.tree.installed[name]
            if each.problem not in _HARMLESS:
                yield Broken(
                    subject=name,
                    version=each.version,
                    problem=each.problem,
                    files=each.gone,
                    location=each.location,
                    requirements=[f"{name}=={each.version}" if version_of(each.version) else name],
                )
            if each.requires_python and not _takes(each.requires_python, self.environment.version):
                yield PythonOutOfRange(
                    subject=name,
                    version=each.version,
                    python=self.environment.version,
                    wanted=each.requires_python,
                    requirements=self.keep,
                )
            yield from self._twice(name, folders[name])
            if name in self.tree.unreadable:
                yield InvalidRequirement(subject=name, lines=self.tree.unreadable[name])

    def elsewhere(self) -> Iterator[Finding]:
        """What the rest of the environment lacks, in one line; and what removals left."""
        others = [(name, "") for name in self.tree.installed if name not in self.needed.paths]
        rest = self.tree.closure(others, self.needed.paths)
        problems = []
        for need in rest.needs:
            if self.tree.judge(need) in ("missing", "conflict"):
                version = self.tree.version(need.name)
                has = f"{need.name} {version}" if version else f"no {need.name}"
                problems.append(f"{need.shown} ({has})")
        if problems:
            more = [f"... {len(problems) - _MOST_NAMED} more"] if len(problems) > _MOST_NAMED else []
            yield Elsewhere(subject=self.environment.prefix, problems=problems[:_MOST_NAMED] + more)
        if self.environment.leftovers:
            yield Leftovers(subject=self.environment.prefix, files=self.environment.leftovers)

    def _twice(self, name: str, there: list[Distribution]) -> Iterator[Finding]:
        """Several of one name: beside each other nobody can tell which is which, behind each other the first counts."""
        first = there[0]
        folder = first.location.rpartition("/")[0]
        beside = [each for each in there if each.location.rpartition("/")[0] == folder]
        if len({each.version for each in beside}) > 1:
            yield Duplicate(
                subject=name,
                versions=[each.version for each in beside],
                locations=[each.location for each in beside],
                requirements=[name, *self.keep],
            )
        hidden = [each for each in there if each not in beside and each.version != first.version]
        if hidden:
            named = [f"{each.version} ({each.location})" for each in hidden]
            yield Shadowed(subject=name, version=first.version, location=first.location, hidden=named)

    def _path(self, need: Need) -> list[str]:
        return [*self.needed.paths[canonicalize_name(need.by.name)], need.name]

    def _fixed(self, needs: list[Need]) -> list[str]:
        """What a root asks for stays, so that a repair leaves the engine alone; unless the model needs more."""
        return [
            need.text
            for need in needs
            if canonicalize_name(need.by.name) in self.roots and leaves_room(need.requirement, self.keep)
        ]


def _wanted(needs: Iterable[Need]) -> list[str]:
    return list(dict.fromkeys(need.shown for need in needs))


def _takes(specifier: str, python: str) -> bool:
    """Whether a Requires-Python admits that version; one that cannot be read admits all, as it does for installers."""
    try:
        return SpecifierSet(specifier).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True
