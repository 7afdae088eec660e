"""Which algorithms a transport asks for: what the configuration says, of those that paramiko has."""

from __future__ import annotations

from collections.abc import Sequence

from paramiko import Transport

from ..channel import NotConnected
from .patterns import in_list
from .settings import SshSettings

# One pass over the bytes where paramiko's own first choices need two, of which one is in Python.
_FAST = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


def agree(transport: Transport, settings: SshSettings, host_key_types: Sequence[str]) -> None:
    """Set a transport's algorithms before its ``start_client``. Raises NotConnected where paramiko has none of them.

    ``host_key_types`` are those of ``HostKeys.preferred_algorithms``.
    """
    options = transport.get_security_options()
    options.key_types = tuple(host_key_types)
    options.kex = chosen("KexAlgorithms", settings.kex, options.kex, settings)
    ciphers = tuple(dict.fromkeys([*_FAST, *options.ciphers]))
    options.ciphers = chosen("Ciphers", settings.ciphers, ciphers, settings)
    options.digests = chosen("MACs", settings.macs, options.digests, settings)
    transport.use_compression(settings.compression)


def chosen(keyword: str, wanted: str, offered: Sequence[str], settings: SshSettings) -> tuple[str, ...]:
    """What remains of the algorithms that paramiko offers, in order, after a list in ssh_config's way of writing.

    A list that leaves none is a need for OpenSSH, as is one whose every word paramiko lacks.
    """
    if not wanted:
        return tuple(offered)
    sign, words = (wanted[0], wanted[1:]) if wanted[0] in "+-^" else ("", wanted)
    if sign == "-":
        left = [name for name in offered if not in_list(name, words)]
    else:
        named = [name for word in words.split(",") for name in offered if in_list(name, word)]
        rest = [name for name in offered if name not in named]
        left = named if not sign else [*named, *rest] if sign == "^" else list(offered)
    if not left:
        place = next((each for each in settings.beyond if each.setting == keyword), None)
        where = place.place if place else settings.name
        raise NotConnected("ssh.needs-openssh", {"setting": f"{keyword} {wanted}", "where": where})
    return tuple(dict.fromkeys(left))
