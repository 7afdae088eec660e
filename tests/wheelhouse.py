"""Tiny wheels, made as they are needed, and an index of them on loopback (PEP 503, 658 and 691)."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from tests.file_server import FileServer


def wheel(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    *,
    requires_python: str = "",
    extras: Sequence[str] = (),
    commands: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
) -> tuple[str, bytes]:
    """The name and the bytes of a wheel. ``files`` are its contents, else one module of its name."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    contents: dict[str, str | bytes] = dict(files if files is not None else {f"{stem}.py": f"version = '{version}'\n"})
    contents[f"{info}/METADATA"] = metadata(name, version, requires, requires_python, extras)
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if commands:
        lines = "".join(f"{command} = {target}\n" for command, target in commands.items())
        contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}"
    lines = []
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            raw = content.encode() if isinstance(content, str) else content
            archive.writestr(zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0)), raw)
            digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
            lines.append(f"{path},sha256={digest},{len(raw)}\n")
        archive.writestr(
            zipfile.ZipInfo(f"{info}/RECORD", (2024, 1, 1, 0, 0, 0)), "".join(lines) + f"{info}/RECORD,,\n"
        )
    return f"{stem}-{version}-{tag}.whl", made.getvalue()


def metadata(
    name: str, version: str, requires: Sequence[str] = (), requires_python: str = "", extras: Sequence[str] = ()
) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {line}" for line in requires]
    return "\n".join(lines) + "\n"


def offer(server: FileServer, *wheels: tuple[str, bytes], at: str = "/simple") -> str:
    """Have an index offer these wheels; its URL."""
    for file, content in wheels:
        project = file.split("-")[0].replace("_", "-")
        path = "/files/" + quote(file)
        server.files[path] = content
        info = next(name for name in zipfile.ZipFile(io.BytesIO(content)).namelist() if name.endswith("/METADATA"))
        described = zipfile.ZipFile(io.BytesIO(content)).read(info)
        server.files[f"{path}.metadata"] = described
        page = f"{at}/{project}/"
        server.types[page] = "application/vnd.pypi.simple.v1+json"
        listed = server.answers.setdefault(page, {"meta": {"api-version": "1.1"}, "name": project, "files": []})
        listed["files"].append(
            {
                "filename": file,
                "url": server.url + path,
                "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
                "size": len(content),
                "core-metadata": {"sha256": hashlib.sha256(described).hexdigest()},
            }
        )
    return f"{server.url}{at}"
