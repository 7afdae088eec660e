"""Where pip and uv look for packages, by their own files and variables."""

from __future__ import annotations

import os
import re
from typing import Callable

from .distributions import Index, without_credentials

_UV_LINE = re.compile(
    r"""^\s*(index-url|extra-index-url|find-links|no-index|url|default)\s*=\s*(.*?)\s*(?:#[^"']*)?$"""
)
_QUOTED = re.compile(r"""["']([^"']*)["']""")
_TABLE = re.compile(r"^\s*\[+\s*([\w.-]+)\s*\]+")

Read = Callable[[str], "str | None"]


def index(made_by_uv: bool, prefix: str, home: str, variables: dict[str, str], read: Read) -> Index:
    """The settings of the tool that made the environment, or of the other one where only that has some."""
    pip = of_pip(pip_files(prefix, home, variables), variables, read)
    uv = of_uv(uv_files(home, variables), variables, read)
    first, second = (uv, pip) if made_by_uv else (pip, uv)
    return first if first.set_by else second


def pip_files(prefix: str, home: str, variables: dict[str, str]) -> list[str]:
    """pip's files in the order that it reads them: a later one outranks those before it."""
    own = variables.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return []
    system = [os.path.join(each, "pip/pip.conf") for each in _xdg(variables, "/etc/xdg")]
    files = [*system, "/etc/pip.conf"]
    if not own:
        config = variables.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        files += [os.path.join(home, ".pip/pip.conf"), os.path.join(config, "pip/pip.conf")]
    return [*files, os.path.join(prefix, "pip.conf"), *([own] if own else [])]


def uv_files(home: str, variables: dict[str, str]) -> list[str]:
    """uv's files, the one that counts most last."""
    own = variables.get("UV_CONFIG_FILE")
    if own:
        return [own]
    if variables.get("UV_NO_CONFIG"):
        return []
    config = variables.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    system = [os.path.join(each, "uv/uv.toml") for each in _xdg(variables, "/etc/xdg")]
    return ["/etc/uv/uv.toml", *system, os.path.join(config, "uv/uv.toml")]


def of_pip(files: list[str], variables: dict[str, str], read: Read) -> Index:
    """What pip would use."""
    said: dict[str, str] = {}
    by: dict[str, str] = {}
    for path in files:
        text = read(path)
        for key, value in (_ini(text) if text else {}).items():
            said[key], by[key] = value, path
    for key in ("index-url", "extra-index-url", "find-links", "no-index"):
        name = "PIP_" + key.upper().replace("-", "_")
        if variables.get(name):
            said[key], by[key] = variables[name], name
    return _index(said, by)


def of_uv(files: list[str], variables: dict[str, str], read: Read) -> Index:
    """What uv would use."""
    said: dict[str, str] = {}
    by: dict[str, str] = {}
    for path in files:
        text = read(path)
        for key, value in (_toml(text) if text else {}).items():
            said[key], by[key] = value, path
    for name, key in (
        ("UV_INDEX_URL", "index-url"),
        ("UV_DEFAULT_INDEX", "index-url"),
        ("UV_EXTRA_INDEX_URL", "extra-index-url"),
        ("UV_INDEX", "extra-index-url"),
        ("UV_FIND_LINKS", "find-links"),
        ("UV_NO_INDEX", "no-index"),
    ):
        if variables.get(name):
            # A name may stand before the URL: "torch=https://...".
            value = " ".join(re.sub(r"^[\w.-]+=(?=\w+:)", "", each) for each in re.split(r"[\s,]+", variables[name]))
            said[key], by[key] = value, name
    return _index(said, by)


def _xdg(variables: dict[str, str], default: str) -> list[str]:
    return [each for each in (variables.get("XDG_CONFIG_DIRS") or default).split(":") if each][::-1]


def _index(said: dict[str, str], by: dict[str, str]) -> Index:
    url, extra = said.get("index-url", "").strip(), said.get("extra-index-url", "").split()
    links = said.get("find-links", "").split()
    clean = [without_credentials(each) for each in (url, *extra, *links)]
    return Index(
        clean[0],
        clean[1 : 1 + len(extra)],
        clean[1 + len(extra) :],
        by.get("index-url") or next(iter(by.values()), ""),
        clean != [url, *extra, *links],
        said.get("no-index", "").strip().lower() in ("1", "true", "yes", "on"),
    )


def _ini(text: str) -> dict[str, str]:
    """The settings of pip's file that count for ``pip install``: its section outranks the global one."""
    import configparser

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found.update((key.replace("_", "-"), value) for key, value in parser.items(section) if value)
    return found


def _toml(text: str) -> dict[str, str]:
    """The same settings of uv.toml. Read line by line: Python 3.8 has no parser of TOML."""
    found: dict[str, str] = {}
    indexes: list[dict[str, str]] = []
    table = ""
    for line in re.sub(r"\[\s*\n\s*|,\s*\n\s*", lambda m: m[0].replace("\n", " "), text).splitlines():
        header = _TABLE.match(line)
        if header and "=" not in line:
            table = header[1]
            if table == "index":
                indexes.append({})
            continue
        pair = _UV_LINE.match(line)
        if pair is None:
            continue
        value = " ".join(_QUOTED.findall(pair[2])) or pair[2]
        if table == "index" and indexes:
            indexes[-1][pair[1]] = value
        elif table in ("", "pip") and pair[1] not in ("url", "default"):
            found[pair[1]] = value
    for each in indexes:
        if each.get("default") == "true":
            found["index-url"] = each.get("url", "")
        elif each.get("url"):
            found["extra-index-url"] = " ".join(filter(None, (found.get("extra-index-url"), each["url"])))
    return found
