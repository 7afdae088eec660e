"""Hosts that failed alike are one group, with one sentence that is true of all of them."""

from __future__ import annotations

import pytest

from autoglm_fix.engine.results import Fault, HostResult, HostStatus
from autoglm_fix.report.reasons import in_common, reason
from autoglm_fix.report.words import Words

from . import runs
from .test_console import printed, summary


def lost(name: str, error: Fault, status: HostStatus = HostStatus.UNREACHABLE) -> HostResult:
    return runs.host(name, status, error=error)


def fleet(count: int, code: str, status: HostStatus = HostStatus.UNREACHABLE, **values: str) -> list[HostResult]:
    """Hosts with one fault; ``{n}`` in its values is the number of each."""
    return [
        lost(f"gpu{n:02}", Fault(code, {key: value.format(n=n) for key, value in values.items()}), status)
        for n in range(1, count + 1)
    ]


def unknown_keys(count: int) -> list[HostResult]:
    return fleet(count, "host-key.unknown", name="gpu{n:02}", kind="ED25519", kind_file="ed25519", shown="SHA256:a{n}b")


def test_forty_unknown_host_keys_are_one_group() -> None:
    text = summary(runs.result(*unknown_keys(40), runs.named(runs.HEALTHY, "well")))
    assert "gpu[01:40] (40 hosts): unreachable\n" in text
    assert "the host key of HOST is not known: it shows ED25519 …\n" in text
    assert "for example gpu01: the host key of gpu01 is not known: it shows ED25519 SHA256:a1b\n" in text
    assert "SHA256:a2b" not in text
    assert "What to do next for gpu[01:40] (40 hosts), here for gpu01:\n" in text


def test_what_all_have_in_common_is_said_without_an_example() -> None:
    text = summary(runs.result(*fleet(40, "run.unreachable", reason="no route to host")))
    assert "no connection: no route to host\n" in text
    assert "for example" not in text


def test_numbers_and_addresses_in_a_reason_make_no_other_reason() -> None:
    hosts = fleet(40, "run.unreachable", reason="10.0.0.{n} did not answer within {n}.5 s")
    text = summary(runs.result(*hosts))
    assert "no connection: … did not answer within … s\n" in text
    assert "for example gpu01: no connection: 10.0.0.1 did not answer within 1.5 s\n" in text


def test_other_reasons_are_other_groups() -> None:
    refused = fleet(9, "run.unreachable", reason="connection refused")
    silent = [runs.named(each, f"cpu{n}") for n, each in enumerate(fleet(3, "run.unreachable", reason="timed out"))]
    text = summary(runs.result(*silent, *refused))
    assert text.index("gpu[01:09] (9 hosts)") < text.index("cpu[0:2] (3 hosts)")


def test_a_reason_for_each_host_is_one_group_after_all() -> None:
    words = ["a" * number for number in range(1, 41)]
    hosts = [lost(f"gpu{n}", Fault("run.unreachable", {"reason": word})) for n, word in enumerate(words)]
    text = summary(runs.result(*hosts))
    assert "no connection: …\n" in text
    assert len(text.splitlines()) < 12


def test_a_lost_jump_host_is_one_line_with_how_many_are_behind_it() -> None:
    behind = [
        lost(f"gpu{n:02}", Fault("jump.lost", {"jump": jump, "reason": "connection reset"}, (), jump))
        for n, jump in enumerate(["bastion1"] * 30 + ["bastion2"] * 10)
    ]
    run = runs.result(*behind)
    text = summary(run)
    assert "gpu[00:29] (30 hosts), behind the jump host bastion1: unreachable\n" in text
    assert "gpu[30:39] (10 hosts), behind the jump host bastion2: unreachable\n" in text
    live = [each for each in printed(runs.events(run)).splitlines() if each.startswith("bastion")]
    assert [each.partition(":")[0] for each in live] == ["bastion1", "bastion2"]


def test_a_jump_host_that_lets_nobody_pass_is_no_fault_of_each_host_behind_it() -> None:
    denied = Fault("login.nothing-to-try", {"host": "b", "user": "u", "methods": ["x"], "skipped": []}, (), "b")
    other = Fault("login.nothing-to-try", {"host": "gpu3", "user": "u", "methods": ["x"], "skipped": []})
    text = summary(runs.result(lost("gpu1", denied), lost("gpu2", denied), lost("gpu3", other)))
    assert "gpu[1:2] (2 hosts), behind the jump host b: unreachable\n" in text
    assert "\ngpu3: unreachable\n" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hosts_that_were_never_begun_are_one_group_with_the_reason_and_the_command(language: str) -> None:
    why = Fault("run.untouched", {"failed": 5, "hosts": 40, "most": "10"})
    looked_at = [
        runs.HostResult(f"gpu{n:02}", HostStatus.UNTOUCHED, runs.DRY.services, runs.DRY.steps[: n % 3], error=why)
        for n in range(35)
    ]
    failed = fleet(5, "become.wrong-password", HostStatus.FAILED, program="sudo", host="gpu{n:02}", user="root")
    failed = [runs.named(each, f"bad{n}") for n, each in enumerate(failed)]
    text = summary(runs.result(*failed, *looked_at), language=language)
    assert text.count("gpu[00:34] (35") == 1
    assert f"-l @failed:{runs.RUN}\n" in text + "\n"
    assert text.count("-l @failed:") == 1


def test_a_value_of_any_kind_may_differ() -> None:
    floods = {f"gpu{n}": Fault("start.flood", {"host": f"gpu{n}", "size": n << 20}) for n in (1, 2)}
    assert Words().fault(in_common(floods)) == "HOST printed … and did not run the command that it was given"
    denied = {
        f"gpu{n}": Fault("login.locked-key", {"host": f"gpu{n}", "skipped": [f"/k{n}"], "user": "u"}) for n in (1, 2)
    }
    assert Words().fault(in_common(denied)).endswith("could not be opened: …")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1 refused", "10.0.0.22 refused", True),
        ("gpu1: no route", "gpu2: no route", True),
        ("[Errno 113] No route", "[Errno 5] No route", True),
        ("No route", "refused", False),
        ("/a/b is full", "/c is full", True),
    ],
)
def test_a_reason_is_what_is_said_without_what_is_the_hosts_own(one: str, other: str, same: bool) -> None:
    first, second = (reason(Fault("x.y", {"reason": text}), f"gpu{n}") for n, text in enumerate((one, other), 1))
    assert (first == second) is same
