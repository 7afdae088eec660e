"""What the system's ssh says on stderr: how far it has come, and why it went no further."""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path

from .channel import NotConnected
from .route import Route


class Phase(enum.Enum):
    """What ssh is waiting for; the value is the code of its deadline."""

    CONNECT = "openssh.connect-timeout"
    BANNER = "openssh.banner-timeout"
    KEYS = "openssh.keys-timeout"
    LOGIN = "openssh.login-timeout"
    OPEN = "openssh.failed"


_DEBUG = b"debug1: "
# Words of its own that no command said, and the phase that begins with them.
_MARKS = (
    (b"debug1: Connection established", Phase.BANNER),
    (b"debug1: Remote protocol version", Phase.KEYS),
    (b"debug1: SSH2_MSG_NEWKEYS received", Phase.LOGIN),
    (b"debug1: Entering interactive session", Phase.OPEN),
    (b"debug1: mux_client_request_session: master session id", Phase.OPEN),
    (b"Authenticated to ", Phase.OPEN),
    (b"Transferred: sent ", Phase.OPEN),
    (b"Bytes per second: sent ", Phase.OPEN),
)
_OWN = (_DEBUG, b"Authenticated to ", b"Transferred: sent ", b"Bytes per second: sent ")
_ORDER = list(Phase)
_HOST_KEY = re.compile(rb"debug1: Server host key: \S+ (\S+)")
_JUMP = re.compile(rb"debug1: Setting implicit ProxyCommand from ProxyJump: ssh .* (\S+)$")
_PROXY = re.compile(rb"debug1: Executing proxy command: (?:exec )?(.*)")
# A jump host has a login of its own within the first of our phases.
_HOPS = 4


class Login:
    """How far a login has come, by what ssh said. ``since``: when its phase began, on the monotonic clock."""

    def __init__(self) -> None:
        self.phase = Phase.CONNECT
        self.since = time.monotonic()
        self.fingerprint = self.jump = self.proxy = ""
        self._begun = b""
        self._passing_on = False

    @property
    def patience(self) -> int:
        """How many times a phase's deadline this one may take."""
        return _HOPS if self.proxy and self.phase in (Phase.CONNECT, Phase.BANNER) else 1

    def sift(self, data: bytes) -> bytes:
        """Take note of its own words, and return the rest. A prompt, which ends no line, is passed on at once."""
        kept = []
        *lines, last = (self._begun + data).split(b"\n")
        for line in lines:
            if self._passing_on or not line.startswith(_OWN):
                kept.append(line + b"\n")
            else:
                self._note(line.rstrip(b"\r"))
            self._passing_on = False
        self._begun = b""
        if last and (self._passing_on or not any(own.startswith(last) or last.startswith(own) for own in _OWN)):
            kept.append(last)
            self._passing_on = True
        else:
            self._begun = last
        return b"".join(kept)

    def _note(self, line: bytes) -> None:
        for mark, phase in _MARKS:
            if line.startswith(mark) and _ORDER.index(phase) > _ORDER.index(self.phase):
                self.phase, self.since = phase, time.monotonic()
        if found := _HOST_KEY.match(line):
            self.fingerprint = found[1].decode("ascii", "replace")
        elif found := _JUMP.match(line):
            self.jump = found[1].decode("utf-8", "replace")
        elif found := _PROXY.match(line):
            self.proxy = found[1].decode("utf-8", "replace")


# In the order in which they are looked for: pattern, code, whether it may pass.
_REASONS: tuple[tuple[str, str, bool], ...] = (
    (r"REVOKED HOST KEY DETECTED", "openssh.host-key-revoked", False),
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED", "openssh.host-key-changed", False),
    (r"^Host key verification failed", "openssh.host-key-unknown", False),
    (r"Could not resolve hostname (?P<name>.*): (?P<reason>Temporary failure.*)", "openssh.no-name-server", True),
    (r"Could not resolve hostname (?P<name>.*): (?P<reason>.*)", "openssh.name-unknown", False),
    (r"connect to host \S+ port \d+: Connection refused", "openssh.refused", False),
    (r"connect to host \S+ port \d+: (Connection|Operation) timed out", "openssh.connect-timeout", False),
    (r"connect to host \S+ port \d+: (?P<reason>.*)", "openssh.no-route", False),
    (r"timed out during banner exchange", "openssh.banner-timeout", True),
    (r"Unable to negotiate .*: no matching (?P<what>.*) found.*: (?P<offer>.*)", "openssh.no-common", False),
    (r"Too many authentication failures", "openssh.too-many-keys", False),
    (r"Permissions \d+ for '(?P<file>.*)' are too open", "openssh.key-too-open", False),
    (r"Identity file (?P<file>.*) not accessible: (?P<reason>.*)\.$", "openssh.key-unreadable", False),
    (r"Load key \"(?P<file>.*)\": (?P<reason>.*)", "openssh.key-unreadable", False),
    (r"Permission denied \((?P<methods>.*)\)", "openssh.denied", False),
    (r"(?P<reason>^.*(Bad configuration option|bad configuration options|[Bb]ad owner or permissions|terminating, ).*)",
     "openssh.configuration", False),
    (r"^\S*: line \d+: (?P<reason>.*)|^command-line(: | line 0: )(?P<more>.*)", "openssh.configuration", False),
)  # fmt: skip
_DROPPED = re.compile(
    r"exchange_identification: |^Connection (closed|reset) by |^Connection closed\.?\r?$|Broken pipe", re.M
)
# Of the two that say so, the ssh that was to reach the jump host knows an address.
_JUMP_DROPPED = re.compile(r"^Connection (closed|reset) by (?!UNKNOWN)\S+ port|timed out during banner", re.M)
_OFFENDING = re.compile(r"^Offending .*key in (?P<file>.*):(?P<line>\d+)\s*$", re.M)
_REMOVE = re.compile(r"^\s*(ssh-keygen -f .* -R .*?)\s*$", re.M)
_FROM_JUMP = re.compile(r"open failed: connect failed: (?P<reason>.*)")


def explain(said: str, login: Login, route: Route, code: int | None) -> NotConnected:
    """Why there is no login. ``code`` is how ssh ended; None where its phase took too long."""
    tail = tuple(line.rstrip() for line in said.splitlines()[-10:])
    values = {"host": route.address, "port": route.port or 22, "seconds": route.timeout_s, "code": code}
    if login.proxy and login.phase in (Phase.CONNECT, Phase.BANNER):
        return _proxied(said, login, values, tail)
    if code is None:
        return NotConnected(login.phase.value, values, tail, passing=login.phase is Phase.BANNER)
    for pattern, reason, passing in _REASONS:
        if found := re.search(pattern, said, re.M):
            values |= {name: (text or "").strip() for name, text in found.groupdict().items()}
            return NotConnected(reason, {**values, **_keys(reason, said, login, route.address)}, tail, passing=passing)
    if _DROPPED.search(said) and login.phase is not Phase.OPEN:
        return NotConnected("openssh.dropped", values, tail, passing=login.phase is not Phase.LOGIN)
    return NotConnected("openssh.failed", values, tail)


def _proxied(said: str, login: Login, values: Mapping[str, object], tail: tuple[str, ...]) -> NotConnected:
    if not login.jump:
        return NotConnected("openssh.proxy", {**values, "command": login.proxy.split(" ")[0]}, tail)
    if found := _FROM_JUMP.search(said):
        return NotConnected(
            "openssh.beyond-jump", {**values, "jump": login.jump, "reason": found["reason"].strip()}, tail
        )
    passing = _JUMP_DROPPED.search(said) is not None
    return NotConnected("openssh.jump", {**values, "jump": login.jump}, tail, behind=login.jump, passing=passing)


def _keys(reason: str, said: str, login: Login, host: str) -> dict[str, object]:
    """Of a host key: what was shown, what is known, and the command that forgets it."""
    if not reason.startswith("openssh.host-key-"):
        return {}
    known = _OFFENDING.search(said)
    remove = _REMOVE.search(said)
    return {
        "shown": login.fingerprint or "?",
        "known": fingerprint(Path(known["file"]), int(known["line"])) if known else "?",
        "file": known["file"] if known else "known_hosts",
        "remove": remove[1] if remove else f"ssh-keygen -R {shlex.quote(host)}",
    }


def fingerprint(file: Path, line: int) -> str:
    """The fingerprint of the key in that line of a known_hosts file, counted from 1; `?` where it can't be read."""
    try:
        words = file.read_text(encoding="utf-8", errors="replace").splitlines()[line - 1].split()
        key = next(word for word in words if word.startswith("AAAA"))
        digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()
    except (OSError, IndexError, StopIteration, binascii.Error):
        return "?"
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
