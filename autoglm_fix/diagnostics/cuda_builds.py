"""Whether the installed builds of torch and its engine run on the machine, and which others would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
from packaging.version import Version

from autoglm_fix.agent.facts.gpus import Gpu
from autoglm_fix.knowledge import compat

from . import cuda_findings as said
from .cuda_choice import Choice, choose_build
from .cuda_installed import Installed
from .cuda_machine import (
    Build,
    Machine,
    Pair,
    capability,
    enough_glibc,
    fits_python,
    made_for,
    needed_driver,
    pair,
    serves,
    shown,
    tier,
    toolkit_driver,
)
from .finding import Finding
from .versions import NeedsVersions


@dataclass(frozen=True)
class Judged:
    """The installed builds against a machine. ``cards`` are those that the service may use, empty for none to judge.

    Findings carry the versions that would cure them; where the tables know of none, others take their place.
    """

    machine: Machine
    installed: Installed
    cards: Sequence[Gpu]
    musl: str = ""

    def findings(self) -> Iterator[Finding]:
        """All that there is to say."""
        torch = self.installed.torch
        if torch is None:
            return
        if torch.official:
            yield from self._wheels(torch)
        if self.cards and torch.cuda is None:
            yield self._cured(said.OtherBuild(subject="torch", torch=torch.name, card=self.cards[0].name))
        elif self.cards and torch.cuda is not None:
            yield from self._driver("torch", f"torch {torch.name}", torch.cuda)
            yield from self._engine(torch, torch.cuda)
            yield from self._kernels(torch, torch.cuda)
            if tier(self.machine, torch.cuda) == "minor":
                driver = self.machine.driver
                yield said.MinorVersion(subject="torch", torch=torch.name, cuda=shown(torch.cuda), driver=driver)
        yield from self._unknown(torch)

    @cached_property
    def choice(self) -> Choice | None:
        """What would run here in place of what is installed."""
        return choose_build(self.machine, self.installed)

    def _cured(self, finding: NeedsVersions, otherwise: Finding | None = None) -> Finding:
        """The finding with its cure; where there is none the other one, or that nothing fits."""
        if self.choice is None:
            return otherwise or self._nothing_fits(finding)
        indexes: list[dict[str, object]] = [{"url": url, "names": list(names)} for url, names in self.choice.indexes]
        return msgspec.structs.replace(finding, requirements=list(self.choice.requirements), indexes=indexes)

    def _nothing_fits(self, finding: NeedsVersions) -> Finding:
        torch = self.installed.torch
        return said.NothingFits(
            subject=f"{finding.subject}: {finding.code}",
            what=f"torch {torch.name}" if torch else finding.subject,
            why=finding.code,
            driver=self.machine.driver,
            cards=sorted({card.name for card in self.cards}),
            python=self.machine.python,
            glibc=self.machine.glibc,
        )

    def _driver(self, subject: str, what: str, cuda: Pair) -> Iterator[Finding]:
        if tier(self.machine, cuda) == "too-old":
            least, driver = needed_driver(cuda) or "?", self.machine.driver
            yield self._cured(
                said.DriverTooOld(subject=subject, what=what, cuda=shown(cuda), driver=driver, least=least),
                said.UpgradeDriver(subject=subject, what=what, cuda=shown(cuda), driver=driver, least=least),
            )

    def _engine(self, torch: Build, cuda: Pair) -> Iterator[Finding]:
        engine = self.installed.engine
        # Of vLLM's wheels it is known for sure what their code is linked with.
        if engine is None or engine.name != "vllm":
            return
        what = f"{engine.name} {engine.version}"
        if engine.cuda is not None and engine.cuda[0] != cuda[0]:
            own = shown(engine.cuda)
            yield self._cured(
                said.EngineMismatch(
                    subject=engine.name, engine=what, engine_cuda=own, torch=torch.name, cuda=shown(cuda)
                )
            )
            yield from self._driver(engine.name, what, engine.cuda)

    def _is_beneath(self, known: Pair) -> bool:
        """Whether the engine's own code was never made for cards of that capability."""
        engine = self.installed.engine
        return engine is not None and engine.name == "vllm" and known < pair(compat.vllm_least_capability())

    def _beneath(self, card: Gpu, number: str, others: Sequence[str]) -> Finding:
        """A card for which the engine's own code was never made, beside ``others`` that serve."""
        engine, least = self.installed.engine, compat.vllm_least_capability()
        what, subject = f"{engine.name} {engine.version}" if engine else "", f"GPU {card.index}"
        if not others:
            return said.CardUnsupported(subject=subject, what=what, card=card.name, capability=number, made_for=[least])
        return said.SomeUnsupported(
            subject=subject, what=what, card=card.name, capability=number, made_for=[least], others=list(others)
        )

    def _kernels(self, torch: Build, cuda: Pair) -> Iterator[Finding]:
        kinds: dict[Pair, Gpu] = {}
        for card in self.cards:
            known = capability(card)
            if known is not None:
                kinds.setdefault(known, card)
        served = {known: serves(torch, self.machine, known) for known in kinds}
        able = [known for known, has in served.items() if has in ("code", "jit") and not self._is_beneath(known)]
        others = [kinds[known].name for known in able]
        for known, card in kinds.items():
            subject, number = f"GPU {card.index}", shown(known)
            if self._is_beneath(known):
                yield self._beneath(card, number, others)
            elif served[known] == "jit":
                yield said.Compiled(subject=subject, torch=torch.name, card=card.name, capability=number)
            elif served[known] == "jit-refused":
                yield self._refused(subject, torch, cuda, card, number)
            elif served[known] == "none" and others:
                yield said.SomeWithoutKernels(
                    subject=subject, torch=torch.name, card=card.name, capability=number, others=others
                )
            elif served[known] == "none":
                yield self._no_kernels(subject, torch, card, number)

    def _refused(self, subject: str, torch: Build, cuda: Pair, card: Gpu, number: str) -> Finding:
        driver, least = self.machine.driver, toolkit_driver(cuda) or "?"
        return self._cured(
            said.PtxTooNew(
                subject=subject, torch=torch.name, card=card.name, capability=number, cuda=shown(cuda), driver=driver
            ),
            said.UpgradeDriver(
                subject=subject, what=f"torch {torch.name}", cuda=shown(cuda), driver=driver, least=least
            ),
        )

    def _no_kernels(self, subject: str, torch: Build, card: Gpu, number: str) -> Finding:
        engine, has = self.installed.engine, made_for(torch, self.machine)
        what = f"{engine.name} {engine.version}" if engine else f"torch {torch.name}"
        return self._cured(
            said.NoKernels(subject=subject, torch=torch.name, card=card.name, capability=number, made_for=has),
            said.CardUnsupported(subject=subject, what=what, card=card.name, capability=number, made_for=has),
        )

    def _wheels(self, torch: Build) -> Iterator[Finding]:
        """The Python and the C library that the wheels were built for."""
        if self.musl:
            yield said.Musl(subject="torch", musl=self.musl)
            return
        release = compat.torch_release(torch.version)
        wheel = release.wheel(self.machine.machine) if release else None
        if release is not None and wheel is not None:
            if self.machine.python and not fits_python(release, self.machine):
                what, takes = f"torch {torch.version}", [tag for tag in wheel.pythons if not tag.endswith("t")]
                python = self.machine.python
                yield self._cured(said.PythonOutside(subject="torch", what=what, python=python, takes=takes))
            least = compat.torch_glibc(release, torch.variant, self.machine.machine)
            yield from self._glibc("torch", f"torch {torch.name}", least)
        engine = self.installed.engine
        row = compat.vllm_release(engine.version) if engine and engine.name == "vllm" else None
        if row is not None and self.machine.machine == "x86_64":
            yield from self._glibc("vllm", f"vllm {row.version}", compat.glibc_of(row.wheel))

    def _glibc(self, subject: str, what: str, least: str) -> Iterator[Finding]:
        if not enough_glibc(self.machine.glibc, least):
            systems = [each.name for each in compat.distros() if Version(each.glibc) >= Version(least)]
            have = self.machine.glibc
            yield self._cured(said.GlibcTooOld(subject=subject, what=what, glibc=have, least=least, systems=systems))

    def _unknown(self, torch: Build) -> Iterator[Finding]:
        """What is newer than the tables."""
        last = compat.newest(compat.torch_releases()).version
        if torch.official and torch.cuda and Version(torch.version) > Version(last):
            yield said.Unverified(subject="torch", what=f"torch {torch.name}", newest=f"torch {last}")
        elif self.cards and torch.cuda and tier(self.machine, torch.cuda) == "unknown" and self.machine.driver:
            newest = compat.drivers().toolkits[0].cuda.split()[0]
            yield said.Unverified(subject="torch", what=f"CUDA {shown(torch.cuda)}", newest=f"CUDA {newest}")
        elif torch.official and torch.cuda:
            yield from self._unlisted(torch, torch.cuda)
        engine = self.installed.engine
        version = compat.read_version(engine.version) if engine and engine.name == "vllm" else None
        last = compat.newest(compat.vllm_releases()).version
        if version is not None and version > Version(last):
            yield said.Unverified(subject="vllm", what=f"vllm {version}", newest=f"vllm {last}")

    def _unlisted(self, torch: Build, cuda: Pair) -> Iterator[Finding]:
        """Cards for which nobody wrote down whether the build has code; of old builds that is no reason to doubt."""
        last = max((row.torch for row in compat.all_kernels()), key=Version)
        if Version(torch.version) < Version(last) and cuda < (12, 8):
            return
        for card in self.cards:
            known = capability(card)
            if known is not None and serves(torch, self.machine, known) == "unknown":
                what = f"torch {torch.name} / {card.name} ({shown(known)})"
                yield said.Unverified(subject=f"GPU {card.index}", what=what, newest=f"torch {last}")
                return
