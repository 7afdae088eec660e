"""From what the configuration says to settings: each keyword that matters, with its default."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..channel import NotConnected
from ..route import Route
from .config_file import Line
from .config_match import Said
from .settings import KEEPALIVE_S, Beyond, SshSettings
from .tokens import There, Tokens

_IDENTITIES = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
# One round trip each, and two for the last: in this order unless the configuration has another.
_METHODS = ("publickey", "password", "keyboard-interactive")
# What ssh does and paramiko can't, in every case or only where the host needs it for the login or its key.
_NEVER = {
    "canonicalizehostname": ("yes", "always"),
    "proxyusefdpass": ("yes",),
}
_SOMETIMES = {
    "gssapiauthentication": "GSSAPIAuthentication",
    "hostbasedauthentication": "HostbasedAuthentication",
    "pkcs11provider": "PKCS11Provider",
    "knownhostscommand": "KnownHostsCommand",
    "verifyhostkeydns": "VerifyHostKeyDNS",
    "kexalgorithms": "KexAlgorithms",
    "ciphers": "Ciphers",
    "macs": "MACs",
    "hostkeyalgorithms": "HostKeyAlgorithms",
}
_TIME = re.compile(r"(\d+)([smhdw]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def translate(said: Said, there: There, tokens: Tokens, timeout_s: float, accept_new: bool) -> SshSettings:
    """The settings of a host, without its jump hosts. Raises NotConnected (``ssh.<what>``)."""
    _refuse_what_is_beyond(said)
    named = [(line.first, line) for line in said.every.get("identityfile", ())]
    usual = [(f"~/.ssh/{name}", None) for name in _IDENTITIES]
    return SshSettings(
        name=there.asked,
        hostname=there.hostname,
        port=there.port,
        user=there.user,
        identity_files=_paths(named, tokens) if named else _paths(usual, tokens),
        identities_named=bool(named),
        certificate_files=_paths([(line.first, line) for line in said.every.get("certificatefile", ())], tokens),
        identities_only=_flag(said, "identitiesonly"),
        agent=_agent(said, tokens),
        strict=_strict(said, accept_new),
        known_hosts=_files(said, tokens, "userknownhostsfile", ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")),
        global_known_hosts=_files(
            said, tokens, "globalknownhostsfile", ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
        ),
        revoked_keys="".join(_files(said, tokens, "revokedhostkeys", ())[:1]),
        host_key_name=_host_key_name(said, there),
        hash_known_hosts=_flag(said, "hashknownhosts"),
        host_key_algorithms=said.word("hostkeyalgorithms"),
        kex=said.word("kexalgorithms"),
        ciphers=said.word("ciphers"),
        macs=said.word("macs"),
        key_algorithms=said.word("pubkeyacceptedalgorithms"),
        methods=_methods(said),
        keepalive_s=_seconds(said, "serveraliveinterval", KEEPALIVE_S),
        keepalive_count=_count(said, "serveralivecountmax", 3),
        timeout_s=_timeout(said, timeout_s),
        compression=_flag(said, "compression"),
        address_family=said.word("addressfamily", "any").lower(),
        bind_address=said.word("bindaddress"),
        beyond=tuple(_beyond(said)),
    )


def _refuse_what_is_beyond(said: Said) -> None:
    for keyword, values in _NEVER.items():
        line = said.first.get(keyword)
        if line and line.first.lower() in values:
            raise NotConnected("ssh.needs-openssh", {"setting": f"{keyword} {line.first}", "where": line.place})


def _beyond(said: Said) -> list[Beyond]:
    return [
        Beyond(name, line.file, line.number)
        for keyword, name in _SOMETIMES.items()
        if (line := said.first.get(keyword)) and line.rest.lower() not in ("no", "none", "false")
    ]


def _paths(texts: Sequence[tuple[str, Line | None]], tokens: Tokens) -> tuple[str, ...]:
    paths = (tokens.path(text, line) for text, line in texts if text.lower() != "none")
    return tuple(dict.fromkeys(paths))


def _files(said: Said, tokens: Tokens, keyword: str, default: tuple[str, ...]) -> tuple[str, ...]:
    line = said.first.get(keyword)
    return _paths([(word, line) for word in (line.words if line else default)], tokens)


def _agent(said: Said, tokens: Tokens) -> str:
    line = said.first.get("identityagent")
    named = line.first if line else "SSH_AUTH_SOCK"
    if named == "none":
        return ""
    if named == "SSH_AUTH_SOCK" or (named.startswith("$") and not named.startswith("${")):
        return tokens.here.environment.get(named.lstrip("$"), "")
    return tokens.path(named, line)


def _strict(said: Said, accept_new: bool) -> str:
    word = said.word("stricthostkeychecking", "ask").lower()
    return "accept-new" if accept_new or word in ("no", "off", "false", "accept-new") else "yes"


def _host_key_name(said: Said, there: There) -> str:
    alias = said.word("hostkeyalias").lower()
    return alias or (there.hostname if there.port == 22 else f"[{there.hostname}]:{there.port}")


def _methods(said: Said) -> tuple[str, ...]:
    preferred = said.word("preferredauthentications")
    order = [word.strip().lower() for word in preferred.split(",")] if preferred else list(_METHODS)
    allowed = {
        "publickey": said.word("pubkeyauthentication", "yes").lower() not in ("no", "false"),
        "password": _flag(said, "passwordauthentication", "yes"),
        "keyboard-interactive": _flag(said, "kbdinteractiveauthentication", "yes"),
    }
    return tuple(dict.fromkeys(method for method in order if allowed.get(method)))


def _timeout(said: Said, timeout_s: float) -> float:
    """The inventory's own; where that is only the usual one, ssh's ConnectTimeout."""
    line = said.first.get("connecttimeout")
    if not line or line.first == "none" or (timeout_s != Route.timeout_s and line.file != "inventory"):
        return timeout_s
    return _seconds(said, "connecttimeout", timeout_s) or timeout_s


def _flag(said: Said, keyword: str, default: str = "no") -> bool:
    return said.word(keyword, default).lower() in ("yes", "true")


def _count(said: Said, keyword: str, default: int) -> int:
    word = said.word(keyword)
    if word and not word.isdigit():
        raise _wrong(said, keyword, "a number")
    return int(word) if word else default


def _seconds(said: Said, keyword: str, default: float) -> float:
    """A time as OpenSSH writes it: ``90``, ``90s``, ``1m30s``."""
    word = said.word(keyword).lower()
    parts = _TIME.findall(word)
    if "".join(number + unit for number, unit in parts) != word:
        raise _wrong(said, keyword, "a time")
    return sum(int(number) * _UNITS[unit] for number, unit in parts) if parts else default


def _wrong(said: Said, keyword: str, wanted: str) -> NotConnected:
    line = said.first[keyword]
    return NotConnected("ssh.config-wrong", {"where": line.place, "reason": f"'{line.first}' is not {wanted}"})
