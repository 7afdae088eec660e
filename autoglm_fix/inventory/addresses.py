"""What inventories and patterns take for the address of a host: a name, an IPv4 or IPv6 address, and its port."""

from __future__ import annotations

import ipaddress
import re

_RANGE = r"\[(?:[a-zA-Z]:[a-zA-Z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?:\w|{_RANGE})(?:[\w-]|{_RANGE})*(?<![_-])"
# Nearly every name there is.
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.]*[A-Za-z0-9])?")
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_IN_BRACKETS = re.compile(r"\[(.+)\]:([0-9]+)")
_WITH_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")
_FORBIDDEN = re.compile(r"[\s,!&/]")
_HEX_RANGE = re.compile(r"\[[0-9a-fA-F]+:[0-9a-fA-F]+(?::[0-9]+)?\]")
# This machine, where nobody says otherwise.
LOCALHOSTS = ("127.0.0.1", "localhost", "::1")


def address_and_port(text: str) -> tuple[str, int | None] | None:
    """A host with ranges or without, and its port, from ``name:22``, ``[fe80::1]:22`` or either alone; else None."""
    address, port = text, None
    if _PLAIN.fullmatch(text):
        return text, None
    if ":" in text:
        for form in (_IN_BRACKETS, _WITH_PORT):
            if found := form.fullmatch(address):
                address, port = found[1], int(found[2])
    return (address, port) if _NAME.fullmatch(address) or _is_ipv6(address) else None


def not_a_host_name(name: str) -> str:
    """Why a name can't be a host's, or nothing."""
    if not name or name.startswith("-"):
        return "it is empty" if not name else "it begins with '-', as options do"
    if _FORBIDDEN.search(name):
        return "it has a space or one of , ! & / in it"
    if "[" in name or "]" in name:
        return "what stands in brackets is no range like [01:64]"
    return ""


def is_ip_address(name: str) -> bool:
    """Whether a name is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    if ":" not in text or "%" in text:
        return False
    try:
        ipaddress.IPv6Address(_HEX_RANGE.sub("0", text))
    except ValueError:
        return False
    return True
