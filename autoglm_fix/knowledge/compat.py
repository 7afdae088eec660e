"""What fits together: drivers, CUDA, cards, torch, engines, transformers. Rows of the tables, typed.

A release that no table has is None: nothing is guessed. ``newest`` says how far a table reaches.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Protocol, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from . import table
from .rows import (
    Card,
    CardTable,
    Codes,
    Compiler,
    Distro,
    Drivers,
    GlibcTable,
    Kernels,
    LibstdcxxTable,
    SglangRelease,
    SglangTable,
    TorchRelease,
    TorchTable,
    TransformersRelease,
    TransformersTable,
    VllmRelease,
    VllmTable,
    XidTable,
)


class Released(Protocol):
    """A row about one release."""

    @property
    def version(self) -> str: ...


R = TypeVar("R", bound=Released)


def newest(releases: Iterable[R]) -> R:
    """The newest release of a table (``newest(vllm_releases())``)."""
    return max(releases, key=version_of)


def read_version(text: str) -> Version | None:
    """A version without its local part ("2.9.1+cu128" is 2.9.1), None for what is none."""
    try:
        return Version(Version(text).public)
    except ValueError:  # no version, or one of more digits than a number may have
        return None


def _exactly(releases: Iterable[R], version: str) -> R | None:
    wanted = read_version(version)
    return next((each for each in releases if version_of(each) == wanted), None)


def version_of(release: Released) -> Version:
    """The version of a row, to be compared."""
    return _listed(release.version)


@functools.cache
def _listed(version: str) -> Version:
    """A version of a table, which is read once."""
    return Version(version)


@functools.cache
def _torch() -> TorchTable:
    return table("torch", TorchTable)


def torch_releases() -> list[TorchRelease]:
    """All final releases from 2.0.0 on, oldest first."""
    return _torch().releases


def torch_release(version: str) -> TorchRelease | None:
    """That release; its local part ("+cu128") does not count."""
    return _exactly(torch_releases(), version)


def all_kernels() -> list[Kernels]:
    """What was written down of each build's machine code."""
    return _torch().kernels


def kernels(version: str, variant: str, machine: str = "x86_64") -> Kernels | None:
    """What the build carries of that torch for that variant ("cu128"), None where nobody wrote it down."""
    wanted = read_version(version)
    minor = f"{wanted.major}.{wanted.minor}" if wanted else ""
    found = (each for each in all_kernels() if (each.torch, each.variant, each.machine) == (minor, variant, machine))
    return next(found, None)


def torch_glibc(release: TorchRelease, variant: str, machine: str) -> str:
    """The glibc that a build needs; up to 2.6 that of x86_64 is more than its tag says."""
    wheel = release.wheel(machine)
    told = glibc_of(wheel.tag) if wheel else ""
    if (Version(release.version).release[:2], variant) == ((2, 6), "cu126"):
        return "2.28"
    return "2.17" if told in ("2.5", "2.12") else told


def torchvision_for(torch: str) -> str | None:
    """The newest torchvision that asks for that very torch, else one that takes it; None where none is known."""
    pairs = [pair for release in torch_releases() for pair in release.torchvision]
    exact = [version for version, spec in pairs if spec == f"=={torch}"]
    return next(iter([*exact[::-1], *(version for version, spec in pairs[::-1] if torch in SpecifierSet(spec))]), None)


def torchaudio_for(torch: str) -> str:
    """The torchaudio of a torch: the same version, and since 2.12 the last one that there was."""
    return min(torch, "2.11.0", key=Version)


@functools.cache
def _vllm() -> VllmTable:
    return table("vllm", VllmTable)


def vllm_releases() -> list[VllmRelease]:
    """All final releases from 0.5.0 on, oldest first."""
    return _vllm().releases


def vllm_release(version: str) -> VllmRelease | None:
    """That release; a release candidate or a build of one's own is None."""
    return _exactly(vllm_releases(), version)


def vllm_memory_share(version: str) -> float:
    """What ``--gpu-memory-utilization`` is where nobody sets it; the newest rule for a version that is none."""
    known = read_version(version)
    rules = [each for each in _vllm().defaults if known is None or Version(each.since) <= known]
    return rules[-1].gpu_memory_utilization


def vllm_least_capability() -> str:
    """The compute capability that vLLM's own kernels ask for."""
    return _vllm().least_capability


def vllm_knows(architecture: str) -> str | None:
    """The first vLLM that knows a model's architecture ("Glm4vForConditionalGeneration"), None: not written down."""
    return _vllm().architectures.get(architecture)


@functools.cache
def sglang_releases() -> list[SglangRelease]:
    """The releases from 0.4.0 on without their post releases, oldest first."""
    return table("sglang", SglangTable).releases


def sglang_release(version: str) -> SglangRelease | None:
    """That release; a post release pins otherwise and is None."""
    return _exactly(sglang_releases(), version)


@functools.cache
def _transformers() -> TransformersTable:
    return table("transformers", TransformersTable)


def transformers_releases() -> list[TransformersRelease]:
    """The first release of each minor version from 4.36.0 on, oldest first."""
    return _transformers().releases


def transformers_release(version: str) -> TransformersRelease | None:
    """The row of that version's minor version: what it asks for is the same in all its patches."""
    wanted = read_version(version)
    return next(
        (e for e in transformers_releases() if wanted and Version(e.version).release[:2] == wanted.release[:2]), None
    )


def transformers_knows(model_type: str) -> str | None:
    """The first transformers that knows a ``model_type`` of config.json, None: not written down."""
    return _transformers().model_types.get(model_type)


@functools.cache
def drivers() -> Drivers:
    """CUDA toolkits, their drivers, and what their compilers can build for."""
    return table("cuda_driver", Drivers)


@functools.cache
def codes() -> Codes:
    """The codes of libcuda and NVML, with NVIDIA's words."""
    return table("error_codes", Codes)


@functools.cache
def xids() -> XidTable:
    """What the driver tells through the kernel."""
    return table("xid", XidTable)


@functools.cache
def cards() -> list[Card]:
    """GPUs by name."""
    return table("gpus", CardTable).gpus


def card(name: str) -> Card | None:
    """The card that NVML gives that name ("NVIDIA GeForce RTX 4090"), by the longest name that it contains."""
    bare = _bare(name)
    return max((each for each in cards() if _bare(each.name) in bare), key=lambda each: len(each.name), default=None)


def _bare(name: str) -> str:
    words = name.partition("(")[0].lower().replace("-", " ").split()
    return " ".join(word for word in words if word not in ("nvidia", "tesla"))


@functools.cache
def distros() -> list[Distro]:
    """Linux distributions with their glibc."""
    return table("glibc", GlibcTable).distributions


def glibc_of(tag: str) -> str:
    """The glibc that a wheel's platform tag asks for ("manylinux_2_28_x86_64": "2.28"), empty for none."""
    old = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}
    parts = tag.split("_")
    if parts[0] in old:
        return old[parts[0]]
    return f"{parts[1]}.{parts[2]}" if parts[0] == "manylinux" and len(parts) > 3 else ""


@functools.cache
def compilers() -> list[Compiler]:
    """Releases of GCC with the symbols of their libstdc++, oldest first."""
    return table("libstdcxx", LibstdcxxTable).compilers


def compiler_of(symbols: str) -> Compiler | None:
    """The first GCC whose libstdc++ has symbols of that version ("GLIBCXX_3.4.30", "CXXABI_1.3.13")."""
    family, _, version = symbols.partition("_")
    wanted = read_version(version)
    for each in compilers() if wanted else ():
        has = {"GLIBCXX": each.glibcxx, "CXXABI": each.cxxabi}.get(family)
        if has and wanted and _listed(has.partition("_")[2]) >= wanted:
            return each
    return None
