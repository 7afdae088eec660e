"""Passwords as files, programs and people give them: of vaults, and of hosts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoglm_fix.authored.vault import Keyring, NoPassword, Password, is_sealed

DEFAULT_LABEL = "default"
PROMPT = "prompt"
# A program may ask a person (a PIN, a touch), and nobody is to find a run hanging in the morning.
_PATIENCE_S = 300.0
_MOST_BYTES = 64 * 1024
_CLIENT = "-client"

Prompt = Callable[[str], str]


@dataclass(frozen=True)
class PasswordFile:
    """A file that holds a password, or a program that prints it."""

    path: str
    label: str = DEFAULT_LABEL

    def read(self) -> bytes:
        """The password, without the line's end. Raises NoPassword."""
        path = Path(self.path).expanduser()
        if path.is_file() and os.access(path, os.X_OK):
            return self._filled(self._printed(path).strip(b"\r\n"))
        try:
            with path.open("rb") as source:
                found = source.read(_MOST_BYTES).strip()
        except OSError as err:
            raise NoPassword(f"the password file {self.path} cannot be read: {err.strerror}") from err
        if is_sealed(found[:64].decode("ascii", "replace")):
            raise NoPassword(f"the password file {self.path} is encrypted itself")
        return self._filled(found)

    def _printed(self, path: Path) -> bytes:
        """What the program prints; it may talk to a person on the terminal. A client is told which id is wanted."""
        told = ["--vault-id", self.label] if path.stem.endswith(_CLIENT) else []
        try:
            done = subprocess.run([str(path.absolute()), *told], stdout=subprocess.PIPE, timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired as err:
            raise NoPassword(f"the password program {self.path} said nothing for {_PATIENCE_S:.0f} seconds") from err
        except OSError as err:
            reason = f"{err.strerror}. If it is no program, take away its right to be executed"
            raise NoPassword(f"the password program {self.path} cannot be run: {reason}") from err
        if done.returncode:
            raise NoPassword(f"the password program {self.path} failed with exit code {done.returncode}")
        return done.stdout

    def _filled(self, password: bytes) -> bytes:
        if not password:
            raise NoPassword(f"the password file {self.path} gives an empty password")
        return password


@dataclass(frozen=True)
class TypedPassword:
    """A password that a person types when the command begins."""

    typed: bytes
    label: str = DEFAULT_LABEL

    def read(self) -> bytes:
        """The password."""
        return self.typed

    def __repr__(self) -> str:
        return f"TypedPassword(label={self.label!r})"


def keyring(
    ids: Sequence[str] = (),
    files: Sequence[str] = (),
    *,
    ask: bool = False,
    prompt: Prompt,
    environment: Mapping[str, str] = os.environ,
) -> Keyring:
    """The vault passwords in Ansible's order: by id, by file, of the environment, typed.

    ``ids`` are ``LABEL@FILE``, ``LABEL@prompt``, or either without a label. What ``prompt`` asks for is asked at
    once; files are read, and programs run, when something is to be opened.
    """
    listed = [each.strip() for each in environment.get("ANSIBLE_VAULT_IDENTITY_LIST", "").split(",") if each.strip()]
    named = environment.get("ANSIBLE_VAULT_PASSWORD_FILE", "")
    passwords: list[Password] = [_of_id(each, prompt) for each in (*listed, *ids)]
    passwords += [PasswordFile(file) for file in (*files, *((named,) if named else ()))]
    if ask:
        passwords.append(TypedPassword(prompt("Vault password").encode()))
    return Keyring(passwords)


def _of_id(written: str, prompt: Prompt) -> Password:
    label, source = written.split("@", 1) if "@" in written else ("", written)
    label = label or DEFAULT_LABEL
    if source in (PROMPT, "prompt_ask_vault_pass"):
        return TypedPassword(prompt(f"Vault password ({label})").encode(), label)
    return PasswordFile(source, label)
