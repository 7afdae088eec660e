"""Certificates of OpenSSH: what a host's must fulfil to stand in for a known key, and for whom a user's is."""

from __future__ import annotations

import base64
import time
from collections.abc import Collection

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.ssh import (
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)
from paramiko import Message

from .patterns import any_of

SUFFIX = "-cert-v01@openssh.com"
# How many fields a certificate's key has, after the type and the nonce.
_KEY_FIELDS = {
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "ssh-rsa": 2,
}
_FOR_EVER = 2**64 - 1
_UNREADABLE = (ValueError, NotImplementedError, UnsupportedAlgorithm)


def objection(blob: bytes, name: str, authorities: Collection[bytes]) -> str:
    """Why a host's certificate does not vouch for a name; empty where one of the authorities' does."""
    try:
        certificate = _loaded(blob)
        return _objection(certificate, blob, name, authorities) if certificate else "it cannot be read"
    except _UNREADABLE:
        return "it cannot be read"


def certified(blob: bytes) -> tuple[bytes, str]:
    """The plain key in a certificate, and why the certificate is not valid now; nothing where it is none."""
    try:
        certificate = _loaded(blob) if Message(blob).get_string().endswith(SUFFIX.encode()) else None
        return (_blob(certificate.public_key()), _out_of_time(certificate)) if certificate else (b"", "")
    except _UNREADABLE:
        return b"", ""


def _objection(certificate: SSHCertificate, blob: bytes, name: str, authorities: Collection[bytes]) -> str:
    if _blob(certificate.signature_key()) not in authorities:
        return "its authority is not one that is known for this host"
    if certificate.type is not SSHCertificateType.HOST:
        return "it is a user's, not a host's"
    if certificate.critical_options:
        return "it has conditions that are not known"
    if not _signed_well(blob):
        return "it is signed with SHA-1"
    try:
        certificate.verify_cert_signature()
    except InvalidSignature:
        return "its signature is wrong"
    if out := _out_of_time(certificate):
        return out
    principals = tuple(each.decode("utf-8", "replace").lower() for each in certificate.valid_principals)
    return "" if any_of(name, principals) else f"it is for {', '.join(principals) or 'no host'}"


def _loaded(blob: bytes) -> SSHCertificate | None:
    identity = load_ssh_public_identity(Message(blob).get_string() + b" " + base64.b64encode(blob))
    return identity if isinstance(identity, SSHCertificate) else None


def _blob(key: EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey) -> bytes:
    return base64.b64decode(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])


def _out_of_time(certificate: SSHCertificate) -> str:
    now = time.time()
    if now < certificate.valid_after:
        return "it is valid from " + _date(certificate.valid_after)
    if certificate.valid_before != _FOR_EVER and now >= certificate.valid_before:
        return "it expired at " + _date(certificate.valid_before)
    return ""


def _signed_well(blob: bytes) -> bool:
    fields = Message(blob)
    kind = fields.get_string().decode("ascii", "replace").removesuffix(SUFFIX)
    for _ in range(1 + _KEY_FIELDS.get(kind, 0)):
        fields.get_string()
    fields.get_int64()  # serial
    fields.get_int()  # whose
    fields.get_string()  # key id
    fields.get_string()  # principals
    fields.get_int64()
    fields.get_int64()
    for _ in range(4):  # critical options, extensions, reserved, the authority's key
        fields.get_string()
    return Message(fields.get_string()).get_string() != b"ssh-rsa"


def _date(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return "the end of time"
