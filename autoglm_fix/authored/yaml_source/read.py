"""Files of YAML: what can be read of them, and why not more."""

from __future__ import annotations

from pathlib import Path

from autoglm_fix.authored.problems import Position, Problem

from .nodes import YamlNode

_LARGEST_FILE = 32 * 1024 * 1024


def read_yaml(path: str | Path, problems: list[Problem]) -> YamlNode | None:
    """The one document of a file, and into ``problems`` what is wrong with it; None where there is no reading it.

    An empty file is an empty scalar.
    """
    text = read_text(path, problems)
    return None if text is None else parse_yaml(text, str(path), problems)


def parse_yaml(text: str, file: str, problems: list[Problem]) -> YamlNode | None:
    """The one document of a text; ``file`` is what messages call it."""
    from .compose import compose  # brings PyYAML, which --help does without

    return compose(text, file, problems)


def read_text(path: str | Path, problems: list[Problem]) -> str | None:
    """A file's text, in UTF-8 with or without a byte order mark; None after adding to ``problems``."""
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
