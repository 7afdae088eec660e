"""pin_versions: versions that fit together, as the smallest change of a service's environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from packaging.version import Version

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.changes.install import Install
from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.package_index import PackageIndex
from autoglm_fix.diagnostics.versions import NeedsVersions
from autoglm_fix.resolve import Demand, NoSolution, Pin, Resolver, Solution, Tool, Wheels
from autoglm_fix.resolve.installed import own_site

from .registry import Declined, fix
from .together import Together

__all__ = ["pin_versions"]

_LOCK = "autoglm-fix.lock"
_MOST_NAMED = 6


@fix(NeedsVersions)
def pin_versions(
    finding: NeedsVersions,
    environment: Environment,
    configured: PackageIndex,
    resolver: Resolver,
    together: Together,
    *,
    resolver_: Tool = "auto",
    index: str = "",
    wheels: str = "index",
) -> Iterator[Change | Declined]:
    """Install the versions that satisfy everything the environment's distributions ask for, and move no others.

    All findings of one environment are one change, the same for each. ``index`` is a package index that outranks
    the environment's own configuration; ``wheels`` come from there (``index``), through this controller
    (``controller``, for hosts without internet), or from a folder of this controller.
    """
    if environment.absent or not environment.version:
        yield Declined("pin_versions.no-python", {"reason": environment.absent or environment.python})
        return
    environment = replace(environment, index=configured.index)
    asking = _Asking(environment, resolver, resolver_, index, _wheels(wheels))
    solution = asking.about(finding, together)
    if isinstance(solution, NoSolution):
        yield Declined(f"pin_versions.{solution.code}", {"reason": solution.reason})
        return
    yield _unfit(finding, environment, solution.pins) or asking.change(solution)


class _Asking:
    """One environment, and whom to ask about it."""

    def __init__(self, environment: Environment, resolver: Resolver, tool: Tool, index: str, wheels: Wheels) -> None:
        self._environment = environment
        self._resolver = resolver
        self._tool: Tool = tool
        self._index = index
        self._wheels = wheels

    def about(self, finding: NeedsVersions, together: Together) -> Solution | NoSolution:
        """What cures all the findings beside this one; where they contradict each other, as many as can be."""
        others = [each for each in together.findings if isinstance(each, NeedsVersions)] or [finding]
        whole = self._solve(others)
        if isinstance(whole, Solution) or whole.code not in ("contradiction", "no-wheel") or len(others) == 1:
            return whole
        cured: list[NeedsVersions] = []
        solution: Solution | NoSolution = whole
        for each in others:
            found = self._solve([*cured, each])
            if isinstance(found, Solution):
                cured.append(each)
                solution = found
            elif each == finding:
                return found
        return solution

    def _solve(self, findings: Sequence[NeedsVersions]) -> Solution | NoSolution:
        return self._resolver.solve(
            self._environment,
            _demand(findings, self._environment),
            tool=self._tool,
            index=self._index,
            wheels=self._wheels,
        )

    def change(self, solution: Solution) -> Install:
        """The solution as a change of the host."""
        environment = self._environment
        site = own_site(environment)
        lock_path = PurePosixPath(site if environment.base else environment.prefix, _LOCK)
        return Install(
            path=site if environment.base else environment.prefix,
            site=site,
            python=environment.python if environment.python.startswith("/") else environment.host,
            pins=[_pin(each, environment, site) for each in solution.pins],
            source="parcels" if self._sent else "index",
            lock=solution.lock,
            lock_path=str(lock_path),
            says="pin_versions.install",
            values={"packages": _named(solution.pins)},
        )

    @property
    def _sent(self) -> bool:
        """Whether the wheels go through this controller: asked for, or because only it knows the password."""
        with_password = "@" in urlsplit(self._index).netloc or (self._environment.index.credentials and not self._index)
        return self._wheels.kind != "index" or with_password


def _demand(findings: Sequence[NeedsVersions], environment: Environment) -> Demand:
    requirements: list[str] = []
    indexes: dict[str, list[str]] = {}
    for each in findings:
        requirements += each.requirements
        # A distribution that is itself at fault is meant, whatever else is asked for.
        if environment.installed(each.subject) is not None and not _names(each.requirements, each.subject):
            requirements.append(canonicalize_name(each.subject))
        for index in each.indexes:
            names = index.get("names")
            known = indexes.setdefault(str(index.get("url")), [])
            known += [str(name) for name in names if str(name) not in known] if isinstance(names, list) else []
    return Demand(
        tuple(dict.fromkeys(requirements)),
        tuple((url, tuple(names)) for url, names in indexes.items()),
        tuple(dict.fromkeys(line for each in findings for line in each.overrides)),
    )


def _names(requirements: Sequence[str], name: str) -> bool:
    wanted = canonicalize_name(name)
    return any(canonicalize_name(_head(line)) == wanted for line in requirements)


def _head(requirement: str) -> str:
    """The name that a requirement begins with."""
    end = next((at for at, each in enumerate(requirement) if not (each.isalnum() or each in "._-")), len(requirement))
    return requirement[:end]


def _wheels(text: str) -> Wheels:
    if text == "index" or not text:
        return Wheels("index")
    return Wheels("controller") if text == "controller" else Wheels("folder", text)


def _unfit(finding: NeedsVersions, environment: Environment, pins: Sequence[Pin]) -> Declined | None:
    """Why the solution must not be made by us there, with what a person would do instead."""
    command = " ".join(_shown(pin) for pin in pins if pin.version is not None)
    if not pins:
        return Declined("pin_versions.nothing", {"subject": finding.subject})
    if not environment.host:
        return Declined("pin_versions.container-image", {"python": environment.python, "packages": command})
    values = {"prefix": environment.prefix, "packages": command}
    if environment.managed:
        return Declined("pin_versions.managed", values)
    if not own_site(environment):
        return Declined("pin_versions.no-site", values)
    first = _first_elsewhere(environment, pins)
    if first:
        return Declined("pin_versions.elsewhere", {**values, "names": first})
    of_conda = [pin.name for pin in pins if _installer(environment, pin.name) == "conda"]
    if of_conda:
        return Declined("pin_versions.conda", {**values, "names": of_conda})
    if not environment.writable:
        return Declined("pin_versions.not-writable", {**values, "owner": environment.owner})
    cpu = [pin for pin in pins if pin.name == "torch" and pin.version and Version(pin.version).local == "cpu"]
    if cpu and finding.code.startswith("cuda."):
        return Declined("pin_versions.cpu-only", {"torch": f"torch {cpu[0].version}"})
    return None


def _first_elsewhere(environment: Environment, pins: Sequence[Pin]) -> list[str]:
    """What an import finds in another folder first: a version in the environment's own would change nothing."""
    before = environment.site[: environment.site.index(own_site(environment))]
    found = [(pin.name, environment.installed(pin.name)) for pin in pins]
    return [name for name, there in found if there is not None and str(PurePosixPath(there.location).parent) in before]


def _installer(environment: Environment, name: str) -> str:
    there = environment.installed(name)
    return there.installer if there is not None else ""


def _pin(pin: Pin, environment: Environment, site: str) -> dict[str, object]:
    there = environment.installed(pin.name)
    named = [each for each in environment.distributions if canonicalize_name(each.name) == pin.name]
    places = [PurePosixPath(each.location) for each in named]
    info = next((place.name for place in places if str(place.parent) == site), "")
    return {
        "name": pin.name,
        "version": pin.version,
        "before": pin.before if there is None else there.version,
        "info": info,
        "file": pin.file,
        "url": pin.url,
        "sha256": pin.sha256,
        "size": pin.size,
        "why": pin.why,
    }


def _shown(pin: Pin) -> str:
    return f"{pin.name}=={pin.version}"


def _named(pins: Sequence[Pin]) -> str:
    shown = [f"{pin.name} {pin.version}" if pin.version is not None else f"-{pin.name}" for pin in pins]
    more = f", +{len(shown) - _MOST_NAMED}" if len(shown) > _MOST_NAMED else ""
    return ", ".join(shown[:_MOST_NAMED]) + more
