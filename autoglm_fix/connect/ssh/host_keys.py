"""Which host keys are known, and whether the one that a host shows is to be trusted."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterable

from paramiko import PKey

from ..channel import NotConnected
from .algorithms import chosen
from .certificates import SUFFIX, objection
from .known_hosts import Known, KnownHosts, fingerprint, public_keys
from .settings import SshSettings

# In this order where nothing is known of a host.
_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_KRL = b"SSHKRL\n\0"


class HostKeys:
    """The known_hosts files of one run: shared by all hosts and threads. Each file is read once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, KnownHosts] = {}
        self._found: dict[tuple[str, tuple[str, ...]], list[Known]] = {}
        self._revoked: dict[str, frozenset[bytes]] = {}

    def accepted(self, settings: SshSettings, key: PKey) -> None:
        """Return where the key may be trusted; NotConnected (``host-key.<what>``) where not. Before any login."""
        with self._lock:
            self._judge(settings, key)

    def preferred_algorithms(self, settings: SshSettings) -> tuple[str, ...]:
        """The types of host keys to ask for, in order: those that the host is known by come first.

        Fit for ``transport.get_security_options().key_types``.
        """
        allowed = chosen("HostKeyAlgorithms", settings.host_key_algorithms, _TYPES, settings)
        with self._lock:
            known = [each for name in _names(settings) for each in self._look_up(settings, name)]
        kinds = {each.kind for each in known if not each.marker}
        first = [name for name in allowed if _kind(name) in kinds]
        vouched = any(each.marker == "@cert-authority" for each in known)
        certificates = [name + SUFFIX for name in allowed] if vouched else []
        return tuple(dict.fromkeys([*certificates, *first, *allowed]))

    def _judge(self, settings: SshSettings, key: PKey) -> None:
        blob, certificate = key.asbytes(), _certificate(key)
        known = self._look_up(settings, settings.host_key_name)
        self._refuse_revoked(settings, key, known)
        revoked = {each.blob for each in known if each.marker == "@revoked"}
        authorities = {each.blob for each in known if each.marker == "@cert-authority"}
        if certificate and authorities:
            if not (why := objection(certificate, _bare(settings), authorities - revoked)):
                return
            if not any(each.blob == blob for each in known if not each.marker):
                raise NotConnected("host-key.certificate", {**_shown(settings, key), "reason": why})
        plain = [each for each in known if not each.marker]
        if any(each.blob == blob for each in plain):
            return
        if plain:
            raise _differs(settings, key, plain)
        # As ssh does: a key that is known for the host, whatever the port, is no stranger's.
        for name in _names(settings)[1:]:
            if any(each.blob == blob and not each.marker for each in self._look_up(settings, name)):
                return
        if authorities:
            # Somebody vouches for hosts of that name, and not for this one: trust at first sight is not for it.
            raise NotConnected("host-key.uncertified", _shown(settings, key))
        self._stranger(settings, key)

    def _stranger(self, settings: SshSettings, key: PKey) -> None:
        """A host that was never seen: its key is noted where that is wanted, and refused where not."""
        if settings.strict != "accept-new":
            _refuse_where_ssh_knows_more(settings)
            values = _shown(settings, key)
            raise NotConnected("host-key.unknown", {**values, "kind_file": str(values["kind"]).lower()})
        if not settings.known_hosts:
            return
        file = self._file(settings.known_hosts[0])
        try:
            name, kind = settings.host_key_name, key.get_name()
            meanwhile = file.add(name, kind, key.asbytes(), hashed=settings.hash_known_hosts)
        except OSError as error:
            values = {**_shown(settings, key), "file": file.path, "reason": error.strerror or "unwritable"}
            raise NotConnected("host-key.not-noted", values) from None
        self._found.clear()
        if meanwhile:
            # Another run was quicker: what it noted is what counts.
            self._judge(settings, key)

    def _refuse_revoked(self, settings: SshSettings, key: PKey, known: list[Known]) -> None:
        blobs = {key.asbytes()}
        if certificate := _certificate(key):
            blobs.add(certificate)
        for each in known:
            if each.marker == "@revoked" and each.blob in blobs:
                raise NotConnected("host-key.revoked", {**_shown(settings, key), "file": each.file, "line": each.line})
        if settings.revoked_keys and blobs & self._listed(settings.revoked_keys):
            raise NotConnected(
                "host-key.revoked", {**_shown(settings, key), "file": settings.revoked_keys, "line": "-"}
            )

    def _listed(self, path: str) -> frozenset[bytes]:
        """The keys of a RevokedHostKeys file. As with ssh, one that cannot be read revokes all."""
        if path not in self._revoked:
            try:
                with open(path, "rb") as handle:
                    if handle.read(len(_KRL)) == _KRL:
                        raise NotConnected("ssh.needs-openssh", {"setting": "RevokedHostKeys (KRL)", "where": path})
                self._revoked[path] = frozenset(public_keys(path))
            except OSError as error:
                raise NotConnected(
                    "host-key.unreadable", {"file": path, "reason": error.strerror or "unreadable"}
                ) from None
        return self._revoked[path]

    def _look_up(self, settings: SshSettings, name: str) -> list[Known]:
        paths = settings.known_hosts + settings.global_known_hosts
        if (name, paths) not in self._found:
            try:
                found = [known for path in paths for known in self._file(path).look_up(name)]
            except OSError as error:
                values = {"file": error.filename or paths[0], "reason": error.strerror or "unreadable"}
                raise NotConnected("host-key.unreadable", values) from None
            self._found[name, paths] = found
        return self._found[name, paths]

    def _file(self, path: str) -> KnownHosts:
        return self._files.setdefault(path, KnownHosts(path))


def _names(settings: SshSettings) -> list[str]:
    """What known_hosts is asked for, in turn."""
    name = settings.host_key_name
    own = name == f"[{settings.hostname}]:{settings.port}"
    return [name, settings.hostname] if own else [name]


def _bare(settings: SshSettings) -> str:
    """The name that a certificate has: without the port."""
    return _names(settings)[-1]


def _kind(algorithm: str) -> str:
    return "ssh-rsa" if algorithm.startswith("rsa-") else algorithm


def _certificate(key: PKey) -> bytes:
    return key.public_blob.key_blob if key.public_blob else b""


def _shown(settings: SshSettings, key: PKey) -> dict[str, object]:
    return {
        "name": settings.host_key_name,
        "kind": _spoken(key.get_name()),
        "shown": fingerprint(key.asbytes()),
    }


def _differs(settings: SshSettings, key: PKey, known: list[Known]) -> NotConnected:
    """The error for a host that is known, but not by this key."""
    same = [each for each in known if each.kind == key.get_name()]
    other = (same or known)[0]
    values = {
        **_shown(settings, key),
        "known_kind": _spoken(other.kind),
        "known": fingerprint(other.blob),
        "file": other.file,
        "line": other.line,
        "quoted_file": shlex.quote(other.file),
        "quoted_name": shlex.quote(settings.host_key_name),
    }
    return NotConnected("host-key.changed" if same else "host-key.other-kind", values)


def _spoken(kind: str) -> str:
    """A kind of key as ssh names it: ED25519."""
    words = kind.removesuffix(SUFFIX).removeprefix("ssh-").split("-")
    return words[0].upper()


def _refuse_where_ssh_knows_more(settings: SshSettings) -> None:
    asked: Iterable[str] = ("KnownHostsCommand", "VerifyHostKeyDNS")
    for each in settings.beyond:
        if each.setting in asked:
            raise NotConnected("ssh.needs-openssh", {"setting": each.setting, "where": each.place})
