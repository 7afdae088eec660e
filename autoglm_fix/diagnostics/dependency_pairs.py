"""Pairs that metadata does not judge: rules from incidents, builds of torch, and what the model needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from autoglm_fix.agent.facts.environment import Distribution, Environment
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.knowledge import compat
from autoglm_fix.launch import Launch

from .dependencies_findings import (
    Breaks,
    BuildsDiffer,
    Conflict,
    ModelUnknown,
    NewerThanKnown,
    PrescribedConflict,
    Slow,
    TorchIgnored,
    VersionsDiffer,
)
from .dependency_rules import Rule, rules
from .dependency_tree import Closure, Need, Tree, leaves_room, version_of, within
from .finding import Finding

_TORCH_INDEX = "https://download.pytorch.org/whl/"


def floors(tree: Tree, model: ModelFiles, needed: Collection[str]) -> list[str]:
    """What the model asks of the engine and of transformers: "transformers>=4.53.0"."""
    return [f"{name}>={least}" for name, least, _ in _least(tree, model, needed)]


def _least(tree: Tree, model: ModelFiles, needed: Collection[str]) -> list[tuple[str, str, str]]:
    """Distribution, first version that knows the model, and what of the model that is."""
    found = []
    known = compat.transformers_knows(model.config.model_type or "")
    if known and "transformers" in needed:
        found.append(("transformers", known, model.config.model_type or ""))
    of_sglang = rules().architectures.get("sglang", {})
    for name in model.config.architectures:
        least = compat.vllm_knows(name)
        if least and "vllm" in needed:
            found.append(("vllm", least, name))
        if name in of_sglang and "sglang" in needed:
            found.append(("sglang", of_sglang[name], name))
    return [each for each in found if version_of(each[1]) is not None and each[0] in tree.installed]


class Pairs:
    """One service's pairs. ``conflicts`` are those that metadata tells."""

    def __init__(
        self,
        environment: Environment,
        tree: Tree,
        needed: Closure,
        conflicts: list[Need],
        engine: str,
        model: ModelFiles,
        launch: Launch | None,
    ) -> None:
        self._environment = environment
        self._tree = tree
        self._needed = needed.paths
        self._conflicts = conflicts
        self._engine = engine
        self._model = model
        self._variables = launch.environment if launch else {}
        self._holding = [rule for rule in rules().rules if self._holds(rule)]

    @property
    def prescribed(self) -> set[tuple[str, str]]:
        """The conflicts (by whom, about what) that a vendor's instructions lead to."""
        found = [self._contradicting(rule) for rule in self._holding if rule.kind == "prescribed"]
        return {(canonicalize_name(need.by.name), need.name) for needs in found for need in needs}

    def ruled(self, keep: list[str]) -> Iterator[Finding]:
        """The rules that hold here."""
        said: set[tuple[str, str]] = set()
        for rule in self._holding:
            together = [f"{name} {self._tree.version(name)}" for name in rule.when]
            subject = " + ".join(rule.when)
            if (rule.kind, subject) in said:
                continue
            said.add((rule.kind, subject))
            fits = all(leaves_room(Requirement(line), keep) for line in rule.cure)
            needs = [*(rule.cure if fits else rule.otherwise), *keep]
            if rule.kind == "prescribed":
                yield PrescribedConflict(
                    subject=subject,
                    together=together,
                    wanted=[need.shown for need in self._contradicting(rule)],
                    stacks=rule.stacks,
                    source=rule.source,
                    requirements=needs,
                    overrides=rule.overrides,
                )
                continue
            yield (Breaks if rule.kind == "breaks" else Slow)(
                subject=subject,
                together=together,
                signature=rule.signature,
                source=rule.source,
                requirements=needs,
                overrides=rule.overrides,
            )

    def others(self, keep: list[str]) -> Iterator[Finding]:
        """What the model, the import of transformers and the builds of torch ask for."""
        for name, least, what in _least(self._tree, self._model, self._needed):
            version = self._tree.installed[name].version
            read = version_of(version)
            # A development version of the release that first knows the model may know it.
            if read is not None and Version(read.base_version) < Version(least):
                yield ModelUnknown(subject=name, version=version, model=what, least=least, requirements=keep)
        yield from self._checked_by_transformers(keep)
        for name in ("torchvision", "torchaudio"):
            yield from self._built_otherwise(name)
        yield from self._parts()
        yield from self._newer()

    def _holds(self, rule: Rule) -> bool:
        config = self._model.config
        if not set(rule.when) & set(self._needed):
            return False
        if (rule.engines and self._engine not in rule.engines) or (rule.unless and rule.unless in self._variables):
            return False
        if (rule.models and config.model_type not in rule.models) or (rule.vision and not config.vision):
            return False
        if not all(within(self._tree.version(name) or "", versions) for name, versions in rule.when.items()):
            return False
        return rule.kind != "prescribed" or bool(self._contradicting(rule))

    def _contradicting(self, rule: Rule) -> list[Need]:
        return [n for n in self._conflicts if n.name in rule.when and canonicalize_name(n.by.name) in rule.when]

    def _checked_by_transformers(self, keep: list[str]) -> Iterator[Finding]:
        """What is compared at import though only extras name it, and the torch that it takes for one."""
        known = rules().checked
        by = known.distribution
        if by not in self._needed:
            return
        own = self._tree.installed[by]
        required = {need.name for need in self._tree.needs(by)}
        seen: set[str] = set()
        for extra in ("torch", "accelerate"):
            for need in self._tree.needs(by, extra):
                there = self._tree.installed.get(need.name)
                if there is None or need.name in required or need.name in seen:
                    continue
                seen.add(need.name)
                if need.name in known.names and self._tree.judge(need) == "conflict":
                    yield Conflict(
                        subject=need.name,
                        version=there.version,
                        wanted=[need.shown],
                        path=[*self._needed[by], need.name],
                        requirements=[need.text, *keep],
                    )
                least = next((each.version for each in need.requirement.specifier if each.operator == ">="), "")
                if need.name == "torch" and least and within(own.version, f">={known.torch_since}"):
                    read = version_of(there.version)
                    if read is not None and read < Version(least):
                        yield TorchIgnored(
                            subject="torch",
                            version=there.version,
                            least=least,
                            transformers=own.version,
                            requirements=[f"torch>={least}", *keep],
                        )

    def _built_otherwise(self, name: str) -> Iterator[Finding]:
        """torchvision and torchaudio are built for the same as torch: transformers imports the one where it is."""
        torch, other = self._tree.installed.get("torch"), self._tree.installed.get(name)
        used = name in self._needed or (name == "torchvision" and "transformers" in self._needed)
        if torch is None or other is None or not torch.build or not used:
            return
        build = self._build(other, torch)
        wrong = _kind(build) != _kind(torch.build) or build.partition(".")[0] != torch.build.partition(".")[0]
        # What was built for the CPU alone loads beside any torch.
        if not build or build == "cpu" or not wrong:
            return
        tag = "cpu" if torch.build == "cpu" else "cu" + torch.build.replace(".", "")
        plain = other.version.partition("+")[0]
        cure = _kind(torch.build) in ("cpu", "cuda")
        yield BuildsDiffer(
            subject=name,
            version=other.version,
            build=build,
            torch=torch.version,
            torch_build=torch.build,
            requirements=[f"{name}=={plain}+{tag}"] if cure else [],
            indexes=[{"url": _TORCH_INDEX + tag, "names": [name]}] if cure else [],
        )

    def _build(self, other: Distribution, torch: Distribution) -> str:
        """What it was built for by its version's label; without one, what the index of everybody carries."""
        label = other.version.partition("+")[2]
        if label.startswith("cu") and label[2:].isdigit():
            return f"{label[2:-1]}.{label[-1]}"
        if label:
            return label if label == "cpu" or label.startswith(("rocm", "xpu")) else ""
        if other.installer == "conda" or other.direct_url or self._environment.machine != "x86_64":
            return ""
        release = compat.torch_release(torch.version)
        return release.cuda if release else ""

    def _parts(self) -> Iterator[Finding]:
        for each in rules().same:
            there = {name: self._tree.installed[name].version for name in each.names if name in self._tree.installed}
            read = {version.public for version in map(version_of, there.values()) if version is not None}
            if len(read) > 1 and each.unless not in self._variables and set(there) & set(self._needed):
                first, *rest = there
                plain = there[first].partition("+")[0]
                together = [f"{name} {version}" for name, version in there.items()]
                yield VersionsDiffer(
                    subject=first, together=together, requirements=[f"{name}=={plain}" for name in rest]
                )

    def _newer(self) -> Iterator[Finding]:
        for name in ("vllm", "sglang", "transformers"):
            read = version_of(self._tree.version(name) or "") if name in self._needed else None
            newest = _newest(name) if read is not None else ""
            if read is not None and read.release[:2] > Version(newest).release[:2]:
                yield NewerThanKnown(subject=name, version=str(read), newest=newest)


def _newest(name: str) -> str:
    if name == "vllm":
        return compat.newest(compat.vllm_releases()).version
    if name == "sglang":
        return compat.newest(compat.sglang_releases()).version
    return compat.newest(compat.transformers_releases()).version


def _kind(build: str) -> str:
    return "cuda" if build[:1].isdigit() else build.rstrip("0123456789.")
