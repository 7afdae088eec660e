"""What the cuda diagnostic can say of a service that does not reach the GPUs of its host."""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Symptom


class AccessLost(Finding, frozen=True, kw_only=True):
    """A container lost its devices while it ran: the driver says Unknown Error. ``line`` is where it said so."""

    code: ClassVar[str] = "cuda.access-lost"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


class Hidden(Finding, frozen=True, kw_only=True):
    """A variable of the service hides every GPU from it."""

    code: ClassVar[str] = "cuda.hidden"
    symptom: ClassVar[Symptom] = "slow"

    variable: str
    value: str
    count: int


class NoPermission(Finding, frozen=True, kw_only=True):
    """The service's user may not open device nodes; who is in ``group`` may."""

    code: ClassVar[str] = "cuda.no-permission"
    symptom: ClassVar[Symptom] = "crashed"

    user: str
    nodes: list[str]
    group: str


class NodesClosed(Finding, frozen=True, kw_only=True):
    """The service's user may not open device nodes, and no group that it could join may."""

    code: ClassVar[str] = "cuda.nodes-closed"
    symptom: ClassVar[Symptom] = "crashed"

    user: str
    nodes: list[str]
    mode: str


class NoNodes(Finding, frozen=True, kw_only=True):
    """The kernel module is loaded and has no device nodes."""

    code: ClassVar[str] = "cuda.no-nodes"
    symptom: ClassVar[Symptom] = "crashed"

    module: str


class PrivateDevices(Finding, frozen=True, kw_only=True):
    """The unit gives the service a /dev of its own, without GPUs."""

    code: ClassVar[str] = "cuda.private-devices"
    symptom: ClassVar[Symptom] = "crashed"

    setting: str
    path: str


class ContainerWithout(Finding, frozen=True, kw_only=True):
    """The container was made without GPUs."""

    code: ClassVar[str] = "cuda.container-without-gpu"
    symptom: ClassVar[Symptom] = "crashed"

    container: str
    count: int
