"""A file of variables that the inventory names for a service."""

from __future__ import annotations

from ..unknown import CannotTell


def read_env_file(path: str) -> dict[str, str]:
    """What it sets. CannotTell where it cannot be read; one with a ``-`` in front may be missing."""
    optional = path.startswith("-")  # as systemd writes it
    try:
        with open(path.lstrip("-"), encoding="utf-8", errors="replace") as source:
            lines = source.read(1 << 20).splitlines()
    except FileNotFoundError as err:
        if optional:
            return {}
        raise CannotTell(f"the service's environment file {path} is not there") from err
    except OSError as err:
        raise CannotTell(f"cannot read the service's environment file {path}: {err.strerror}") from err
    found: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.strip().partition("=")
        name = name[7:].strip() if name.startswith("export ") else name.strip()
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        if equals and name.isidentifier():
            found[name] = value
    return found
