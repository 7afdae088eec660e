"""Why no agent started, read from what a host said and how the line ended there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .become import MORE_IS_ASKED, OUR_PROMPT, refusal
from .channel import ChannelClosed, NotConnected
from .line import ASKING, NO_MORE, TOO_OLD
from .route import Become, Route

_TAIL_LINES = 10
_LONGEST = 400
_NO_LOGIN = re.compile(r"account is currently not available|nologin: ", re.IGNORECASE)
_NO_TERMINAL = "PTY allocation request failed"
_VERSION = re.compile(r"Python (\S+)")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


class Scene:
    """What is known of one start that failed. ``marker`` begins the lines that our own part of it printed."""

    def __init__(self, host: str, route: Route, marker: str, secret: str | None) -> None:
        self._host = host
        self._route = route
        self._marker = marker
        self._secret = secret

    def ended(self, heard: str, said: str, end: ChannelClosed) -> NotConnected:
        """The line ended with this output and these errors before an agent started."""
        reports = self._reports(heard)
        tail = self.tail(heard, said)
        if reports and reports[-1] == NO_MORE:
            return self._no_python([report for report in reports if "|" in report], tail)
        since = self.asked(heard)
        if since is not None or _NO_TERMINAL in said:
            return self.refused(refusal(f"{said}\n{since or ''}"), heard, said)
        if _NO_LOGIN.search(f"{said}\n{heard}"):
            return self._not("start.no-login", {}, tail)
        if end.exit_code is None:
            return NotConnected("start.cut", {"host": self._host, "reason": str(end)}, tail, behind=end.behind)
        return self._not("start.login-shell", {"exit_code": end.exit_code}, tail)

    def asked(self, heard: str) -> str | None:
        """What has been said since the other user was asked for; None where the login shell has not got so far."""
        _, begun, since = heard.rpartition(f"{self._marker} {ASKING}")
        return since if begun else None

    def asked_again(self, heard: str, said: str) -> NotConnected:
        """The password was typed, and then something was asked for once more."""
        code = refusal(f"{said}\n{self.asked(heard) or ''}")
        return self.refused(code if code in MORE_IS_ASKED else "wrong-password", heard, said)

    def refused(self, code: str, heard: str, said: str, **values: float) -> NotConnected:
        """A become that the host says no to."""
        become = self._route.become or Become()
        who = {"method": become.method, "program": become.program or become.method, "user": become.user}
        return self._not(f"become.{code}", {**who, **values}, self.tail(heard, said), refused=True)

    def late(self, timeout_s: float, heard: str, said: str) -> NotConnected:
        """Nothing that we wait for has come in time."""
        timeout_s = round(timeout_s, 1)
        if self.asked(heard) is not None:
            return self.refused("timed-out", heard, said, timeout_s=timeout_s)
        return self._not("start.timed-out", {"timeout_s": timeout_s}, self.tail(heard, said))

    def stopped(self) -> NotConnected:
        """Nobody waits for it any more."""
        return self._not("connect.stopped", {}, ())

    def flooded(self, size: int, heard: str, said: str) -> NotConnected:
        """There is no end of what is printed before an agent could start."""
        return self._not("start.flood", {"size": size}, self.tail(heard, said))

    def tail(self, heard: str, said: str) -> tuple[str, ...]:
        """The last lines of what others than us printed: errors last, no secret among them."""
        text = f"{heard}\n{said}".replace("\r", "\n")
        if self._secret:
            text = text.replace(self._secret, "***")
        text = OUR_PROMPT.sub("", text)
        lines = [_CONTROL.sub("", line).strip() for line in text.splitlines()]
        # The shell that runs our part of the line calls itself by the marker.
        theirs = [
            line.replace(self._marker, "sh")[:_LONGEST]
            for line in lines
            if line and not line.startswith(f"{self._marker} ")
        ]
        return tuple(theirs[-_TAIL_LINES:])

    def _reports(self, heard: str) -> list[str]:
        """What our part of the line has said. A login may leave its last line without an end."""
        return [report.strip() for report in re.findall(f"{self._marker} (.*)", heard)]

    def _no_python(self, reports: list[str], tail: tuple[str, ...]) -> NotConnected:
        """None of the Pythons that there are would do; the last of them is as new as any other."""
        if not reports:
            if self._route.python:
                return self._not("start.no-such-python", {"path": self._route.python}, tail, refused=True)
            return self._not("start.no-python", {}, tail, refused=True)
        which, _, named = reports[-1].rpartition("|")
        exit_code, _, path = which.partition(" ")
        version = _VERSION.search(named)
        old = exit_code == str(TOO_OLD) or (version is not None and version[1].startswith("2."))
        values = {"path": path, "version": version[1] if version else ""}
        if old and version:
            return self._not("start.old-python", values, tail, refused=True)
        return self._not("start.broken-python", {"path": path, "exit_code": int(exit_code)}, tail, refused=True)

    def _not(
        self, code: str, values: Mapping[str, Any], tail: tuple[str, ...], *, refused: bool = False
    ) -> NotConnected:
        return NotConnected(code, {"host": self._host, **values}, tail, refused=refused)
