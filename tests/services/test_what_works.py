"""A service that answers is not interrupted, unless somebody wants it; one that is broken by a change gets it back."""

from __future__ import annotations

import json
import time

import pytest

from tests.hosts import Host

from .lab import (
    BEHAVIOUR,
    NO_ROOM,
    SETTINGS,
    Served,
    asked,
    autoglm_fix,
    changes,
    play,
    playbook,
    proof,
    repair,
    result,
    step,
)

pytestmark = pytest.mark.slow

# Times of files and of processes are told apart by a second.
A_SECOND = 1.2
# An edit of the unit; the program reads a file of the same folder at its start.
NEW = "Environment=NEW=1"
NO_NUMBER = "Environment=HF_HUB_ETAG_TIMEOUT=soon"


def test_a_healthy_service_is_seen_without_a_trace_and_proved_by_its_endpoint(host: Host, served: Served) -> None:
    pid = served.start()
    before = host.written()
    dry = repair(host, "-C")
    assert (dry.code, result(dry)["status"], changes(dry)) == (0, "clean", [])
    assert {each["status"] for each in result(dry)["steps"]} == {"healthy"}
    assert host.written() == before
    done = repair(host)
    assert (done.code, result(done)["status"], proof(done), changes(done)) == (0, "verified", "verified", [])
    assert result(done)["proof"][0]["checks"][0]["name"] == "endpoint"
    assert (served.pid, served.starts) == (pid, 1)


def test_one_whose_unit_was_edited_since_is_left_alone_and_restarted_where_that_is_wanted(
    host: Host, served: Served
) -> None:
    pid = served.start()
    time.sleep(A_SECOND)
    served.define(NEW)
    held = repair(host)
    assert (held.code, result(held)["status"], proof(held), changes(held)) == (0, "verified", "verified", [])
    seen = step(held, "service")
    assert [(each["code"], each["severity"]) for each in seen["findings"]] == [("service.stale", "warning")]
    assert (seen["status"], [each["code"] for each in seen["declined"]]) == ("healthy", ["run.held"])
    assert "--even-if-working" in seen["declined"][0]["advice"]
    assert "let systemd restart the service" in seen["declined"][0]["summary"]
    assert served.pid == pid
    done = repair(host, "--even-if-working")
    assert (done.code, proof(done), changes(done)) == (0, "verified", [("service", "restart", True)])
    assert result(done)["services"]["autoglm"] == {"status": "verified", "symptom": "none", "cause": "service.stale"}
    assert (served.starts, "NEW=1" in served.shown("Environment")) == (2, True)
    assert changes(repair(host, "--even-if-working")) == []


def test_a_file_that_it_will_read_at_its_next_start_is_mended_and_the_restart_held_back(
    host: Host, served: Served
) -> None:
    pid = served.start()
    host.write(SETTINGS, NO_ROOM)
    dry = repair(host, "-C")
    assert changes(dry) == [("generation_config", "write_file", False)]
    assert [each["code"] for each in step(dry, "service")["declined"]] == ["run.held"]
    done = repair(host)
    assert (done.code, proof(done), changes(done)) == (0, "verified", [("generation_config", "write_file", True)])
    assert served.pid == pid


def test_an_error_in_its_definition_stays_with_the_reason_and_the_option_to_pass(host: Host, served: Served) -> None:
    served.define(NO_NUMBER)
    pid = served.start()
    held = repair(host, tags="timeouts,service")
    assert (held.code, result(held)["status"], proof(held), changes(held)) == (2, "unfixed", "verified", [])
    assert [each["code"] for each in step(held, "timeouts")["declined"]] == ["run.held"]
    text = autoglm_fix(host, *asked(tags="timeouts,service")).out
    assert "held back, because the service is at work and this would interrupt it" in text
    (command,) = (line.strip() for line in text.splitlines() if line.strip().startswith("autoglm-fix run"))
    assert command == "autoglm-fix " + " ".join(asked("--even-if-working", tags="timeouts,service")).replace(
        "-t timeouts,service -e require_gpu=false", "-e require_gpu=false -t timeouts,service"
    )
    assert served.pid == pid


def test_a_unit_that_does_not_start_with_the_machine_is_a_note_and_no_fault(host: Host, served: Served) -> None:
    served.define("[Install]\nWantedBy=multi-user.target")
    done = repair(host)
    assert (done.code, step(done, "service")["status"], proof(done)) == (0, "fixed", "verified")
    again = repair(host)
    assert (again.code, result(again)["status"]) == (0, "verified")
    assert [each["code"] for each in step(again, "service")["findings"]] == ["service.disabled"]


@pytest.mark.parametrize("on_failure", ["keep", "rollback"])
def test_one_that_answered_before_and_not_after_gets_its_changes_taken_back(
    host: Host, served: Served, on_failure: str
) -> None:
    served.start()
    time.sleep(A_SECOND)
    served.define(NO_NUMBER)
    path = playbook(
        host,
        "diagnose: timeouts\nfix: set_timeouts",
        "diagnose: service\nfix: restart\nact_on: warning",
        play=f"on_failure: {on_failure}",
    )
    unit = host.read(served.unit)
    host.write(BEHAVIOUR, "empty")  # which is read by its next start
    done = play(host, path, "--even-if-working")
    assert changes(done) == [("timeouts", "write_file", True), ("service", "restart", True)]
    assert (done.code, result(done)["status"], proof(done)) == (2, "failed", "failed")
    assert result(done)["rollback"] == {"status": "restored"}
    assert (host.read(served.unit), served.state, served.starts) == (unit, "active", 3)
    drop_ins = host.run("sh", "-c", f"ls {served.unit}.d 2>/dev/null || true").stdout
    assert drop_ins == ""
    assert "autoglm-fix undo" not in autoglm_fix(host, "show", done.document["run"]).out


def test_the_report_says_that_a_change_was_taken_back(host: Host, served: Served) -> None:
    served.start()
    time.sleep(A_SECOND)
    served.define(NEW)
    host.write(BEHAVIOUR, "bang")
    text = autoglm_fix(host, *asked("--even-if-working")).out
    assert "the changes of this run on this host were taken back" in text
    assert "1 change made on 1 host, and taken back." in text
    assert "To take the changes back" not in text
    assert "No run made from here changed anything" in autoglm_fix(host, "undo", "--yes").err


def test_a_fault_that_a_short_question_cannot_see_takes_nothing_back(host: Host, served: Served) -> None:
    """The proof asks more than the first question did: what failed before too is no work of the change."""
    host.write(BEHAVIOUR, "not streamed")
    served.start()
    time.sleep(A_SECOND)
    served.define(NEW)
    done = repair(host, "--even-if-working")
    assert (proof(done), result(done)["rollback"], served.starts) == ("failed", None, 2)


def test_a_play_that_denies_restarts_shows_the_one_it_would_have_made(host: Host, served: Served) -> None:
    path = playbook(host, "diagnose: service\nfix: restart", play="deny: [restart]")
    dry = play(host, path, "-C")
    assert (dry.code, changes(dry), step(dry, "service")["status"]) == (2, [], "unfixed")
    (declined,) = {json.dumps(each) for each in step(dry, "service")["declined"]}
    assert json.loads(declined)["code"] == "run.denied"
    assert "let systemd start the service" in json.loads(declined)["summary"]
    done = play(host, path)
    assert (done.code, result(done)["status"], served.state, served.starts) == (2, "failed", "inactive", 0)
    assert step(done, "service")["status"] == "unfixed"


def test_a_play_that_denies_restarts_makes_none_for_a_changed_file_either(host: Host, served: Served) -> None:
    host.write(SETTINGS, NO_ROOM)
    pid = served.start()
    path = playbook(host, "diagnose: generation_config\nfix: generation_config", play="deny: [restart]", verify=False)
    done = play(host, path)
    assert changes(done) == [("generation_config", "write_file", True)]
    assert [each["code"] for each in step(done, "generation_config")["declined"]] == ["run.denied"]
    assert (done.code, served.pid) == (0, pid)
