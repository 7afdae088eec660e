"""What a plan says of what hosts share, and of the bytes that move."""

from __future__ import annotations

from dataclasses import replace

from autoglm_fix.engine.events import HostPlan
from autoglm_fix.engine.results import ChangeRecord, StepResult, StepStatus
from autoglm_fix.report.plan import PlanView
from autoglm_fix.report.words import Words

GIB = 1 << 30
FETCH = ChangeRecord("fetch_file", "/models/x", "safe", "exact", "fetch it", "", size=10 * GIB)


def said(**changes: ChangeRecord) -> str:
    """The plan of hosts, each with one change."""
    plans = [
        HostPlan(host, (StepResult("play", "step", "autoglm", "weights", StepStatus.PENDING, changes=(change,)),))
        for host, change in changes.items()
    ]
    return "\n".join(line.plain for line in PlanView(Words(), whole=False).lines(plans))


def test_what_each_host_fetches_for_itself_adds_up() -> None:
    small = replace(FETCH, size=GIB)
    assert "Bytes that are fetched: 21.0 GiB in all, 10.0 GiB at most by one host." in said(a=FETCH, b=FETCH, c=small)


def test_what_hosts_share_is_fetched_once_and_says_who_shares_it() -> None:
    shared = replace(FETCH, shared="nas:/models/x")
    told = said(gpu01=shared, gpu02=shared)
    assert "share: changed once, by the first that needs it" in told
    assert "10.0 GiB in all" in told


def test_nothing_is_said_where_nothing_moves_and_nobody_shares() -> None:
    told = said(a=replace(FETCH, kind="link", size=None, shared="nas:/models/x"))
    assert "share" not in told
    assert "Bytes" not in told
