"""From an environment and a demand to the smallest change: what is asked of which resolver, and where it may look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from autoglm_fix.agent.installed.distributions import without_credentials

from . import Demand, NoSolution, Solution, Tool, Wheels
from .installed import applies, holds, installed, unmet
from .pins import changes, locked, with_files
from .pip_tools import PipTools
from .question import Question, Refused, Sources
from .search import smallest
from .target import Target
from .uv import Uv
from .wish import Wish

if TYPE_CHECKING:
    from autoglm_fix.agent.facts.environment import Environment

__all__ = ["solved", "sources"]


def sources(environment: Environment, demand: Demand, index: str, wheels: Wheels) -> Sources | NoSolution:
    """Where is looked: what the playbook names, else what the service's own installer is told."""
    if wheels.kind == "folder":
        folder = Path(wheels.folder)
        if not folder.is_dir():
            return NoSolution("no-index", f"{folder} is no folder of this machine")
        return Sources(find_links=(str(folder.resolve()),), no_index=True)
    if index:
        return Sources(default=index, named=demand.indexes)
    own = environment.index
    links = tuple(url for url in own.find_links if _reachable(url))
    if own.no_index and not links:
        where = f"{own.set_by} says" if own.set_by else "its configuration says"
        return NoSolution("no-index", f"{where} that no index shall be asked, and its own folders lie on that host")
    default = own.url if _reachable(own.url) else ""
    if own.url and not default and not own.no_index:
        return NoSolution("no-index", f"{own.set_by} names {own.url}, which lies on that host")
    return Sources(default, tuple(url for url in own.extra if _reachable(url)), links, demand.indexes, own.no_index)


def solved(
    environment: Environment, demand: Demand, tool: Tool, sources: Sources, cache: Path
) -> Solution | NoSolution:
    """The smallest change after which the demand holds. ``cache`` may be written into."""
    uv, pip_tools = Uv(cache), PipTools(cache)
    try:
        wish = _wish(environment, demand, sources, builds=tool != "pip-tools")
    except InvalidRequirement as err:
        return NoSolution("contradiction", f"a requirement cannot be read: {err}")
    if wish is None:
        return NoSolution("not-here", f"its Python calls itself {environment.version!r}")
    address = _address(wish, demand)
    if address is not None:
        where = without_credentials(address.url or "")
        return NoSolution("no-wheel", f"{address.name} is asked for from {where}, which no index is.")
    if tool == "pip-tools" and (obstacle := pip_tools.obstacle(wish.question({}, {}, {}))):
        return NoSolution("not-here", obstacle)
    answer, searched = smallest(wish, pip_tools if tool == "pip-tools" else uv, uv)
    if isinstance(answer, Refused):
        return _none(answer)
    pins = changes(wish, answer)
    exact = tuple(f"{pin.name}=={pin.version}" for pin in pins if pin.version is not None)
    files = uv.files(Question(wish.target, searched, exact, alone=True)) if exact else {}
    if isinstance(files, Refused):
        return _none(files)
    complete = with_files(pins, files, wish.target)
    if isinstance(complete, NoSolution):
        return complete
    return Solution(complete, locked(complete), "pip-tools" if tool == "pip-tools" else "uv")


def _none(refused: Refused) -> NoSolution:
    return NoSolution(refused.code, refused.reason, refused.tail)


def _address(wish: Wish, demand: Demand) -> Requirement | None:
    """What some package's metadata wants from an address of its own: neither fetched from there nor by its name."""
    asked = [*map(Requirement, demand.requirements), *(one.requirement for one in wish.unmet if one.name in wish.named)]
    return next((each for each in asked if each.url), None)


def _wish(environment: Environment, demand: Demand, sources: Sources, *, builds: bool) -> Wish | None:
    """InvalidRequirement where the demand cannot be read; None where nobody can say for which Python."""
    target = Target.of(environment)
    if target is None:
        return None
    known = installed(environment)
    lacking = tuple(unmet(known, environment))
    asked = [Requirement(each) for each in demand.requirements]
    asked = [each for each in asked if applies(each, environment.markers)]
    verbatim = [each for each in asked if not any(one.repeated_by(each) for one in lacking)]
    named: set[str] = {canonicalize_name(each.name) for each in asked if not holds(each, known)}
    if not asked:
        named = {one.name for one in lacking if not one.optional}
    return Wish(target, sources, known, lacking, tuple(verbatim), frozenset(named), demand.overrides, builds)


def _reachable(url: str) -> bool:
    """Whether an address means the same thing here as on the host."""
    return url.startswith(("http://", "https://"))
