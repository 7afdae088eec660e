"""From steps and proofs to the status of a service and a host. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from autoglm_fix.diagnostics import Finding, Symptom
from autoglm_fix.proof import Proof

from .results import HostStatus, ServiceResult, StepResult, StepStatus, worst_host

_OF_STEP = {
    StepStatus.FAILED: HostStatus.FAILED,
    StepStatus.AMBIGUOUS: HostStatus.AMBIGUOUS,
    StepStatus.UNFIXED: HostStatus.UNFIXED,
    StepStatus.UNKNOWN: HostStatus.UNKNOWN,
    StepStatus.PENDING: HostStatus.PENDING,
}
_OF_PROOF = {"failed": HostStatus.FAILED, "unproved": HostStatus.UNPROVED, "verified": HostStatus.VERIFIED}

# A service that does not load says nothing, whatever its settings would do to the answer.
_SYMPTOM_ORDER = ("crashed", "refused", "hang", "empty", "garbage", "cut", "lost", "slow")
# What only a service that runs can do, so that it is no reason for one that does not.
_OF_ONE_THAT_RUNS = ("empty", "garbage", "cut", "lost")


def service_verdict(
    steps: Sequence[StepResult], proofs: Sequence[Proof], seen: Symptom | None = None, *, unanswered: bool = False
) -> ServiceResult:
    """A service's status, the symptom it had, and the code of the cause.

    ``seen`` is the symptom that a caller saw before anything was changed, None where nobody asked; ``unanswered``:
    that caller got nothing, and it was the service's fault.
    A step that could not tell does not lower a service whose proof passed: it generates.
    """
    proved = bool(proofs) and all(proof.status == "verified" for proof in proofs)
    statuses = [_OF_STEP[step.status] for step in steps if step.status in _OF_STEP and not step.ignored]
    if proved:
        statuses = [status for status in statuses if status is not HostStatus.UNKNOWN]
    statuses += [_OF_PROOF[proof.status] for proof in proofs if proof.status in _OF_PROOF]
    if unanswered and not statuses and _seems_to_run(steps):
        statuses = [HostStatus.UNKNOWN]
    cause = first_cause([finding for step in steps for finding in step.findings]) or _mended(steps)
    failed = next((proof for proof in proofs if proof.status == "failed"), None)
    if cause is not None:
        return ServiceResult(worst_host(statuses), seen or cause.symptom, cause.code)
    if failed is not None:
        return ServiceResult(worst_host(statuses), failed.symptom, failed.code)
    return ServiceResult(worst_host(statuses), seen or "none")


def _seems_to_run(steps: Sequence[StepResult]) -> bool:
    """Whether it was found to run, with nothing to mend: if it does not answer all the same, nobody knows why.

    It may still be starting. Where that was not looked at, or something was mended, nothing is said about it.
    """
    looked = any(step.diagnostic == "service" and step.status is StepStatus.HEALTHY for step in steps)
    return looked and not any(step.status is StepStatus.FIXED for step in steps)


def first_cause(findings: Sequence[Finding]) -> Finding | None:
    """The error that explains the others: the first of those with the worst symptom.

    That a service does not run is the cause only where nothing is found that could have led to it; what its log
    points to comes before the rest.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    follow = [finding for finding in errors if finding.consequence]
    causes = [finding for finding in errors if not finding.consequence]
    if follow:
        causes = [finding for finding in causes if finding.symptom not in _OF_ONE_THAT_RUNS]
    told = {finding.judged_by for finding in follow}
    pointed_to = [finding for finding in causes if finding.code.partition(".")[0] in told]
    return min(pointed_to or causes or follow, key=_rank, default=None)


def _mended(steps: Sequence[StepResult]) -> Finding | None:
    """The warning that there was to mend, where nothing worse was found: it runs with what is no longer defined."""
    acted = [step for step in steps if step.status in (StepStatus.FIXED, StepStatus.PENDING)]
    return next((each for step in acted for each in step.findings if each.severity == "warning"), None)


def _rank(finding: Finding) -> int:
    telling = finding.symptom in _SYMPTOM_ORDER
    return _SYMPTOM_ORDER.index(finding.symptom) if telling else len(_SYMPTOM_ORDER)


def host_verdict(
    services: Sequence[HostStatus], *, trouble: HostStatus | None, started: bool, interrupted: bool
) -> HostStatus:
    """A host's status over its services and what befell it as a whole."""
    if trouble is not None:
        return worst_host([trouble, *services])
    if interrupted:
        return worst_host([HostStatus.INTERRUPTED if started else HostStatus.UNTOUCHED, *services])
    if not services:
        return HostStatus.UNTOUCHED if started else HostStatus.NO_SERVICE
    return worst_host(services)
