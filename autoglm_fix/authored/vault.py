"""What ``ansible-vault`` encrypted, opened when it is needed: whole files, and values tagged ``!vault``.

The format: a header ``$ANSIBLE_VAULT;1.1;AES256`` or ``$ANSIBLE_VAULT;1.2;AES256;LABEL``, then a salt, an
HMAC-SHA256 and the ciphertext (AES-256 in counter mode, padded), in hex twice over. The keys come from the
password by PBKDF2 with 10000 rounds, which is why nothing is opened that nobody asks for, and nothing twice.
"""

from __future__ import annotations

import binascii
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .problems import BadInput, Position, Problem, quoted

HEADER = "$ANSIBLE_VAULT;"
_ROUNDS = 10_000
_KEY, _DIGEST, _BLOCK = 32, 32, 16
_WAYS = "Give its password with --vault-password-file FILE, --vault-id LABEL@FILE or --ask-vault-pass."


class NoPassword(Exception):
    """A password that cannot be had. The message is for people, and holds nothing of any secret."""


class Password(Protocol):
    """Where one vault password comes from."""

    @property
    def label(self) -> str:
        """Its vault id."""

    def read(self) -> bytes:
        """The password. Called once, when something is to be opened. Raises NoPassword."""


@dataclass(frozen=True)
class _Sealed:
    """One encrypted text, taken apart."""

    label: str
    salt: bytes
    digest: bytes
    ciphertext: bytes


class Keyring:
    """The vault passwords of one invocation, tried in their order; one whose label fits is tried first.

    ``files`` are the encrypted files that were opened, as messages call them: what they say is secret.
    """

    def __init__(self, passwords: Sequence[Password] = ()) -> None:
        self.files: set[str] = set()
        self._passwords = tuple(passwords)
        self._known: dict[int, bytes | None] = {}
        self._opened: dict[str, bytes] = {}
        self._values: list[str] = []
        self._listeners: list[Callable[[str], None]] = []
        self._turn = threading.Lock()

    @property
    def values(self) -> list[str]:
        """The encrypted values that were opened so far."""
        return list(self._values)

    def tell(self, listener: Callable[[str], None]) -> None:
        """Tell of every value: those that were opened already, and at once of each that will be."""
        with self._turn:
            for value in self._values:
                listener(value)
            self._listeners.append(listener)

    def open_value(self, payload: str, at: Position) -> str:
        """The text of an encrypted value. Raises BadInput at its place."""
        with self._turn:
            new = _compact(payload) not in self._opened
            text = self._open(payload, at, "this value")
            if new:
                self._values.append(text)
                for listener in self._listeners:
                    listener(text)
            return text

    def open_file(self, payload: str, file: str) -> str:
        """The text of an encrypted file. Raises BadInput."""
        with self._turn:
            self.files.add(file)
            return self._open(payload, Position(file, 1, 1), "this file")

    def _open(self, payload: str, at: Position, what: str) -> str:
        key = _compact(payload)
        if key not in self._opened:
            sealed = _taken_apart(payload, at, what)
            self._opened[key] = self._unsealed(sealed, at, what)
        try:
            return self._opened[key].decode("utf-8-sig" if what == "this file" else "utf-8")
        except UnicodeDecodeError:
            raise BadInput([at.problem(f"what {what} holds is not UTF-8 text")]) from None

    def _unsealed(self, sealed: _Sealed, at: Position, what: str) -> bytes:
        problems: list[Problem] = []
        order = sorted(range(len(self._passwords)), key=lambda each: self._passwords[each].label != sealed.label)
        for number in order:
            password = self._password(number, problems)
            text = None if password is None else _opened_with(password, sealed)
            if text is not None:
                return text
        named = f" (id {quoted(sealed.label)})" if sealed.label else ""
        if not self._passwords:
            raise BadInput([at.problem(f"{what} is encrypted{named}, and no vault password was given", _WAYS)])
        if problems and all(each is None for each in self._known.values()):
            raise BadInput(problems)
        message = f"no vault password that was given opens {what}{named}, or it was edited or cut short"
        raise BadInput([*problems, at.problem(message, "'ansible-vault view' with the same password shows which.")])

    def _password(self, number: int, problems: list[Problem]) -> bytes | None:
        if number not in self._known:
            try:
                self._known[number] = self._passwords[number].read()
            except NoPassword as err:
                self._known[number] = None
                problems.append(Position("--vault-password-file").problem(str(err)))
        return self._known[number]


def is_sealed(text: str) -> bool:
    """Whether a text is one that ansible-vault encrypted."""
    return text.startswith(HEADER)


def _compact(payload: str) -> str:
    return "".join(payload.split())


def _taken_apart(payload: str, at: Position, what: str) -> _Sealed:
    lines = payload.strip().splitlines()
    header = [part.strip() for part in lines[0].split(";")] if lines else []
    if len(header) < 3 or header[0] != HEADER.rstrip(";"):
        message = f"{what} is tagged '!vault', and is not what ansible-vault writes"
        raise BadInput([at.problem(message, f"It begins with '{HEADER}1.1;AES256' on a line of its own.")])
    version, cipher = header[1], header[2]
    if version not in ("1.1", "1.2") or cipher != "AES256":
        kind = quoted(f"{version};{cipher}")
        message = f"{what} is encrypted in the format {kind}, which is not one of 1.1 and 1.2 with AES256"
        raise BadInput([at.problem(message, "'ansible-vault rekey' writes it anew.")])
    try:
        inner = binascii.unhexlify("".join(line.strip() for line in lines[1:]))
        salt, digest, ciphertext = (binascii.unhexlify(part) for part in inner.split(b"\n", 2))
    except ValueError:
        raise _cut_short(at, what) from None
    if len(salt) < 1 or len(digest) != _DIGEST or not ciphertext or len(ciphertext) % _BLOCK:
        raise _cut_short(at, what)
    return _Sealed(header[3] if version == "1.2" and len(header) > 3 else "", salt, digest, ciphertext)


def _cut_short(at: Position, what: str) -> BadInput:
    hint = "Encrypt it again, or bring it back from where it is kept."
    return BadInput([at.problem(f"{what} was encrypted, and has been cut short or edited since", hint)])


def _opened_with(password: bytes, sealed: _Sealed) -> bytes | None:
    """The text, None where it is not this password's."""
    import hashlib
    import hmac

    keys = hashlib.pbkdf2_hmac("sha256", password, sealed.salt, _ROUNDS, 2 * _KEY + _BLOCK)
    cipher_key, digest_key, start = keys[:_KEY], keys[_KEY : 2 * _KEY], keys[2 * _KEY :]
    if not hmac.compare_digest(hmac.new(digest_key, sealed.ciphertext, "sha256").digest(), sealed.digest):
        return None
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    opener = Cipher(AES(cipher_key), CTR(start)).decryptor()
    padded = opener.update(sealed.ciphertext) + opener.finalize()
    return padded[: -padded[-1]] if 1 <= padded[-1] <= _BLOCK else None
