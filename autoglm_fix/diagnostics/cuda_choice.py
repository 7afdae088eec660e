"""Which build of torch, and if need be which release of the engine, fits a machine: the smallest change first."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from autoglm_fix.knowledge import compat
from autoglm_fix.knowledge.rows import SglangRelease, TorchRelease, VllmRelease

from .cuda_installed import COMPANIONS, Engine, Installed
from .cuda_machine import Build, Machine, cuda_of, enough_glibc, fits_python, pair, serves, tier, variant_of

_WHEELS = "https://download.pytorch.org/whl/"
# What Open-AutoGLM asks for (requirements.txt, 2026-02-12); earlier engines answer with wrong coordinates.
_AUTOGLM = {"vllm": "0.12.0", "sglang": "0.5.6"}
_TRIED_PATCHES = 10
R = TypeVar("R", bound=compat.Released)
EngineRelease: TypeAlias = VllmRelease | SglangRelease


@dataclass(frozen=True)
class Choice:
    """What to install: ``requirements`` as in PEP 508, and a further index with the names that come from it."""

    requirements: tuple[str, ...]
    indexes: tuple[tuple[str, tuple[str, ...]], ...] = ()


def choose_build(machine: Machine, installed: Installed) -> Choice | None:
    """What fits, None where the tables know of nothing. Pure.

    In this order: another build of the same torch; the nearest torch that everything installed admits; the
    nearest release of the engine, with the torch that it pins. What the tables do not tell is not chosen.
    """
    if installed.torch is None or not machine.cards:
        return None
    if installed.engine is None or engine_fits(installed.engine, machine):
        for build in _builds(installed, machine):
            if fits(build, machine):
                return _torch(build, installed, machine)
    if installed.engine is None or machine.machine != "x86_64":
        return None
    return _other_engine(installed.engine, machine, installed)


def engine_fits(engine: Engine, machine: Machine) -> bool:
    """Whether the engine's own code can run there; what no table tells does not count against it."""
    if engine.cuda is not None and tier(machine, engine.cuda) == "too-old":
        return False
    row = compat.vllm_release(engine.version) if engine.name == "vllm" else compat.sglang_release(engine.version)
    return row is None or _runs(row, machine)


def fits(build: Build, machine: Machine) -> bool:
    """Whether the driver runs it, it has code for every card, and there is a wheel for Python and C library."""
    release = compat.torch_release(build.version)
    if release is None or build.cuda is None or not fits_python(release, machine):
        return False
    driven = tier(machine, build.cuda)
    served = {serves(build, machine, card) for card in machine.cards}
    need = compat.torch_glibc(release, build.variant, machine.machine)
    return driven in ("direct", "minor") and served <= {"code", "jit"} and enough_glibc(machine.glibc, need)


def _builds(installed: Installed, machine: Machine) -> Iterator[Build]:
    """Other builds of the same torch, then those of the nearest other releases."""
    now = installed.torch
    if now is None:
        return
    for release in _nearest(compat.torch_releases(), now.version):
        same = compat.version_of(release) == Version(now.version)
        if not same and not installed.admits.contains(release.version):
            continue
        for build in _variants(release, machine):
            major = installed.engine.cuda[0] if installed.engine and installed.engine.cuda else None
            if build != now and major in (None, build.cuda[0] if build.cuda else None):
                yield build


def _variants(release: TorchRelease, machine: Machine) -> list[Build]:
    """Those that the driver is new enough for come first, that of PyPI before others, newer CUDA before older."""
    pypi = variant_of(release.cuda)
    names = dict.fromkeys([pypi, *(release.variants or [])])
    builds = [Build(release.version, name, cuda_of(name)) for name in names]

    def rank(build: Build) -> tuple[bool, bool, int]:
        cuda = build.cuda or (0, 0)
        return tier(machine, cuda) != "direct", build.variant != pypi, -100 * cuda[0] - cuda[1]

    return sorted(builds, key=rank)


def _torch(build: Build, installed: Installed, machine: Machine) -> Choice:
    """The build with its companions, from PyPI where that has it."""
    release = compat.torch_release(build.version)
    companions = {
        "torchvision": compat.torchvision_for(build.version) or "",
        "torchaudio": compat.torchaudio_for(build.version),
    }
    wanted = {"torch": build.version, **{name: companions[name] for name in COMPANIONS if name in installed.versions}}
    # What PyPI has for other machines was not made for CUDA until late.
    if release is not None and variant_of(release.cuda) == build.variant and machine.machine == "x86_64":
        return Choice(tuple(_plain(name, version, installed) for name, version in wanted.items()))
    exact = tuple(name + _exactly(name, version, build.variant) for name, version in wanted.items())
    return Choice(exact, ((_WHEELS + build.variant, ("torch", *COMPANIONS)),))


def _exactly(name: str, version: str, variant: str) -> str:
    """A companion that was not built for the variant is taken as it is."""
    release = compat.torch_release(version)
    built = name != "torchaudio" or (release is not None and variant in (release.variants or []))
    return f"=={version}+{variant}" if version and built else f"=={version}" if version else ""


def _plain(name: str, version: str, installed: Installed) -> str:
    """The version as PyPI has it: one with a local part would count as the same, and stay."""
    now = installed.versions.get(name, "")
    if not version:
        return name
    other_build = "+" in now and compat.read_version(now) == Version(version)
    return f"{name}=={version},!={now}" if other_build else f"{name}=={version}"


def _other_engine(engine: Engine, machine: Machine, installed: Installed) -> Choice | None:
    rows: list[EngineRelease] = [*(compat.vllm_releases() if engine.name == "vllm" else compat.sglang_releases())]
    least = _AUTOGLM[engine.name] if installed.autoglm else "0"
    rows = [row for row in _nearest(rows, engine.version) if compat.version_of(row) >= Version(least)]
    now = installed.torch.version if installed.torch else ""
    rows.sort(key=lambda row: _asked(row)[0] != now)  # torch is the greatest part of what would be fetched
    transformers = compat.read_version(installed.versions.get("transformers", ""))
    fives = installed.autoglm or (transformers is not None and transformers.major >= 5)
    for keeps_transformers in (True, False) if fives else (False,):
        for row in rows:
            torch, wanted = _asked(row)
            known = compat.torch_release(torch)
            if row.version == engine.version or known is None or not _runs(row, machine):
                continue
            newer = _fifth(wanted) if keeps_transformers else None
            build = Build(torch, variant_of(known.cuda), pair(known.cuda))
            if fits(build, machine) and (newer or not keeps_transformers):
                more = (f"transformers>={newer}",) if newer else ()
                return Choice((f"{engine.name}=={row.version}", _plain("torch", torch, installed), *more))
    return None


def _asked(release: EngineRelease) -> tuple[str, str]:
    """The version of torch that a release pins, and what it asks of transformers."""
    if isinstance(release, VllmRelease):
        return release.torch.partition("==")[2], release.transformers
    return (release.pin("torch") or "").partition("==")[2], release.pin("transformers") or "transformers"


def _runs(release: EngineRelease, machine: Machine) -> bool:
    """Whether the release takes the Python, the C library and the cards."""
    if machine.python and not SpecifierSet(release.requires_python).contains(machine.python):
        return False
    if isinstance(release, SglangRelease):
        return True
    least = pair(compat.vllm_least_capability())
    return enough_glibc(machine.glibc, compat.glibc_of(release.wheel)) and all(card >= least for card in machine.cards)


@functools.cache
def _fifth(transformers: str) -> str | None:
    """The first release of transformers 5 that a requirement of our tables admits, None where it admits none."""
    admitted = Requirement(transformers).specifier
    for row in compat.transformers_releases():
        minor = compat.version_of(row)
        tried = (f"{minor.major}.{minor.minor}.{patch}" for patch in range(_TRIED_PATCHES))
        found = next((each for each in tried if minor.major >= 5 and admitted.contains(each)), None)
        if found:
            return found
    return None


def _nearest(releases: Sequence[R], version: str) -> list[R]:
    """The releases by their distance from a version, of two as near the newer first."""
    order = sorted(releases, key=compat.version_of)
    wanted = Version(version)
    here = sum(compat.version_of(each) < wanted for each in order)
    exact = here < len(order) and compat.version_of(order[here]) == wanted
    places = {id(each): 2 * (number - here) + (not exact) for number, each in enumerate(order)}
    return sorted(order, key=lambda each: (abs(places[id(each)]), -places[id(each)]))
