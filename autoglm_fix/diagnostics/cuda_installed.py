"""What is installed of torch and its engine, as far as the choice of another build rests on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from autoglm_fix.agent.facts.environment import Distribution, Environment
from autoglm_fix.knowledge import compat

from .cuda_machine import Build, Pair, cuda_of, pair, variant_of
from .dependency_tree import LONGEST_LINE

ENGINES = ("vllm", "sglang")
# These move with torch, so that what they ask of it is no obstacle.
COMPANIONS = ("torchvision", "torchaudio")
_CUDA = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})*\Z")


@dataclass(frozen=True)
class Engine:
    """An installed engine. ``cuda`` is the one that its own code is made for, None where no table tells.

    ``known`` is whether the tables have this release.
    """

    name: str
    version: str
    cuda: Pair | None
    known: bool


@dataclass(frozen=True)
class Installed:
    """``versions`` of torch, its companions, the engine and transformers as they are installed.

    ``torch`` is None where there is none, or nothing tells its build. ``admits`` is what the other
    distributions ask of torch, the engine included; ``autoglm`` whether the service serves that model.
    """

    torch: Build | None
    engine: Engine | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    admits: SpecifierSet = field(default_factory=SpecifierSet)
    autoglm: bool = False


def read_installed(environment: Environment, engine: str, *, autoglm: bool) -> Installed:
    """What the environment holds; ``engine`` is what the service starts, where that is known."""
    names = ("torch", *COMPANIONS, *ENGINES, "transformers")
    found = {name: each for name in names if (each := environment.installed(name)) is not None}
    present = [name for name in (engine, *ENGINES) if name in ENGINES and name in found]
    torch = found.get("torch")
    return Installed(
        torch=_build(torch) if torch else None,
        engine=_engine(found[present[0]]) if present else None,
        versions={name: each.version for name, each in found.items()},
        admits=_asked_of_torch(environment),
        autoglm=autoglm,
    )


def _build(torch: Distribution) -> Build | None:
    try:
        version = Version(torch.version)
    except ValueError:
        return None
    known = compat.torch_release(torch.version)
    local = version.local or ""
    told = torch.build or (known.cuda if known and not local else "")
    if _CUDA.match(told):
        variant = variant_of(told)
    else:
        variant = local if cuda_of(local) else told.rstrip("0123456789.") or local.rstrip("0123456789.")
    if not variant:
        return None
    official = not version.is_prerelease and local in ("", variant) and torch.installer != "conda"
    return Build(version.public, variant, cuda_of(variant), official)


def _engine(found: Distribution) -> Engine:
    version = compat.read_version(found.version)
    try:
        local = cuda_of(Version(found.version).local or "")
    except ValueError:
        local = None
    vllm, sglang = compat.vllm_release(found.version), compat.sglang_release(found.version)
    if found.name.lower() == "vllm":
        cuda, known = vllm.cuda if vllm else None, vllm is not None
    else:
        torch = compat.torch_release((sglang.pin("torch") or "").partition("==")[2]) if sglang else None
        cuda, known = torch.cuda if torch else None, sglang is not None
    made_for = local or (pair(cuda) if cuda else None)
    return Engine(found.name.lower(), str(version or found.version), made_for, known)


def _asked_of_torch(environment: Environment) -> SpecifierSet:
    asked = SpecifierSet()
    for each in environment.distributions:
        if each.shadowed or each.name.lower() in COMPANIONS:
            continue
        for requirement in _requirements(each, environment.markers):
            if requirement.name.lower() == "torch":
                asked &= requirement.specifier
    transformers = environment.installed("transformers")
    row = compat.transformers_release(transformers.version) if transformers else None
    # An older torch is no error to transformers: it goes on without one.
    return asked & Requirement(row.torch).specifier if row else asked


def _requirements(of: Distribution, markers: Mapping[str, str]) -> Iterator[Requirement]:
    for line in of.requires:
        if "torch" not in line.lower() or len(line) > LONGEST_LINE:
            continue  # there are a thousand
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({**markers, "extra": ""}):
            yield requirement
