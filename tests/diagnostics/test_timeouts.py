"""timeouts: one row for each start that stands still, or is slow, and each limit that is too short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.timeouts import timeouts
from autoglm_fix.diagnostics.timeouts_callers import in_nginx
from autoglm_fix.diagnostics.timeouts_progress import stage_by_progress
from autoglm_fix.diagnostics.timeouts_rules import rounded, rules, span, unavailing
from autoglm_fix.diagnostics.timeouts_start import timed_stages
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.diagnostics.timeouts_facts import GB, NOW, callers, model, service, start

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
BY_NAME = {case["case"]: case for case in CASES}


def findings(case: dict[str, Any], folder: Path) -> list[Finding]:
    return list(timeouts(start(case), service(case, folder), model(case), callers(case)))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_facts_give_findings(case: dict[str, Any], tmp_path: Path) -> None:
    given = findings(case, tmp_path)
    # How a unit is called is no matter of these rows.
    assert [[each.code, each.subject.removesuffix(".service")] for each in given] == [
        [code, subject.removesuffix(".service")] for code, subject in case["findings"]
    ]
    for each in given:
        for language in LANGUAGES:
            for part in ("summary", "advice"):
                assert Catalogue(language).part(each.code, part, {**each.evidence, "subject": each.subject})


def only(name: str, folder: Path) -> dict[str, Any]:
    (finding,) = findings(BY_NAME[name], folder)
    return finding.evidence


def test_a_start_that_was_cut_off_needs_what_its_weights_take_and_twice_what_it_had(tmp_path: Path) -> None:
    assert only("a start that was cut off", tmp_path) == {
        "setting": "TimeoutStartSec",
        "limit": "90 s",
        "need": "8 min",
        "size": 20_600_000_000,
        "by": "/etc/systemd/system/glm.service",
    }


def test_a_slow_start_is_told_with_its_rate_and_what_is_left(tmp_path: Path) -> None:
    told = only("it reads", tmp_path)
    assert (told["stage"], told["doing"], told["rate"], told["left"]) == ("weights", "reading", 200_000_000, "78 s")
    assert (told["done"], told["total"]) == (5_000_000_000, 20_600_000_000)


def test_a_stall_is_told_with_its_stack(tmp_path: Path) -> None:
    told = only("nothing moves", tmp_path)
    assert (told["stack"], told["process"], told["watched"]) == (["wait (threading.py:1)"], "7 (vllm)", "80 s")


def test_a_model_that_is_here_needs_no_hub(tmp_path: Path) -> None:
    told = only("it waits for the network", tmp_path)
    assert (told["remote"], told["hub"], told["cached"]) == ("192.0.2.1:443", True, True)
    told = only("it waits for a name", tmp_path)
    assert (told["remote"], told["hub"]) == ("192.0.2.53:53 (DNS)", False)


LOG = [
    "INFO 11-22 16:00:00 [__init__.py:239] Automatically detected platform cuda.",
    "INFO 11-22 16:00:12 [config.py:600] Resolved architecture: Glm4vForConditionalGeneration",
    "INFO 11-22 16:00:20 [gpu_model_runner.py:1] Starting to load model /models/glm",
    "Loading safetensors checkpoint shards: 100% Completed | 5/5",
    "INFO 11-22 16:01:20 [loader.py:1] Loading weights took 59.8 seconds",
    "INFO 11-22 16:01:30 [backends.py:1] Dynamo bytecode transform time: 8.1 s",
]


def test_the_stages_of_a_start_are_timed_by_its_log() -> None:
    assert timed_stages(start({"start": {"log": LOG}})) == [
        ("import", 12.0),
        ("config", 8.0),
        ("weights", 60.0),
        ("profile", 10.0),
        ("compile", None),
    ]


def test_the_stages_of_a_journal_are_timed_to_this_moment() -> None:
    log = [f"{NOW * 1000 - 30:.6f} gpu01 vllm[7]: Starting to load model /models/glm"]
    assert timed_stages(start({"start": {"log": log, "now": NOW * 1000}})) == [("weights", 30.0)]


def test_a_log_without_times_tells_the_stages_alone() -> None:
    assert timed_stages(
        start({"start": {"log": ["Loading checkpoint shards:  40%", "INFO 11-99 99:99:99 warmup"]}})
    ) == [
        ("weights", None),
        ("first-token", None),
    ]


@pytest.mark.parametrize(
    ("line", "vain"),
    [
        (
            "MaxRetryError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /a",
            True,
        ),
        ("httpx.ConnectTimeout while requesting GET https://hf-mirror.com/api/models/a/b", True),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", False),
        ("INFO: 127.0.0.1 GET /health 200", False),
    ],
)
def test_a_line_tells_whether_a_hub_was_asked_in_vain(line: str, vain: bool) -> None:
    assert unavailing(line) is vain


def test_times_are_those_that_people_set() -> None:
    assert [rounded(each) for each in (1, 61, 506, 90000)] == [10, 120, 600, 90000]
    assert [span(each) for each in (0.1, 90, 600, 7200, 259200, None)] == ["0.1 s", "90 s", "10 min", "2 h", "3 d", "∞"]


def test_every_setting_of_the_table_has_its_source() -> None:
    assert all(row.source and row.default > 0 for row in rules().settings)
    assert {row.engine for row in rules().settings} <= {"", *rules().loading.beside}


def test_what_the_clients_library_assumes_is_what_it_says() -> None:
    openai = pytest.importorskip("openai")
    rule = rules().callers.client
    assert (openai.DEFAULT_TIMEOUT.read, openai.DEFAULT_MAX_RETRIES) == (rule.default, rule.retries)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *[("60", 60), ("60s", 60), ("5m", 300), ("1h 30m", 5400), ("500ms", 0.5), ("1d", 86400), ("1M", 2592000)],
        *[("", None), ("x", None), ("$wait", None), ("60 seconds", None), ("-1", None), ("²", None)],
    ],
)
def test_a_time_is_read_as_nginx_reads_it(written: str, seconds: float | None) -> None:
    assert in_nginx(written) == seconds


def test_a_short_front_end_is_told_with_the_line_that_cures_it(tmp_path: Path) -> None:
    told = only("nginx with its own limit", tmp_path)
    assert (told["limit"], told["by"], told["line"]) == ("60 s", "nginx", "proxy_read_timeout 120s;")
    assert told["where"] == "/etc/nginx/sites-enabled/glm:4"
    told = only("nginx with a limit that somebody set", tmp_path)
    assert (told["limit"], told["where"]) == ("30 s", "/etc/nginx/nginx.conf:20")


@pytest.mark.parametrize(
    ("stage", "first", "last"),
    [
        ("weights", {}, {"read": 5 * GB, "resident": 6 * GB}),
        ("weights", {"gpu": GB}, {"gpu": 6 * GB, "read": 8 * GB}),
        ("to-device", {"gpu": GB}, {"gpu": 6 * GB}),
        ("to-device", {"gpu": GB, "resident": 20 * GB}, {"gpu": GB, "resident": 20 * GB}),
        ("first-token", {"gpu": 20 * GB}, {"gpu": 20 * GB}),
        ("", {}, {}),
        ("", {"resident": 20 * GB}, {"resident": 20 * GB}),
        ("", {"read": None, "resident": 0}, {"read": None, "resident": 0}),
    ],
)
def test_progress_tells_a_stage_where_no_log_does(stage: str, first: dict[str, Any], last: dict[str, Any]) -> None:
    assert stage_by_progress(start({"start": {"first": first, "last": last}}), round(20.6 * GB)) == stage


def test_progress_tells_no_stage_of_a_small_model() -> None:
    assert stage_by_progress(start({"start": {"first": {"gpu": GB}, "last": {"gpu": GB}}}), GB) == ""


def test_a_plain_program_that_says_nothing_has_a_stage(tmp_path: Path) -> None:
    told = only("a plain program moves its weights to the card", tmp_path)
    assert (told["stage"], told["doing"], told["stages"]) == ("≈ to-device", "loading", [])
