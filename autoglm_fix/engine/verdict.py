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


def service_verdict(
    steps: Sequence[StepResult], proofs: Sequence[Proof], seen: Symptom | None = None
) -> ServiceResult:
    """A service's status, the symptom it had, and the code of the cause.

    ``seen`` is the symptom that a caller saw before anything was changed, None where nobody asked.
    A step that could not tell does not lower a service whose proof passed: it generates.
    """
    proved = bool(proofs) and all(proof.status == "verified" for proof in proofs)
    statuses = [_OF_STEP[step.status] for step in steps if step.status in _OF_STEP and not step.ignored]
    if proved:
        statuses = [status for status in statuses if status is not HostStatus.UNKNOWN]
    statuses += [_OF_PROOF[proof.status] for proof in proofs if proof.status in _OF_PROOF]
    cause = first_cause([finding for step in steps for finding in step.findings])
    failed = next((proof for proof in proofs if proof.status == "failed"), None)
    if cause is not None:
        return ServiceResult(worst_host(statuses), seen or cause.symptom, cause.code)
    if failed is not None:
        return ServiceResult(worst_host(statuses), failed.symptom, failed.code)
    return ServiceResult(worst_host(statuses), seen or "none")


def first_cause(findings: Sequence[Finding]) -> Finding | None:
    """The error that hides the others: the first of those with the worst symptom."""
    errors = [finding for finding in findings if finding.severity == "error"]
    telling = [finding for finding in errors if finding.symptom in _SYMPTOM_ORDER]
    if telling:
        return min(telling, key=lambda finding: _SYMPTOM_ORDER.index(finding.symptom))
    return errors[0] if errors else None


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
