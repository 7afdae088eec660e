"""How the groups of an inventory lie in each other, and which hosts that puts into which of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoglm_fix.authored.problems import Problem, quoted

from .draft import ALL, UNGROUPED, Draft, GroupDraft

_DEEPEST = 100


@dataclass(frozen=True)
class Lineage:
    """``order`` are all groups but ``all``, those that outrank others last; ``of_host`` the groups of each host.

    ``own`` and ``below`` are the hosts that a group names itself, and those in it or in a group below it.
    """

    order: Sequence[str]
    of_host: Mapping[str, frozenset[str]]
    own: Mapping[str, tuple[str, ...]]
    below: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]]


def lineage(draft: Draft) -> Lineage | None:
    """Where everything lies; None after adding to the draft's problems where a group contains itself."""
    circle = _circle(draft.groups)
    if circle is not None:
        draft.problems.append(circle)
        return None
    children = _children(draft.groups)
    parents = _parents(children)
    depths, above = _ancestry(children, parents)
    deepest = max(depths, key=lambda name: depths[name])
    if depths[deepest] > _DEEPEST:
        at = next(group.children[deepest] for group in draft.groups.values() if deepest in group.children)
        draft.problems.append(at.problem(f"groups lie in each other more than {_DEEPEST} deep here"))
        return None
    of_host, own = _membership(draft, above)
    order = sorted(
        (name for name in draft.groups if name != ALL),
        key=lambda name: (depths[name], draft.groups[name].priority, name),
    )
    below = {name: _hosts_below(name, own, children) for name in draft.groups}
    return Lineage(order, of_host, own, below, children)


def _circle(groups: Mapping[str, GroupDraft]) -> Problem | None:
    """The first edge that closes a circle. No recursion: groups may lie in each other a thousand deep."""
    done: set[str] = set()
    for root in groups:
        trail = [root]
        waiting = [iter(groups[root].children.items())]
        while waiting:
            child, at = next(waiting[-1], (None, None))
            if child is None or at is None:
                done.add(trail.pop())
                waiting.pop()
            elif child in trail:
                return at.problem(f"the group {quoted(child)} contains itself")
            elif child not in done:
                trail.append(child)
                waiting.append(iter(groups[child].children.items()))
    return None


def _children(groups: Mapping[str, GroupDraft]) -> dict[str, tuple[str, ...]]:
    """What each group holds; ``all`` holds every group that no other does."""
    children = {name: tuple(group.children) for name, group in groups.items()}
    held = {child for own in children.values() for child in own}
    children[ALL] += tuple(name for name in groups if name != ALL and name not in held)
    return children


def _parents(children: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {name: [] for name in children}
    for name, own in children.items():
        for child in own:
            parents[child].append(name)
    return parents


def _ancestry(
    children: Mapping[str, Sequence[str]], parents: Mapping[str, Sequence[str]]
) -> tuple[dict[str, int], dict[str, frozenset[str]]]:
    """How deep each group lies below ``all``, by its longest way there, and all groups that it is in."""
    depths = {ALL: 0}
    above: dict[str, frozenset[str]] = {ALL: frozenset()}
    missing = {name: len(of) for name, of in parents.items()}
    settled = [ALL]
    for name in settled:
        for child in children[name]:
            missing[child] -= 1
            if not missing[child]:
                depths[child] = 1 + max(depths[parent] for parent in parents[child])
                above[child] = frozenset(parents[child]).union(*(above[parent] for parent in parents[child]))
                settled.append(child)
    return depths, above


def _membership(
    draft: Draft, above: Mapping[str, frozenset[str]]
) -> tuple[dict[str, frozenset[str]], dict[str, tuple[str, ...]]]:
    """The groups of each host without ``all``. Only a host without any other is in ``ungrouped``."""
    direct: dict[str, list[str]] = {name: [] for name in draft.hosts}
    for name, group in draft.groups.items():
        for host in group.hosts:
            direct[host].append(name)
    known: dict[tuple[str, ...], frozenset[str]] = {}
    of_host: dict[str, frozenset[str]] = {}
    for host, named in direct.items():
        key = tuple(named)
        if key not in known:
            known[key] = _all_of(key, above)
        of_host[host] = known[key]
    own = {name: tuple(group.hosts) for name, group in draft.groups.items()}
    alone = tuple(dict.fromkeys((*own[UNGROUPED], *of_host)))
    own[UNGROUPED] = tuple(host for host in alone if of_host[host] == {UNGROUPED})
    return of_host, own


def _all_of(named: Sequence[str], above: Mapping[str, frozenset[str]]) -> frozenset[str]:
    groups = frozenset(named).union(*(above[name] for name in named)) - {ALL}
    return groups - {UNGROUPED} or frozenset({UNGROUPED})


def _hosts_below(name: str, own: Mapping[str, Sequence[str]], children: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The hosts of a group and then of those below it, level by level."""
    groups = dict.fromkeys((name, *children[name]))
    level = list(children[name])
    while level:
        level = [child for group in level for child in children[group] if child not in groups]
        level = list(dict.fromkeys(level))
        groups.update(dict.fromkeys(level))
    return tuple(dict.fromkeys(host for group in groups for host in own[group]))
