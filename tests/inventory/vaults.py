"""What the real ``ansible-vault`` encrypts."""

from __future__ import annotations

import functools
import subprocess
import sys
from importlib.util import find_spec

import pytest

if find_spec("ansible") is None:
    pytest.skip("ansible-core is not installed", allow_module_level=True)

# In a process of its own: it changes Python itself where it is imported.
_PROGRAM = """
import sys
from ansible.parsing import vault

text, password, label = sys.argv[1:]
secret = vault.VaultSecret(password.encode())
library = vault.VaultLib([(label or "default", secret)])
print(library.encrypt(text.encode(), secret, vault_id=label or None).decode(), end="")
"""


@functools.cache
def sealed(text: str, password: str = "open sesame", label: str = "") -> str:
    """The text, encrypted; with a label in format 1.2."""
    command = [sys.executable, "-c", _PROGRAM, text, password, label]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def value(text: str, password: str = "open sesame", label: str = "", indent: int = 8) -> str:
    """A value for a YAML file, as ``ansible-vault encrypt_string`` prints it."""
    return "!vault |\n" + "".join(f"{' ' * indent}{line}\n" for line in sealed(text, password, label).splitlines())
