"""Files of YAML: what can be read of them, and why not more."""

from __future__ import annotations

from pathlib import Path

from autoglm_fix.authored.problems import BadInput, Position, Problem
from autoglm_fix.authored.vault import Keyring, is_sealed

from .nodes import YamlNode

_LARGEST_FILE = 32 * 1024 * 1024


def read_yaml(
    path: str | Path, problems: list[Problem], keys: Keyring | None = None, *, any_keys: bool = False
) -> YamlNode | None:
    """The one document of a file, and into ``problems`` what is wrong with it; None where there is no reading it.

    An empty file is an empty scalar. With ``keys`` it may be encrypted, as a whole or in values. ``any_keys``: as for
    ``parse_yaml``.
    """
    text = read_text(path, problems, keys)
    return None if text is None else parse_yaml(text, str(path), problems, keys, any_keys=any_keys)


def parse_yaml(
    text: str, file: str, problems: list[Problem], keys: Keyring | None = None, *, any_keys: bool = False
) -> YamlNode | None:
    """The one document of a text; ``file`` is what messages call it. With ``keys``, ``!vault`` tags a value.

    ``any_keys`` takes keys that are numbers for text, as JSON has them: files written for other tools hold some.
    """
    from .compose import compose  # brings PyYAML, which --help does without

    return compose(text, file, problems, keys, any_keys=any_keys)


def read_text(path: str | Path, problems: list[Problem], keys: Keyring | None = None) -> str | None:
    """A file's text, in UTF-8 with or without a byte order mark; None after adding to ``problems``.

    With ``keys`` a file that ansible-vault encrypted is opened.
    """
    text = _read(path, problems)
    if text is None or keys is None or not is_sealed(text):
        return text
    try:
        return keys.open_file(text, str(path))
    except BadInput as err:
        problems += err.problems
        return None


def _read(path: str | Path, problems: list[Problem]) -> str | None:
    where = Position(str(path))
    try:
        with open(path, "rb") as source:
            content = source.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        problems.append(where.problem("there is no such file"))
        return None
    except IsADirectoryError:
        problems.append(where.problem("this is a folder, not a file"))
        return None
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        problems.append(where.problem(f"cannot be read: {reason}"))
        return None
    if len(content) > _LARGEST_FILE:
        problems.append(where.problem(f"this file is larger than {_LARGEST_FILE // 1024 // 1024} MiB"))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        before = content[: err.start].decode("utf-8-sig", "replace")
        at = Position(where.file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        problems.append(at.problem(f"byte 0x{content[err.start]:02x} is not UTF-8 text", "Save the file as UTF-8."))
        return None
