"""Files that tell of services: compose files, checkouts of the client, environments to load a model with."""

from __future__ import annotations

import glob
import os
import re
import threading
import time

from ..definition.compose_sources import compose_sources
from ..facts.landscape import Checkout, Environment, Setting
from ..facts.service import Source

_ROOTS = ("/srv", "/opt", "/home", "/root", "/etc", "/data", "/app", "/workspace")
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml\Z")
_MAIN = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_PASSED_OVER = {
    "node_modules",
    "site-packages",
    "dist-packages",
    "__pycache__",
    "overlay2",
    "overlay",
    "containers",
    "docker",
    "proc",
    "sys",
}
_DEEPEST, _MOST_FOLDERS, _MOST = 4, 4000, 40
_PATIENCE_S = 2.0
_PHONE = re.compile(r"""^[ \t]*(?:export[ \t]+)?(PHONE_AGENT_\w+)=["']?([^"'\n#]*)""", re.MULTILINE)
_DEFAULT = re.compile(r"""(?:getenv|environ\.get)\(\s*["'](PHONE_AGENT_\w+)["']\s*,\s*["']([^"']*)["']""")
_LIBRARIES = ("torch", "transformers", "vllm", "sglang", "llama_cpp_python")


class Places:
    """A walk through the folders where projects lie. A filesystem that does not answer ends it, and nothing else."""

    def __init__(self, search: list[str] | None) -> None:
        roots = [*(search or []), os.getcwd(), *_ROOTS]
        self.compose: list[str] = []
        self.checkouts: list[str] = []
        self.pythons: list[str] = []
        self.complete = False
        walk = threading.Thread(target=self._walk, args=(list(roots),), daemon=True)
        walk.start()
        walk.join(_PATIENCE_S)

    def _walk(self, roots: list[str]) -> None:
        latest = time.monotonic() + _PATIENCE_S
        waiting = [(root, 0) for root in roots]
        seen: set[tuple[int, int]] = set()
        kernel = {os.stat(path).st_dev for path in ("/proc", "/sys", "/dev") if os.path.exists(path)} - {
            os.stat("/").st_dev
        }
        for count, (folder, depth) in enumerate(waiting):
            if count >= _MOST_FOLDERS or time.monotonic() > latest:
                return
            try:
                found = os.stat(folder)
                if (found.st_dev, found.st_ino) in seen or found.st_dev in kernel:
                    continue
                seen.add((found.st_dev, found.st_ino))
                with os.scandir(folder) as entries:
                    inside = sorted(entries, key=lambda entry: entry.name)
                below = [
                    entry.path for entry in inside if entry.is_dir(follow_symlinks=False) and _is_entered(entry.name)
                ]
            except OSError:
                continue
            names = {entry.name for entry in inside}
            self._look(folder, names)
            if depth < _DEEPEST and "pyvenv.cfg" not in names:
                waiting += [(path, depth + 1) for path in below]
        self.complete = True

    def _look(self, folder: str, names: set[str]) -> None:
        files = [name for name in _MAIN if name in names][:1]
        overriding = [name for name in names if name.partition(".")[0] + ".override" in name] if files else []
        for name in sorted(name for name in names if _COMPOSE.match(name) and name not in overriding):
            if name in files or name not in _MAIN:
                self.compose.append(os.path.join(folder, name))
        if {"main.py", "phone_agent"} <= names:
            self.checkouts.append(folder)
        if "bin" in names and ("pyvenv.cfg" in names or "conda-meta" in names):
            self.pythons.append(os.path.join(folder, "bin", "python"))


def _is_entered(name: str) -> bool:
    return name not in _PASSED_OVER and (
        not name.startswith(".") or name in (".venv", ".virtualenvs", ".conda", ".local")
    )


def compose(paths: list[str]) -> list[list[Source]]:
    """The texts of each project: its file, the file that overrides it, and the env files that they name."""
    found = []
    for path in paths[:_MOST]:
        stem, _dot = os.path.splitext(path)
        over = [each for each in (f"{stem}.override.yml", f"{stem}.override.yaml") if os.path.exists(each)][:1]
        sources = compose_sources([path, *over])
        if any(re.search(r"^services\s*:", each.file.text, re.MULTILINE) for each in sources if each.kind == "compose"):
            found.append(sources)
    return found


def checkout(folder: str) -> Checkout:
    """The client's settings by their places, the one that counts last. Of keys only that they are set."""
    found = [
        Setting(name, value, "main.py") for name, value in _DEFAULT.findall(_text(os.path.join(folder, "main.py")))
    ]
    home = _home(folder)
    profiles = [os.path.join(home, name) for name in (".profile", ".bash_profile", ".bashrc", ".zshrc")]
    for path in ["/etc/environment", "/etc/profile", *profiles, os.path.join(folder, ".env")]:
        found += [Setting(name, value.strip(), path) for name, value in _PHONE.findall(_text(path))]
    found += [
        Setting(name, value, "environment") for name, value in os.environ.items() if name.startswith("PHONE_AGENT_")
    ]
    return Checkout(
        folder, [Setting(each.name, "" if "KEY" in each.name else each.value, each.where) for each in found]
    )


def environments(pythons: list[str]) -> list[Environment]:
    """Those of the interpreters that have a library to load models with."""
    found = []
    for python in dict.fromkeys(pythons):
        prefix = os.path.dirname(os.path.dirname(python))
        packages: dict[str, str] = {}
        for name in _LIBRARIES:
            for path in glob.glob(f"{glob.escape(prefix)}/lib*/python3*/*-packages/{name}-*.dist-info"):
                packages[name] = os.path.basename(path)[len(name) + 1 : -len(".dist-info")]
        if packages and os.path.exists(python):
            found.append(Environment(python, packages))
    return found[:_MOST]


def _home(path: str) -> str:
    """The home of whoever owns a folder."""
    import pwd

    try:
        return pwd.getpwuid(os.stat(path).st_uid).pw_dir
    except (OSError, KeyError):
        return os.path.expanduser("~")


def _text(path: str) -> str:
    try:
        with open(path, "rb") as source:
            return source.read(1 << 18).decode("utf-8", "replace")
    except OSError:
        return ""
