"""Environments as files: a venv's layout and dist-info folders, without installing anything."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

LIBRARY = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def venv(at: Path, **settings: str) -> Path:
    """An environment that starts this very Python, with nothing in it; its site-packages."""
    (at / "bin").mkdir(parents=True)
    home = os.path.realpath(sysconfig.get_path("scripts", vars={"base": sys.base_prefix}))
    (at / "bin" / "python").symlink_to(Path(home, LIBRARY))
    lines = {"home": home, "include-system-site-packages": "false", "version": sys.version.split()[0], **settings}
    (at / "pyvenv.cfg").write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
    site = at / "lib" / LIBRARY / "site-packages"
    site.mkdir(parents=True)
    return site


def install(
    site: Path,
    name: str,
    version: str | None = "1.0",
    *lines: str,
    record: bool = True,
    folder: str = "",
    direct_url: dict[str, Any] | None = None,
    body: str = "",
) -> Path:
    """A distribution with one module, and further lines for its METADATA; its dist-info folder."""
    module = name.replace("-", "_").lower()
    (site / module).mkdir(exist_ok=True)
    (site / module / "__init__.py").write_text("")
    info = site / (folder or f"{name.replace('-', '_')}-{version}.dist-info")
    info.mkdir()
    head = ["Metadata-Version: 2.4", f"Name: {name}", *([f"Version: {version}"] if version else []), *lines]
    (info / "METADATA").write_text("\n".join(head) + "\n\n" + body)
    (info / "INSTALLER").write_text("pip\n")
    if record:
        rows = [f"{info.name}/METADATA,,", f"{module}/__init__.py,sha256=x,0", f"{module}/__pycache__/x.pyc,,"]
        (info / "RECORD").write_text("\n".join(["../../../bin/tool,,", *rows, f"{info.name}/RECORD,,"]) + "\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    return info
