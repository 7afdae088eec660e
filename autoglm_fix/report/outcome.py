"""What a run comes to: a verdict for each service, and hosts that ended alike as one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from autoglm_fix.diagnostics import Finding
from autoglm_fix.engine.results import (
    ChangeRecord,
    HostResult,
    HostStatus,
    RunResult,
    StepResult,
    StepStatus,
)
from autoglm_fix.proof import Proof

from .reasons import Alike, reason

# More distinct outcomes than these, and hosts are put together that share less.
_DISTINCT = {Alike.WHOLLY: 6, Alike.BUT_OWN: 20}

BAD = (StepStatus.FAILED, StepStatus.AMBIGUOUS, StepStatus.UNFIXED, StepStatus.UNKNOWN)
_ORDER = list(HostStatus)


@dataclass(frozen=True)
class Verdict:
    """What a caller of a service gets now: the code of a sentence, and the symptom it mentions."""

    code: str
    symptom: str = "none"


@dataclass(frozen=True)
class Outcome:
    """Hosts that ended alike; ``exact`` is False where their steps differ in paths or numbers."""

    hosts: tuple[str, ...]
    results: tuple[HostResult, ...]
    exact: bool

    @property
    def first(self) -> HostResult:
        return self.results[0]


def verdict(host: HostResult, service: str | None = None) -> Verdict:
    """The verdict over one service of a host, or over a host that has none."""
    if service is None:
        return Verdict(host.status.value)
    asked = host.services[service]
    proof = proof_of(host, service)
    steps = list(steps_of(host, service))
    repaired = any(step.status is StepStatus.FIXED for step in steps)
    if asked.status is HostStatus.VERIFIED:
        return Verdict("answers-again" if repaired and not asked.answered else "answers")
    if asked.status is HostStatus.CLEAN and steps and all(step.status is StepStatus.SKIPPED for step in steps):
        # Where the host itself went wrong, nothing was left out: nobody got so far.
        return Verdict("left-out" if host.error is None else host.status.value)
    if asked.status is HostStatus.CLEAN and repaired:
        return Verdict("repaired")
    if asked.status is HostStatus.CLEAN and asked.answered:
        return Verdict("answers-unproved")
    if asked.status is HostStatus.UNKNOWN and asked.symptom != "none":
        return Verdict(*_unwell(asked.symptom))
    if asked.status in (HostStatus.FAILED, HostStatus.UNFIXED, HostStatus.PENDING):
        if (proof is not None and proof.status == "verified") or (asked.answered and not judges(proof)):
            return Verdict("answers-faults")
        judged = proof is not None and proof.status == "failed" and proof.symptom != "none"
        symptom = proof.symptom if proof is not None and judged else asked.symptom
        if symptom != "none":
            return Verdict(*_unwell(symptom))
    return Verdict(asked.status.value)


def status_name(host: HostResult) -> str:
    """What a host's status is called: one that left out every step is not called clean by them."""
    left_out = bool(host.services) and all(verdict(host, name).code == "left-out" for name in host.services)
    return "left-out" if left_out else host.status.value


def _unwell(symptom: str) -> tuple[str, str]:
    return "badly" if symptom in ("garbage", "cut", "slow") else "silent", symptom


def judges(proof: Proof | None) -> bool:
    """Whether a proof says anything: one that is still to come does not."""
    return proof is not None and proof.status != "pending"


def verdicts(result: RunResult) -> list[tuple[Verdict, int, bool]]:
    """How many services (or, marked True, hosts without any) share each verdict; worst first."""
    counted: dict[tuple[Verdict, bool], int] = {}
    for host in sorted(result.hosts.values(), key=lambda host: _ORDER.index(host.status)):
        for key in [(verdict(host, name), False) for name in host.services] or [(verdict(host), True)]:
            counted[key] = counted.get(key, 0) + 1
    return [(each, n, hosts) for (each, hosts), n in counted.items()]


def outcomes(result: RunResult) -> list[Outcome]:
    """Hosts that ended alike, worst first, then the most hosts first."""
    for how in Alike:
        groups = _grouped(result, how)
        if len(groups) <= _DISTINCT.get(how, len(groups)):
            break
    return sorted(groups, key=lambda group: (_ORDER.index(group.first.status), -len(group.hosts)))


def parts(step: StepResult) -> tuple[StepResult, ...]:
    """A step as it was carried out: the items of its loop, numbered where they share a name, or itself."""
    names = [item.name for item in step.items]
    items = tuple(
        replace(part, name=f"{part.name} [{number}]") if names.count(item.name) > 1 else part
        for number, item in enumerate(step.items, 1)
        for part in parts(item)
    )
    if items and step.error is not None and all(item.error is None for item in items):
        return (*items, replace(step, items=(), findings=(), changes=(), declined=(), remaining=()))
    return items or (step,)


def steps_of(host: HostResult, service: str | None = None) -> Iterator[StepResult]:
    """The steps of a service, or of the host, loops taken apart."""
    for step in host.steps:
        if service is None or step.service == service:
            yield from parts(step)


def proof_of(host: HostResult, service: str) -> Proof | None:
    """The last proof of a service."""
    return next((proof for _, proof in reversed(host.proof) if proof.service == service), None)


def made(host: HostResult) -> list[ChangeRecord]:
    """The changes that were made on a host."""
    return [change for step in steps_of(host) for change in step.changes if change.made]


def is_taken_back(host: HostResult) -> bool:
    """Whether the run has taken its changes on a host back."""
    return host.rollback is not None and host.rollback.status == "restored"


def planned(host: HostResult) -> list[ChangeRecord]:
    """The changes that wait for a run that is not a dry-run, and could be made."""
    # Of one that stays unfixed, too: what can be done is done, and what can't be is said.
    pending = [step for step in steps_of(host) if step.status in (StepStatus.PENDING, StepStatus.UNFIXED)]
    return [change for step in pending for change in step.changes if change.problem is None and not change.made]


def waiting(step: StepResult, earlier: Iterable[StepResult]) -> bool:
    """Whether a step could tell nothing only because of what an earlier one found, and has not mended."""
    if step.status is not StepStatus.UNKNOWN or step.findings or step.error is None:
        return False
    reason = str(step.error.values.get("reason", ""))
    open_steps = [other for other in earlier if other.status is not StepStatus.FIXED]
    return any(len(each.subject) > 1 and each.subject in reason for other in open_steps for each in other.findings)


def told_alike(steps: Iterable[StepResult]) -> list[list[StepResult]]:
    """The steps in their order, those together that could tell nothing for one and the same reason."""
    groups: dict[Hashable, list[StepResult]] = {}
    for number, step in enumerate(steps):
        mute = step.status is StepStatus.UNKNOWN and not (step.findings or step.changes or step.declined)
        reason = (step.service, step.error.code, str(step.error.values)) if mute and step.error else None
        groups.setdefault(reason or number, []).append(step)
    return list(groups.values())


def left(step: StepResult) -> tuple[Finding, ...]:
    """What is still wrong after a step, as far as it counts."""
    found = step.remaining or step.findings
    errors = tuple(finding for finding in found if finding.severity == "error")
    return errors or tuple(finding for finding in found if finding.severity == "warning")


def _grouped(result: RunResult, how: Alike) -> list[Outcome]:
    groups: dict[Hashable, list[HostResult]] = {}
    for host in result.hosts.values():
        groups.setdefault(_likeness(host, how), []).append(host)
    return [_outcome(hosts, how) for hosts in groups.values()]


def _outcome(hosts: Sequence[HostResult], how: Alike) -> Outcome:
    said = {tuple(str(step.error.values) for step in host.steps if step.error is not None) for host in hosts}
    told_of = hosts[0].status is not HostStatus.UNTOUCHED
    exact = len(said) == 1 and (how is Alike.WHOLLY or len({_likeness(host, Alike.WHOLLY) for host in hosts}) == 1)
    return Outcome(tuple(host.name for host in hosts), tuple(hosts), not told_of or exact)


def _likeness(host: HostResult, how: Alike) -> Hashable:
    why = reason(host.error, host.name, exact=how is not Alike.IN_KIND)
    if host.status is HostStatus.UNTOUCHED:
        return (host.status, why)  # what was found on them has been shown with the plan
    services = tuple((name, each.status, each.symptom, each.cause) for name, each in host.services.items())
    proofs = tuple(
        (
            proof.service,
            proof.status,
            proof.code,
            tuple((check.name, check.status, check.code) for check in proof.checks),
        )
        for _, proof in host.proof
    )
    return (
        *(host.status, services, proofs, tuple(alike(step, how, host.name) for step in steps_of(host))),
        *(why, host.rollback and host.rollback.status),
    )


def alike(step: StepResult, how: Alike, host: str) -> Hashable:
    """What two hosts must share for their steps to be shown as one."""
    return (
        *(step.name, step.service, step.status, step.provisional),
        reason(step.error, host, exact=how is not Alike.IN_KIND),
        tuple((each.code, how.of(each.subject, host)) for each in (*step.findings, *step.remaining)),
        tuple((each.kind, each.made, each.problem is None, how.of(each.target, host)) for each in step.changes),
        tuple(each.code for each in step.declined),
    )
