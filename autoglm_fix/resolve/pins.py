"""An answer as pins: what differs from what is installed, why, and the lock file that says so."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from autoglm_fix.agent.installed.distributions import without_credentials

from . import NoSolution, Pin
from .installed import Installed
from .question import Answer
from .target import Target
from .uv import File
from .wish import Wish

__all__ = ["changes", "locked", "with_files"]

# One library's builds for two series of CUDA have the same files, and cannot both be there.
_BUILD_OF_CUDA = re.compile(r"^(.+)-cu(\d+)$")


def changes(wish: Wish, answer: Answer) -> list[Pin]:
    """What has to be installed, and what has to go, by name."""
    found = []
    for name, version in sorted(answer.versions.items()):
        there = wish.installed.get(name)
        if there is not None and there.fixed:
            continue
        anew = there is not None and there.broken and name in wish.named
        if there is None or anew or Version(version) != there.version:
            before = None if there is None else str(there.version)
            found.append(Pin(name, version, before, why=_why(wish, answer, name)))
    gone = [_replaced(wish.installed, answer, pin.name) for pin in found if pin.before is None]
    return [*found, *(pin for pins in gone for pin in pins)]


def _why(wish: Wish, answer: Answer, name: str) -> str:
    there = wish.installed.get(name)
    asked = [str(each) for each in wish.verbatim if canonicalize_name(each.name) == name]
    asks = [f"{each.by.name} {each.by.version} needs {_short(each.requirement)}" for each in wish.unmet]
    reasons = [text for text, each in zip(asks, wish.unmet, strict=True) if each.name == name and name in wish.named]
    if asked:
        reasons.insert(0, f"asked for: {', '.join(asked)}")
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    if there is not None and there.broken and name in wish.named:
        return "it is broken as it is"
    return _in_the_way(wish, answer, there, name)


def _in_the_way(wish: Wish, answer: Answer, there: Installed | None, name: str) -> str:
    """Why something moved, or came, that nobody named."""
    known = wish.installed
    via = sorted(answer.via.get(name, ()), key=lambda each: each not in wish.named)
    if there is not None and not wish.named & set(via):
        clashes = [line for line in there.asks if _clashes(line, answer)]
        if clashes:
            return f"{name} {there.version} needs {_short(clashes[0])}"
    by = [each for each in via if each not in known or _moves(known[each], answer)]
    by = [each for each in by if each in wish.named] or by or via
    who = [f"{each} {answer.versions[each]}" for each in by if each in answer.versions]
    if not who:
        return "the rest fits together only so"
    needs = name if there is None else f"another {name}"
    return f"{' and '.join(who[:2])} needs {needs}" if len(who) == 1 else f"{' and '.join(who[:2])} need {needs}"


def _moves(each: Installed, answer: Answer) -> bool:
    return Version(answer.versions.get(each.name, str(each.version))) != each.version


def _clashes(line: Requirement, answer: Answer) -> bool:
    version = answer.versions.get(canonicalize_name(line.name))
    return version is not None and not line.specifier.contains(version, prereleases=True)


def _short(line: Requirement) -> str:
    extras = f"[{','.join(sorted(line.extras))}]" if line.extras else ""
    return f"{line.name}{extras}{line.specifier}"


def _replaced(known: Mapping[str, Installed], answer: Answer, name: str) -> list[Pin]:
    """The installed builds of the same library for another series of CUDA, where nothing that stays asks for them."""
    build = _BUILD_OF_CUDA.match(name)
    if build is None:
        return []
    gone = []
    for other, each in known.items():
        like = _BUILD_OF_CUDA.match(other)
        if like is None or like[1] != build[1] or other == name or each.fixed:
            continue
        if not answer.via.get(other):
            gone.append(Pin(other, None, str(each.version), why=f"{name} takes its place, with the same files"))
    return gone


def with_files(
    pins: Sequence[Pin], offers: Mapping[str, Sequence[File]], target: Target
) -> tuple[Pin, ...] | NoSolution:
    """The pins with the wheel of each that fits the target best."""
    done = []
    for pin in pins:
        if pin.version is None:
            done.append(pin)
            continue
        files = {_name(each): each for each in offers.get(pin.name, ())}
        best = target.best(files)
        if best is None:
            reason = f"{pin.name} {pin.version} has no wheel for Python {target.version} on {target.machine}"
            return NoSolution("no-wheel", reason)
        offer = files[best]
        sha256 = offer.hashes.get("sha256", "") or _digest_here(offer.url)
        if not sha256:
            return NoSolution("no-hash", f"the index does not say the sha256 of {best}")
        url = without_credentials(offer.url or f"file://{offer.path}")
        size = offer.size if offer.size is not None else _size_here(url)
        done.append(Pin(pin.name, pin.version, pin.before, url, best, sha256, size, pin.why))
    return tuple(done)


def _digest_here(url: str) -> str:
    """The sha256 of a file in a folder of this machine, empty for one that lies elsewhere."""
    if not url.startswith("file:"):
        return ""
    with Path(unquote(urlsplit(url).path)).open("rb") as source:
        digest = hashlib.sha256()
        while data := source.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _size_here(url: str) -> int | None:
    """The size of a file in a folder of this machine; None for one that lies elsewhere."""
    if not url.startswith("file:"):
        return None
    try:
        return Path(unquote(urlsplit(url).path)).stat().st_size
    except OSError:
        return None


def locked(pins: Iterable[Pin]) -> str:
    """A lock file of what changes: pip takes it with --require-hashes, and people read why."""
    lines = [
        f"# {pin.name} {pin.before} goes: {pin.why}"
        if pin.version is None
        else f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}  # {_from(pin)}{pin.why}"
        for pin in pins
    ]
    return "".join(f"{line}\n" for line in lines)


def _from(pin: Pin) -> str:
    if pin.before is None:
        return "new: "
    return "again: " if pin.before == pin.version else f"from {pin.before}: "


def _name(file: File) -> str:
    return PurePosixPath(unquote(urlsplit(file.url).path) if file.url else file.path).name
