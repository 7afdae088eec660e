"""drain, undrain: the operator's own commands, by which a service gets no new requests while it is interrupted."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..context import Context
from . import CannotChange, Preview
from .commanded import commanded, shown, user_for

_TICK_S = 1.0


@dataclass(frozen=True)
class _Tried:
    """The services whose undraining has been tried in this request."""

    paths: list[str] = field(default_factory=list)

    @classmethod
    def collect(cls, ctx: Context) -> _Tried:
        return cls()


@dataclass(frozen=True)
class Drain:
    """Run ``argv``, after which the service is to get no new requests; ``undrain`` is what ends that.

    ``path`` is the service's name, ``service`` what its manager knows it by (``Service.handle``), ``endpoint`` where
    it answers. Both commands run as the service's user, with a clean environment, for ``timeout`` seconds at most.
    Put back, it waits until the service answers, and undrains it then; one that does not stays drained, and that is
    said.
    """

    path: str
    argv: list[str]
    undrain: list[str]
    service: dict[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    timeout: float = 300.0
    start_timeout: float = 1800.0
    says: str = ""
    values: dict[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "drain"
    risk: ClassVar[str] = "safe"
    undo: ClassVar[str] = "state"

    def preview(self, ctx: Context) -> Preview:
        return shown(ctx, self.argv)

    def before(self, ctx: Context, folder: str) -> dict[str, Any]:
        return {
            "path": self.path,
            "undrain": self.undrain,
            "user": user_for(ctx, self.argv),
            "service": self.service,
            "endpoint": self.endpoint,
            "timeout": self.timeout,
            "start_timeout": self.start_timeout,
        }

    def make(self, ctx: Context) -> None:
        commanded(ctx, f"draining {self.path}", self.argv, user_for(ctx, self.argv), self.timeout)

    @classmethod
    def make_again(cls, ctx: Context, wire: dict[str, Any], before: dict[str, Any]) -> None:
        """Drain what was drained once, as whom it was then."""
        commanded(ctx, f"draining {before['path']}", wire["argv"], before["user"], before["timeout"])

    @classmethod
    def put_back(cls, ctx: Context, before: dict[str, Any]) -> None:
        if not before["undrain"]:
            return
        why = _does_not_answer(ctx, before)
        if why:
            raise CannotChange(
                f"{before['path']} is still drained, because {why}",
                hint=f"once it answers: `{shlex.join(before['undrain'])}`",
            )
        commanded(ctx, f"undraining {before['path']}", before["undrain"], before["user"], before["timeout"])

    @classmethod
    def fingerprint(cls, ctx: Context, before: dict[str, Any]) -> list[Any]:
        return []


@dataclass(frozen=True)
class Undrain:
    """Run ``argv``, by which a drained service gets requests again.

    Taken back, it is drained once more (``drain``); where that is empty, nothing is done.
    """

    path: str
    argv: list[str]
    drain: list[str]
    timeout: float = 300.0
    says: str = ""
    values: dict[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "undrain"
    risk: ClassVar[str] = "safe"
    undo: ClassVar[str] = "state"

    def preview(self, ctx: Context) -> Preview:
        return shown(ctx, self.argv)

    def before(self, ctx: Context, folder: str) -> dict[str, Any]:
        user = user_for(ctx, self.argv)
        return {"path": self.path, "undrain": self.argv, "drain": self.drain, "user": user, "timeout": self.timeout}

    def make(self, ctx: Context) -> None:
        ctx.fact(_Tried).paths.append(self.path)
        commanded(ctx, f"undraining {self.path}", self.argv, user_for(ctx, self.argv), self.timeout)

    @classmethod
    def put_back(cls, ctx: Context, before: dict[str, Any]) -> None:
        """Drain it, before what interrupted it is taken back; one that failed leaves things as they are."""
        if before["path"] not in ctx.fact(_Tried).paths and before["drain"]:
            commanded(ctx, f"draining {before['path']}", before["drain"], before["user"], before["timeout"])

    @classmethod
    def came_to(cls, ctx: Context, before: dict[str, Any]) -> str | None:
        """One that was cut off is done again: nobody knows how far it came."""
        commanded(ctx, f"undraining {before['path']}", before["undrain"], before["user"], before["timeout"])
        return "made"

    @classmethod
    def fingerprint(cls, ctx: Context, before: dict[str, Any]) -> list[Any]:
        return []


def _does_not_answer(ctx: Context, before: dict[str, Any]) -> str:
    """Why the service does not answer, once it had the time to start; nothing where it does, or has no endpoint."""
    began = time.monotonic()
    while before["endpoint"]:
        if _answers(before["endpoint"]):
            return ""
        state = _state(ctx, before["service"])
        spent = time.monotonic() - began
        if state not in ("", "running", "starting", "restarting", "stopping"):
            return f"it is {state}"
        if spent > before["start_timeout"]:
            return f"it does not answer after {spent:.0f} s"
        ctx.progress(f"starting {before['path']}", int(spent), int(before["start_timeout"]), "s")
        time.sleep(_TICK_S)
    return ""


def _answers(endpoint: str) -> bool:
    """Whether something answers there that a caller could use; who may ask is not what this is about."""
    import http.client
    import ssl
    from urllib.parse import urlsplit

    parts = urlsplit(endpoint.rstrip("/") + "/models")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=10.0)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status < 500
    except ssl.SSLCertVerificationError:
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _state(ctx: Context, service: dict[str, Any]) -> str:
    """What its manager says of it; nothing where nobody can say."""
    if not service:
        return ""
    from ..definition.managers import of
    from ..service import ServiceSpec

    spec = ServiceSpec(**service)
    try:
        found: str = of(spec.manager).control(ctx, spec).state()
    except CannotChange:
        return ""
    return found
