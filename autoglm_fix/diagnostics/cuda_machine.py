"""What a build of torch has to fit on: a driver, cards, a Python and a C library. Pure verdicts from the tables."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.gpus import Gpu, Gpus
from autoglm_fix.knowledge import compat
from autoglm_fix.knowledge.rows import Capabilities, TorchRelease

# (8, 9) for "8.9": of a compute capability or a CUDA version.
Pair = tuple[int, int]
# ``direct``: the driver is as new as the CUDA; ``minor``: older, of the same major version; ``unknown``: no row.
Tier = Literal["direct", "minor", "too-old", "unknown"]
# Machine code for the card; ``jit``: code that the driver compiles for it; ``jit-refused``: too new for this driver.
Served = Literal["code", "jit", "jit-refused", "none", "unknown"]


@dataclass(frozen=True)
class Build:
    """A build of torch: its version without the local part, and its variant ("cu128", "cpu", "rocm").

    ``cuda`` is None for one that is not made for CUDA. ``official``: one that pytorch.org makes, so that the tables
    hold for it.
    """

    version: str
    variant: str
    cuda: Pair | None
    official: bool = True

    @property
    def name(self) -> str:
        """As people write it: "2.9.1+cu128"."""
        return f"{self.version}+{self.variant}"


@dataclass(frozen=True)
class Machine:
    """What is there. ``cuda`` is what libcuda says that it speaks, None where it was not asked or did not start.

    ``driver`` is "550.54.15", empty where nothing tells. ``cards`` are the compute capabilities that the
    service may use, ``python`` is "3.11.2", empty for no Python, ``glibc`` "2.36", empty for musl or unknown.
    """

    driver: str
    cuda: Pair | None
    cards: tuple[Pair, ...]
    python: str
    machine: str
    glibc: str

    @property
    def python_tag(self) -> str:
        """The Python in the names of wheels: "cp311"."""
        return "cp" + "".join(self.python.split(".")[:2])


def read_machine(gpus: Gpus, environment: Environment, cards: Sequence[Gpu]) -> Machine:
    """The machine as the facts have it."""
    cuda = gpus.cuda
    # A library that does not start (a stub, a stale one) says nothing of the driver.
    spoken = (cuda.driver // 1000, cuda.driver % 1000 // 10) if cuda.driver and cuda.init == 0 else None
    return Machine(
        _version(gpus.driver or gpus.module or ""),
        None if cuda.host_only else spoken,
        tuple(sorted({known for card in cards if (known := capability(card)) is not None})),
        _version(environment.version),
        environment.machine,
        _version(environment.glibc),
    )


def _version(text: str) -> str:
    return text if compat.read_version(text) is not None else ""


def capability(card: Gpu) -> Pair | None:
    """Of a card, as numbers; None where the driver does not tell."""
    said = card.capability or ""
    return pair(said) if re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}", said) else None


def pair(text: str) -> Pair:
    """The numbers of "12.8". ValueError for what is none."""
    major, _, minor = text.partition(".")
    return int(major), int(minor.partition(".")[0] or 0)


def variant_of(cuda: str) -> str:
    """What builds for CUDA "12.8" are called: "cu128"."""
    return "cu{}{}".format(*pair(cuda))


def cuda_of(variant: str) -> Pair | None:
    """The CUDA of "cu128", None for "cpu" and the like."""
    digits = variant[2:]
    known = variant.startswith("cu") and re.fullmatch("[0-9]{2,4}", digits)
    return (int(digits[:-1]), int(digits[-1])) if known else None


def shown(numbers: Pair) -> str:
    """As people write it: "8.9"."""
    return f"{numbers[0]}.{numbers[1]}"


def needed_driver(cuda: Pair) -> str | None:
    """The oldest driver that runs programs of that CUDA version, None beyond the table."""
    return next((major.driver for major in compat.drivers().majors if major.cuda == cuda[0]), None)


def toolkit_driver(cuda: Pair) -> str | None:
    """The first driver that came with a toolkit of that version (its updates need no newer one)."""
    return _came_with().get(shown(cuda))


@functools.cache
def _came_with() -> Mapping[str, str]:
    """CUDA "12.8" to that driver."""
    oldest = sorted(compat.drivers().toolkits, key=lambda row: Version(row.driver), reverse=True)
    return {row.cuda.split()[0]: row.driver for row in oldest}


def tier(machine: Machine, cuda: Pair) -> Tier:
    """Whether the driver runs programs that were made with that CUDA version."""
    if machine.cuda is not None:
        return "direct" if machine.cuda >= cuda else "minor" if machine.cuda[0] == cuda[0] else "too-old"
    least = needed_driver(cuda)
    if not machine.driver or least is None:
        return "unknown"
    if Version(machine.driver) < Version(least):
        return "too-old"
    came_with = toolkit_driver(cuda)
    if came_with is None:
        return "unknown"
    return "direct" if Version(machine.driver) >= Version(came_with) else "minor"


def serves(build: Build, machine: Machine, card: Pair) -> Served:
    """What a build has for a card."""
    if build.cuda is None:
        return "none"
    known = compat.kernels(build.version, build.variant, machine.machine) if build.official else None
    if known is None:
        return _served_by_compiler(build, card)
    codes = [pair(each) for each in known.sass]
    if any(major == card[0] and minor <= card[1] for major, minor in codes):
        return "code"
    if card < max(codes) or known.ptx is False:
        return "none"
    if known.ptx is None:
        return "unknown"
    return "jit" if tier(machine, build.cuda) == "direct" else "jit-refused"


def made_for(build: Build, machine: Machine) -> list[str]:
    """The compute capabilities that a build has code for, or those that its compiler knows ("5.0-9.0")."""
    known = compat.kernels(build.version, build.variant, machine.machine) if build.official else None
    row = _compiler(build)
    return list(known.sass) if known else [f"{row.least}-{row.most}"] if row else []


def _compiler(build: Build) -> Capabilities | None:
    rows = [row for row in compat.drivers().capabilities if build.cuda and pair(row.cuda) <= build.cuda]
    return rows[-1] if rows else None


def _served_by_compiler(build: Build, card: Pair) -> Served:
    """Without a list of what was compiled: what that CUDA's compiler can make at all."""
    row = _compiler(build)
    return "unknown" if row is None or pair(row.least) <= card <= (pair(row.most)[0], 9) else "none"


def fits_python(release: TorchRelease, machine: Machine) -> bool:
    """Whether PyPI has a wheel of that release for the Python."""
    wheel = release.wheel(machine.machine)
    return wheel is not None and machine.python_tag in wheel.pythons


def enough_glibc(have: str, need: str) -> bool:
    """Whether a C library is as new as needed; what nobody knows is no obstacle."""
    return not have or not need or Version(have) >= Version(need)
