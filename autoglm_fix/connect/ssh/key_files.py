"""Private keys in files: read once a run, decrypted once for each passphrase, and what they sign."""

from __future__ import annotations

import base64
import binascii
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from paramiko import Message

_Private = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
_MAGIC = b"openssh-key-v1\0"
_CURVES = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}
_RSA: dict[str, hashes.HashAlgorithm] = {"rsa-sha2-512": hashes.SHA512(), "rsa-sha2-256": hashes.SHA256()}


class NotUsable(Exception):
    """Why a key in a file cannot be used. The text says so in a few words and holds no secret."""


@dataclass(frozen=True)
class KeyFile:
    """What a file says without a passphrase. ``blob`` is the public half, empty where it cannot be told."""

    path: str
    blob: bytes
    private: bytes
    encrypted: bool


@dataclass(frozen=True)
class PrivateKey:
    """A key that can sign."""

    blob: bytes
    key: _Private

    def sign(self, data: bytes, algorithm: str) -> bytes:
        """A signature as the protocol has it. ``algorithm`` is one of RSA's, or the key's own."""
        signed = Message()
        signed.add_string(algorithm)
        if isinstance(self.key, RSAPrivateKey):
            signed.add_string(self.key.sign(data, PKCS1v15(), _RSA[algorithm]))
        elif isinstance(self.key, Ed25519PrivateKey):
            signed.add_string(self.key.sign(data))
        else:
            pair = Message()
            for number in decode_dss_signature(self.key.sign(data, ECDSA(_CURVES[self.key.curve.name]))):
                pair.add_mpint(number)
            signed.add_string(pair.asbytes())
        return signed.asbytes()


class KeyFiles:
    """The key files of one run, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[str, KeyFile | NotUsable] = {}
        self._unlocked: dict[tuple[str, str | None], PrivateKey | NotUsable] = {}

    def look(self, path: str) -> KeyFile:
        """What is in a file. Raises NotUsable; FileNotFoundError."""
        with self._lock:
            if path not in self._read:
                try:
                    self._read[path] = _looked(path)
                except NotUsable as reason:
                    self._read[path] = reason
            found = self._read[path]
        if isinstance(found, NotUsable):
            raise NotUsable(str(found))
        return found

    def unlock(self, file: KeyFile, passphrase: str | None) -> PrivateKey:
        """The key itself. Raises NotUsable."""
        known = (file.path, passphrase if file.encrypted else None)
        # One at a time: to decrypt a key is meant to be slow, and two hundred threads ask for the same one.
        with self._lock:
            if known not in self._unlocked:
                try:
                    self._unlocked[known] = _unlocked(file, known[1])
                except NotUsable as reason:
                    self._unlocked[known] = reason
            found = self._unlocked[known]
        if isinstance(found, NotUsable):
            raise NotUsable(str(found))
        return found


def public_blob(path: str) -> bytes:
    """The key, or the certificate, in a file with one public key; empty where there is none."""
    try:
        words = Path(path).read_bytes().split()
        return base64.b64decode(words[1], validate=True) if len(words) > 1 else b""
    except (OSError, binascii.Error, ValueError):
        return b""


def _looked(path: str) -> KeyFile:
    try:
        with open(path, "rb") as handle:
            status = os.fstat(handle.fileno())
            text = handle.read(1 << 20)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotUsable(error.strerror or "unreadable") from None
    if b"PRIVATE KEY-----" not in text:
        blob = public_blob(path)
        if not blob:
            raise NotUsable("not a key")
        return KeyFile(path, blob, b"", False)
    # What others may read is no secret: ssh does not use it either.
    if status.st_uid == os.getuid() and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotUsable(f"mode {stat.S_IMODE(status.st_mode):04o}, chmod 600")
    if b"BEGIN OPENSSH" in text:
        blob, encrypted = _openssh(text)
        return KeyFile(path, blob, text, encrypted)
    return KeyFile(path, public_blob(path + ".pub"), text, b"ENCRYPTED" in text)


def _openssh(text: bytes) -> tuple[bytes, bool]:
    """The public half, which is not encrypted, and whether the private one is."""
    lines = [line.strip() for line in text.splitlines()]
    try:
        plain = base64.b64decode(b"".join(line for line in lines if not line.startswith(b"-----")), validate=True)
    except (binascii.Error, ValueError):
        raise NotUsable("broken") from None
    if not plain.startswith(_MAGIC):
        raise NotUsable("broken")
    header = Message(plain[len(_MAGIC) :])
    cipher = header.get_string()
    header.get_string()
    header.get_string()
    header.get_int()
    return header.get_string(), cipher != b"none"


def _unlocked(file: KeyFile, passphrase: str | None) -> PrivateKey:
    if not file.private:
        raise NotUsable("its private half is in no agent")
    kind = Message(file.blob).get_string() if file.blob else b""
    if kind.startswith(b"sk-"):
        raise NotUsable("sk: on a security key")
    if file.encrypted and passphrase is None:
        raise NotUsable("encrypted, no passphrase")
    load = load_ssh_private_key if b"BEGIN OPENSSH" in file.private else load_pem_private_key
    try:
        key = load(file.private, passphrase.encode() if passphrase is not None else None)
    except (UnsupportedAlgorithm, NotImplementedError):
        raise NotUsable("of an unsupported kind") from None
    except (ValueError, TypeError):
        raise NotUsable("wrong passphrase" if file.encrypted else "broken") from None
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey):
        raise NotUsable("of an unsupported kind")
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return PrivateKey(base64.b64decode(public.split()[1]), key)
