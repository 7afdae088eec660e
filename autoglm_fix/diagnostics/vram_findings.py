"""What ``vram`` finds. Sizes in bytes, lengths in tokens."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from .finding import Finding


class WeightsTooLarge(Finding, frozen=True, kw_only=True):
    """The weights alone are larger than the GPUs that the launch names, even empty ones."""

    code: ClassVar[str] = "vram.weights-too-large"
    symptom = "crashed"
    weights: int
    total: int
    ranks: int


class LessFree(Finding, frozen=True, kw_only=True):
    """The engine asks for more than is free: it refuses to start."""

    code: ClassVar[str] = "vram.less-free"
    symptom = "crashed"
    wanted: int
    free: int
    total: int
    share: float
    missing: int
    holders: list[str] = field(default_factory=list)


class NoRoom(Finding, frozen=True, kw_only=True):
    """After weights and workspace the cache has no room for one sequence as long as the launch promises."""

    code: ClassVar[str] = "vram.no-room"
    symptom = "crashed"
    wanted: int
    room: int
    need: int
    length: int
    longest: int
    weights: int
    beside: int
    total: int
    free: int
    share: float
    holders: list[str] = field(default_factory=list)


class Tight(Finding, frozen=True, kw_only=True):
    """It fits only if everything is as small as it can be."""

    code: ClassVar[str] = "vram.tight"
    severity = "warning"
    symptom = "crashed"
    room: int
    need: int
    weights: int
    beside: int
    free: int
    holders: list[str] = field(default_factory=list)


class ContextFails(Finding, frozen=True, kw_only=True):
    """A context so short makes this version of the engine fail with this model."""

    code: ClassVar[str] = "vram.context-fails"
    symptom = "crashed"
    length: int
    least: int
    version: str
    model_type: str


class EagerGarbles(Finding, frozen=True, kw_only=True):
    """An option that is said to save memory garbles the answers of this kind of model."""

    code: ClassVar[str] = "vram.eager-garbles"
    symptom = "garbage"
    model_type: str


class DeadHolder(Finding, frozen=True, kw_only=True):
    """Memory is held under the number of a process that has ended."""

    code: ClassVar[str] = "vram.dead-holder"
    severity = "warning"
    pid: int
    used: int


class PicturesExceed(Finding, frozen=True, kw_only=True):
    """The launch admits more pictures in one request than its context holds."""

    code: ClassVar[str] = "vram.pictures-exceed"
    severity = "info"
    pictures: int
    tokens: int
    length: int


class Unseen(Finding, frozen=True, kw_only=True):
    """GPUs are there, and how much memory they have, or have left, could not be read."""

    code: ClassVar[str] = "vram.unseen"
    severity = "warning"
    reason: str


class Uncomputed(Finding, frozen=True, kw_only=True):
    """Whether the model fits depends on parts of the launch whose effect no file tells beforehand."""

    code: ClassVar[str] = "vram.uncomputed"
    severity = "info"
    unknown: list[str]


class Sliced(Finding, frozen=True, kw_only=True):
    """The service computes on a slice of a card, whose memory is not read."""

    code: ClassVar[str] = "vram.sliced"
    severity = "info"
