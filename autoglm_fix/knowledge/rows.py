"""The shapes of the tables' rows, as far as they are read: the tables hold more of what their sources say."""

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


class SglangRelease(msgspec.Struct, frozen=True):
    """A release of SGLang (none of its post releases), with what it pins as requirements."""

    version: str
    requires_python: str
    pins: list[str]

    def pin(self, name: str) -> str | None:
        """The requirement on a distribution, by its name as written ("torch")."""
        return next((each for each in self.pins if each.startswith(f"{name}==")), None)


class TransformersRelease(msgspec.Struct, frozen=True):
    """The first release of a minor version of transformers. ``torch`` is that of its extra."""

    version: str
    requires_python: str
    torch: str


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


class Card(msgspec.Struct, frozen=True):
    """A GPU by its name, with its compute capability and the sizes it is sold in (GiB)."""

    name: str
    capability: str
    gib: list[float] = []


class Distro(msgspec.Struct, frozen=True):
    """A Linux distribution and its glibc."""

    name: str
    glibc: str


class Compiler(msgspec.Struct, frozen=True):
    """A release of GCC, the name of its libstdc++, and the newest versions of symbols in that.

    ``glibcxx`` is "GLIBCXX_3.4.30", ``cxxabi`` "CXXABI_1.3.13", None where it was not written down.
    """

    gcc: str
    library: str
    glibcxx: str
    cxxabi: str | None


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


class Bug(msgspec.Struct, frozen=True):
    """A fault of CUDA that NVIDIA's release notes name; ``signature`` is the kernel's line that tells of it."""

    id: str
    signature: str
    source: str


class Drivers(msgspec.Struct, frozen=True):
    """CUDA and drivers, newest first; capabilities oldest first."""

    toolkits: list[Toolkit]
    majors: list[Major]
    capabilities: list[Capabilities]
    bugs: list[Bug]


class Meaning(msgspec.Struct, frozen=True):
    """What NVIDIA calls a code, and how its header explains it."""

    name: str
    doc: str


class Codes(msgspec.Struct, frozen=True):
    """The codes of libcuda (CUresult) and of NVML (nvmlReturn_t)."""

    cuda: dict[str, Meaning]
    nvml: dict[str, Meaning]


class XidRow(msgspec.Struct, frozen=True):
    """An error that the driver tells through the kernel, and what NVIDIA asks for at once ("RESET_GPU")."""

    xid: int
    mnemonic: str
    description: str
    immediate: str


class XidTable(msgspec.Struct, frozen=True):
    """xid.json; ``pattern`` finds one in a line: the card, the number, the process id, its name, the rest."""

    pattern: str
    xids: list[XidRow]


class CardTable(msgspec.Struct, frozen=True):
    """gpus.json."""

    gpus: list[Card]


class GlibcTable(msgspec.Struct, frozen=True):
    """glibc.json."""

    distributions: list[Distro]


class LibstdcxxTable(msgspec.Struct, frozen=True):
    """libstdcxx.json, the oldest compiler first."""

    compilers: list[Compiler]
