"""As whom a container's main process runs: by the numbers that the host's files have, for its names are its own."""

from __future__ import annotations

import io
import re

from .container_record import Found
from .engine_api import Engine, EngineError

# Where docker and podman keep the containers of users that are mapped to others, or the engine is a user's own.
_MAPPED = re.compile(r"/(\d+)\.(\d+)/|^unix:///run/user/")


def user_of(found: Found) -> str:
    """``uid:gid,gid,...`` as the host counts them, or a name that no host knows where they cannot be told."""
    config, host = found.record.get("Config") or {}, found.record.get("HostConfig") or {}
    named, _, group = str(config.get("User") or "0").partition(":")
    entry = _entry(found, named) if named not in ("0", "root") or group else []
    uid = entry[2] if entry else named if named.isdigit() else "0" if named == "root" else ""
    gid = group or (entry[3] if entry else "0")
    extra = [str(each) for each in host.get("GroupAdd") or []]
    groups = [line.split(":") for line in _text(found, "/etc/group").splitlines()] if group or extra or entry else []
    by_name = {each[0]: each[2] for each in groups if len(each) > 2}
    gids = [by_name.get(each, each) for each in [gid, *extra]]
    if not group and entry:
        gids += [each[2] for each in groups if len(each) > 3 and entry[0] in each[3].split(",")]
    numbers = [uid, *dict.fromkeys(gids)]
    if not all(each.isdigit() for each in numbers) or _is_mapped(found):
        return f"{named} of the container {found.name}"
    return f"{uid}:{','.join(numbers[1:])}"


def home_of(found: Found) -> str:
    """The home folder that the engine sets where the environment does not."""
    named = str((found.record.get("Config") or {}).get("User") or "0").partition(":")[0]
    entry = _entry(found, named) if found.pid or named not in ("0", "root") else []
    return entry[5] if len(entry) > 5 else "/root" if named in ("0", "root") else "/"


def _entry(found: Found, named: str) -> list[str]:
    """The container's own entry for a user by name or number, by its fields; nothing where it has none."""
    for line in _text(found, "/etc/passwd").splitlines():
        fields = line.split(":")
        if len(fields) > 5 and named in (fields[0], fields[2]):
            return fields
    return []


def _text(found: Found, path: str) -> str:
    """A small file of the container, running or not; nothing where it has none or may not be asked."""
    try:
        if found.pid:
            with open(f"/proc/{found.pid}/root{path}", encoding="utf-8", errors="replace") as source:
                return source.read(1 << 20)
    except OSError:
        pass
    import tarfile

    try:
        raw = Engine(found.engine).archive(found.record["Id"], path)
        with tarfile.open(fileobj=io.BytesIO(raw)) as files:
            member = next((each for each in files if each.isfile()), None)
            content = files.extractfile(member) if member is not None else None
            return content.read(1 << 20).decode("utf-8", "replace") if content is not None else ""
    except (EngineError, tarfile.TarError):
        return ""


def _is_mapped(found: Found) -> bool:
    """Whether its users are others on the host."""
    if found.pid:
        try:
            with open(f"/proc/{found.pid}/uid_map", encoding="ascii") as lines:
                first = lines.readline().split()
            with open("/proc/self/uid_map", encoding="ascii") as lines:
                return first[:2] != lines.readline().split()[:2]
        except OSError:
            return False
    return bool(
        _MAPPED.search(found.engine)
        or _MAPPED.search(str(found.record.get("HostConfigPath") or found.record.get("LogPath") or ""))
    )
