"""The shapes of the tables' rows."""

from __future__ import annotations

import msgspec


class Wheel(msgspec.Struct, frozen=True):
    """A wheel on PyPI: its platform tag and the Pythons there is one for ("cp310", "cp313t")."""

    tag: str
    pythons: list[str]


class TorchRelease(msgspec.Struct, frozen=True):
    """A release of torch. ``cuda`` is that of the wheel on PyPI, for x86_64.

    ``variants`` are the builds on download.pytorch.org ("cu126"), None where they are not known.
    ``torchvision`` pairs each of its releases with the torch that it asks for ("==2.9.1", ">=2.14.0").
    """

    version: str
    requires_python: str
    cuda: str
    variants: list[str] | None
    x86_64: Wheel
    aarch64: Wheel
    torchvision: list[tuple[str, str]]
    triton: str

    def wheel(self, machine: str) -> Wheel | None:
        """The wheel for a machine ("x86_64"), None where there is none."""
        return {"x86_64": self.x86_64, "aarch64": self.aarch64}.get(machine)


class Kernels(msgspec.Struct, frozen=True):
    """The compute capabilities that a build of torch ("2.9", "cu128") carries machine code for.

    ``ptx``: it also carries code of the last one that a driver can compile for newer cards; None: not known.
    """

    torch: str
    variant: str
    machine: str
    sass: list[str]
    ptx: bool | None
    source: str


class VllmRelease(msgspec.Struct, frozen=True):
    """A release of vLLM: what it asks for, as requirements. ``cuda`` is that of the torch it takes from PyPI."""

    version: str
    requires_python: str
    torch: str
    transformers: str
    wheel: str
    cuda: str
    torchvision: str | None = None
    torchaudio: str | None = None
    tokenizers: str | None = None
    numpy: str | None = None


class SglangRelease(msgspec.Struct, frozen=True):
    """A release of SGLang (none of its post releases), with what it pins as requirements."""

    version: str
    requires_python: str
    pins: list[str]

    def pin(self, name: str) -> str | None:
        """The requirement on a distribution, by its name as written ("torch")."""
        return next((each for each in self.pins if each.startswith(f"{name}==")), None)


class TransformersRelease(msgspec.Struct, frozen=True):
    """The first release of a minor version of transformers. ``torch`` and ``accelerate`` are of its extras."""

    version: str
    requires_python: str
    tokenizers: str
    huggingface_hub: str
    torch: str
    accelerate: str


class Toolkit(msgspec.Struct, frozen=True):
    """A CUDA toolkit ("12.8 Update 1") and the Linux driver that comes with it."""

    cuda: str
    driver: str


class Major(msgspec.Struct, frozen=True):
    """The oldest driver that runs programs of any minor version of a CUDA major version."""

    cuda: int
    branch: int
    driver: str


class Capabilities(msgspec.Struct, frozen=True):
    """From that CUDA on, the compute capabilities that its compiler can make code for."""

    cuda: str
    least: str
    most: str


class Branch(msgspec.Struct, frozen=True):
    """A driver branch ("R580") and the month until which it is maintained."""

    branch: str
    kind: str
    until: str


class Card(msgspec.Struct, frozen=True):
    """A GPU by its name, with its compute capability and the sizes it is sold in (GiB)."""

    name: str
    capability: str
    gib: list[float] = []


class Distro(msgspec.Struct, frozen=True):
    """A Linux distribution and its glibc."""

    name: str
    glibc: str


class TorchTable(msgspec.Struct, frozen=True):
    """torch.json."""

    releases: list[TorchRelease]
    kernels: list[Kernels]


class Default(msgspec.Struct, frozen=True):
    """What vLLM assumes from that release on."""

    since: str = msgspec.field(name="from")
    gpu_memory_utilization: float


class VllmTable(msgspec.Struct, frozen=True):
    """vllm.json; ``architectures`` with the first release that knows them."""

    least_capability: str
    releases: list[VllmRelease]
    defaults: list[Default]
    architectures: dict[str, str]


class SglangTable(msgspec.Struct, frozen=True):
    """sglang.json."""

    releases: list[SglangRelease]


class TransformersTable(msgspec.Struct, frozen=True):
    """transformers.json; ``model_types`` with the first release that knows them."""

    releases: list[TransformersRelease]
    model_types: dict[str, str]


class Drivers(msgspec.Struct, frozen=True):
    """CUDA and drivers, newest first; capabilities oldest first."""

    toolkits: list[Toolkit]
    majors: list[Major]
    capabilities: list[Capabilities]
    branches: list[Branch]


class Codes(msgspec.Struct, frozen=True):
    """The names of the codes of libcuda (CUresult) and of NVML (nvmlReturn_t)."""

    cuda: dict[str, str]
    nvml: dict[str, str]


class CardTable(msgspec.Struct, frozen=True):
    """gpus.json."""

    gpus: list[Card]


class GlibcTable(msgspec.Struct, frozen=True):
    """glibc.json."""

    distributions: list[Distro]
