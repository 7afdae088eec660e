"""The end of a run, for people: what answers, why it did not, what was done, the proof, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from autoglm_fix.engine.results import HostStatus, RunResult

from .again import Again
from .lines import Line, Span, Style, line
from .machines import machine_notes
from .outcome import Outcome, is_taken_back, made, outcomes, planned, status_name, verdict, verdicts
from .service_view import ServiceView
from .words import Words, duration

STATUS_STYLE: dict[str, Style] = {
    **dict.fromkeys(("failed", "ambiguous", "unfixed", "unreachable"), "bad"),
    **dict.fromkeys(("unproved", "unknown", "interrupted", "untouched", "no-service", "pending"), "warn"),
    **dict.fromkeys(("verified", "clean", "fixed"), "good"),
}
# As the command line has it, where it takes `-l @failed`.
_WELL = (HostStatus.VERIFIED, HostStatus.CLEAN, HostStatus.PENDING, HostStatus.NO_SERVICE)
# More groups than these, and of those behind the first ones only what is labelled is shown.
_MANY = 6
_FULL = 3
_INDENT = 2
# A closer look is one at so many hosts, at most.
_LOOKED_AT = 5
_NOT_BEGUN = (HostStatus.UNTOUCHED, HostStatus.INTERRUPTED)


class Summary:
    """The lines of a summary. The first one counts; groups of hosts follow, worst first.

    ``whole``: the names of a group's hosts are not cut to a line. ``machines`` are the ids of the machines that hosts
    were in earlier runs.
    """

    def __init__(
        self,
        words: Words,
        again: Again,
        *,
        verbosity: int = 0,
        whole: bool = False,
        machines: Mapping[str, str] | None = None,
    ) -> None:
        self._whole = whole
        self._machines = machines or {}
        self._words = words
        self._again = again
        self._verbosity = verbosity

    def lines(self, result: RunResult) -> Iterator[Line]:
        """The whole summary of a run."""
        groups = outcomes(result)
        worst = next((group.first.status for group in groups), HostStatus.CLEAN)
        yield line(Span(headline(result, self._words), STATUS_STYLE[worst.value]))
        yield line(self.changes(result))
        full = len(groups) if len(groups) <= _MANY or self._verbosity else _FULL
        for group in groups[:full]:
            yield line()
            yield from self.group(group, result)
        if groups[full:]:
            yield line()
            yield from self._briefly(groups[full:], result)
        notes = list(machine_notes(result, self._machines, self._words))
        if notes:
            yield line()
            yield from (line(Span(each, "warn")) for each in notes)
        last = list(self.after(result))
        if last:
            yield line()
            yield from last

    def changes(self, result: RunResult) -> str:
        """What this run has changed, or would change; never more than it did."""
        back = {name for name, host in result.hosts.items() if is_taken_back(host)}
        counted = {name: len(planned(host) if result.dry_run else made(host)) for name, host in result.hosts.items()}
        kept = {name: n for name, n in counted.items() if n and name not in back}
        said = []
        if kept or not any(counted.values()):
            some, none = ("report.changed", "report.changed-nothing")
            if result.dry_run:
                some, none = ("report.dry-run-pending", "report.dry-run-idle")
            said.append(self._counted(some if kept else none, kept))
        if back:
            said.append(self._counted("report.taken-back", {name: counted[name] for name in back}))
        return " ".join(said)

    def _counted(self, code: str, changes: Mapping[str, int]) -> str:
        """A sentence about so many changes on so many hosts."""
        words = self._words
        return words.say(
            code,
            changes=words.count("report.changes", sum(changes.values())),
            hosts=words.count("report.hosts", len(changes)),
        )

    def group(self, group: Outcome, result: RunResult, *, brief: bool = False) -> Iterator[Line]:
        """Hosts that ended alike: who they are, then their services."""
        words = self._words
        status = group.first.status.value
        hosts = words.hosts(group.hosts) if not self._whole else words.hosts(group.hosts, room=None)
        jump = group.first.error and group.first.error.behind
        head: list[str | Span] = [
            Span(hosts, "strong"),
            words.say("report.behind", jump=jump) if jump else "",
            words.colon,
            Span(words.name("status", status_name(group.first)), STATUS_STYLE[status]),
        ]
        if self._verbosity and len(group.hosts) == 1:
            head.append(Span(f" ({duration(group.first.duration_s)})", "faint"))
        yield line(*head)
        view = self._view(group, result)
        yield from view.host()
        for name in group.first.services if group.first.status is not HostStatus.UNTOUCHED else ():
            if len(group.first.services) > 1 or self._verbosity:
                said = phrase(words, verdict(group.first, name).code, verdict(group.first, name).symptom, 1)
                yield line(Span(name, "strong"), words.colon, said, indent=_INDENT)
            yield from view.service(name)
        if not (brief or group.exact) and len(group.hosts) > 1:
            yield line(Span(words.say("report.differ", host=group.hosts[0]), "faint"), indent=_INDENT)

    def _briefly(self, groups: Sequence[Outcome], result: RunResult) -> Iterator[Line]:
        """Who they are, and of each kind of thing to say the first line."""
        for group in groups:
            for each in self.group(group, result, brief=True):
                if each.label.text if each.label is not None else each.indent <= _INDENT:
                    yield each
        yield line(Span(self._words.say("report.brief"), "faint"))

    def after(self, result: RunResult) -> Iterator[Line]:
        """The commands that make the changes, or take them back, and last what to do about what is left."""
        words = self._words
        if any(map(planned, result.hosts.values())) and not any(map(made, result.hosts.values())):
            yield line(words.say("report.next-run"))
            yield line(Span(self._again.same(), "strong"), indent=_INDENT, whole=True)
        if not result.dry_run and any(made(host) and not is_taken_back(host) for host in result.hosts.values()):
            yield line(words.say("report.next-undo"))
            yield line(Span(self._again.undo(result.run), "strong"), indent=_INDENT, whole=True)
        groups = outcomes(result)
        repeats = _is_worth_repeating(result, groups)
        if repeats:
            yield line(words.say("report.next-failed"))
            yield line(Span(self._again.failed(result.run), "strong"), indent=_INDENT, whole=True)
        asked: dict[tuple[str | None, tuple[str, ...]], list[str]] = {}
        closer: list[Outcome] = []
        for group in groups:
            view = self._view(group, result)
            commands = () if repeats and group.first.status in _NOT_BEGUN else tuple(view.commands())
            asked.setdefault((view.example, commands), []).extend(group.hosts)
            if not (commands or view.is_well or group.first.status in _NOT_BEGUN):
                closer.append(group)
        for (example, commands), hosts in asked.items():
            if commands:
                code = "report.next-on" if example is None else "report.next-on-example"
                said = words.say(code, hosts=words.hosts(hosts), host=example)
                yield line(words.say("report.next") if len(groups) == 1 and example is None else said)
                yield from (line(Span(each, "strong"), indent=_INDENT, whole=True) for each in commands)
        fleet = len(result.hosts) > 1
        away = [group for group in groups if fleet and group.first.status is HostStatus.UNREACHABLE]
        yield from self._closer([group for group in closer if group not in away], fleet=fleet)
        # A second look shows no more of a host that nobody reaches.
        if away and not repeats:
            yield from self._once_reached([host for group in away for host in group.hosts], result)

    def _closer(self, groups: Sequence[Outcome], *, fleet: bool) -> Iterator[Line]:
        """What to type where no advice names a command: one look for all such groups."""
        words = self._words
        if groups:
            yield line(words.count("report.next-look", len(groups)) if fleet else words.say("report.next"))
            look = self._again.look([group.hosts[0] for group in groups[:_LOOKED_AT]])
            yield line(Span(look, "strong"), indent=_INDENT, whole=True)

    def _once_reached(self, hosts: Sequence[str], result: RunResult) -> Iterator[Line]:
        words = self._words
        limit = "" if len(hosts) == len(result.hosts) else words.limit(hosts)
        yield line(words.say("report.next-away", hosts=words.hosts(hosts)))
        yield line(Span(self._again.on(limit, dry_run=result.dry_run), "strong"), indent=_INDENT, whole=True)

    def _view(self, group: Outcome, result: RunResult) -> ServiceView:
        return ServiceView(self._words, self._again, group, dry_run=result.dry_run, verbosity=self._verbosity)


def _is_worth_repeating(result: RunResult, groups: Sequence[Outcome]) -> bool:
    """Whether a run on the hosts on which this one did not end well is another one, and can be asked for."""
    well = [group.first.status in _WELL for group in groups]
    begun = all(group.first.status not in _NOT_BEGUN for group in groups)
    return not result.dry_run and len(result.hosts) > 1 and not all(well) and (any(well) or not begun)


def headline(result: RunResult, words: Words) -> str:
    """The line that counts: ``3 hosts, 3 services: 2 answer, 1 does not answer (empty)``."""
    hosts = words.count("report.hosts", len(result.hosts))
    services = sum(len(host.services) for host in result.hosts.values())
    found = verdicts(result)
    if len(found) == 1:
        each, n, _ = found[0]
        said = phrase(words, each.code, each.symptom, n)
        said = said if n == 1 else words.say("report.all", phrase=said)
    else:
        said = words.joined(
            words.count(
                "report.host-is" if of_hosts and services else "report.is",
                n,
                phrase=phrase(words, each.code, each.symptom, n),
            )
            for each, n, of_hosts in found
        )
    if not result.hosts:
        return words.say("report.headline-none")
    if not services:
        return words.say("report.headline", what=hosts, phrase=said)
    return words.say(
        "report.headline", what=words.joined((hosts, words.count("report.services", services))), phrase=said
    )


def phrase(words: Words, verdict_code: str, symptom: str, n: int) -> str:
    """A verdict in words: "does not answer (empty)", "do not answer (empty)" for several."""
    return words.count(f"report.is-{verdict_code}", n, symptom=words.name("symptom", symptom))
