"""Host data before a terminal sees it: control characters escaped, secrets masked."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from autoglm_fix.engine.events import ChangeMade, Doing, Event, LogLine, PlansReady, Progress, RunDone, StepDone
from autoglm_fix.engine.results import Fault, StepStatus
from autoglm_fix.proof import Check, Proof
from autoglm_fix.report.console import Console
from autoglm_fix.report.document import result_document
from autoglm_fix.report.html import HtmlReport
from autoglm_fix.report.json import JsonReport
from autoglm_fix.report.jsonl import JsonLines
from autoglm_fix.report.junit import JUnitReport
from autoglm_fix.report.markdown import markdown
from autoglm_fix.report.safe import Masker, json_text, masked, safe, safe_lines

from . import runs

SHOWN = {
    "plain text, 中文, é, emoji 👩‍💻": "plain text, 中文, é, emoji 👩‍💻",
    "": "",
    "\x1b[31mred\x1b[0m": "\\x1b[31mred\\x1b[0m",
    "\x9b31m": "\\x9b31m",
    "bell\x07 back\x08 delete\x7f": "bell\\x07 back\\x08 delete\\x7f",
    "two\nlines": "two lines",
    "two\r\n\n  lines": "two lines",
    "over\rwritten": "over written",
    "a\u2028b\u2029c\x85d": "a b c d",
    "tab\there": "tab\\there",
    "abc\u202etxt.exe": "abc\\u202etxt.exe",
    "\u2066isolate\u2069": "\\u2066isolate\\u2069",
    "zero\u200bwidth\ufeff": "zero\\u200bwidth\\ufeff",
    "broken \ud800 half": "broken \\ud800 half",
    "tag \U000e0041": "tag \\U000e0041",
    "{{ 7*7 }} ${x} %s {0}": "{{ 7*7 }} ${x} %s {0}",
}


@pytest.mark.parametrize("said", SHOWN)
def test_what_a_terminal_obeys_is_escaped(said: str) -> None:
    assert safe(said) == SHOWN[said]


def test_only_a_newline_ends_a_line_of_several() -> None:
    assert safe_lines("a\r\nb\u2028c\x0bd\n") == ["a\\x0d", "b\\u2028c\\x0bd"]
    assert safe_lines("") == [""]


@pytest.mark.parametrize("said", SHOWN)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_says_the_same_with_its_own_escapes(said: str, indent: int | None) -> None:
    document = {"said": [said], said: 1.5}
    text = json_text(document, indent=indent)
    assert json.loads(text) == document
    assert safe(text.replace("\n", "")) == text.replace("\n", "")


KNOWN = ["hunter2", "p&ss w/rd\"'", "ab", "-----KEY-----\nline one of it\nline two of it\n", ""]
MASKED = {
    # What is known.
    "the password is hunter2.": "the password is ***.",
    "p%26ss%20w%2Frd%22%27": "***",
    'json: "p&ss w/rd\\"\'"': 'json: "***"',
    "aHVudGVyMg": "aHVudGVyMg",
    "short ones as words only: ab, cab, ab_": "short ones as words only: ***, cab, ab_",
    "…line two of it…": "…***…",
    # What looks like one.
    "Authorization: Bearer abc.DEF-123": "Authorization: ***",
    'headers={"Authorization": "Basic dXNlcjpw"}': 'headers={"Authorization": "***"}',
    "curl -H 'X-API-Key: 1234'": "curl -H 'X-API-Key: ***'",
    "Bearer eyJhbGciOi.eyJzdWIiOi.c2ln": "Bearer ***",
    "jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl": "jwt ***",
    "token hf_abcdefghijklmnopqrstuvwxyz": "token ***",
    "hf_A1b2C3": "***",
    "令牌hf_A1b2C3d4，完": "令牌***，完",
    "sk-proj-abcDEF_123 and sk-1234567890": "*** and ***",
    "ghp_0123456789abcdefXYZ": "***",
    "AKIAIOSFODNN7EXAMPLE": "***",
    "ms-0123abcd-0123-4567-89ab-0123456789ab": "***",
    "AUTOGLM_KEY=abc": "AUTOGLM_KEY=***",
    "KEY=abc OTHER=1": "KEY=*** OTHER=1",
    "+Environment=HF_TOKEN=abc": "+Environment=HF_TOKEN=***",
    "-API_KEY=old\n+API_KEY=new": "-API_KEY=***\n+API_KEY=***",
    "MY_SECRET: 'two words'": "MY_SECRET: ***",
    'password="a b"': "password=***",
    "password=a,b;c": "password=***",
    '{"api_key": "abc", "n": 1}': '{"api_key": ***, "n": 1}',
    '"{\\"api_key\\": \\"abc\\"}"': '"{\\"api_key\\": ***}"',
    "--api-key abc --model x": "--api-key *** --model x",
    "--hf-token=abc --port 80": "--hf-token=*** --port 80",
    "https://user:p@ss@host/path": "https://user:***@host/path",
    "https://0123456789abcdef0123@host/path": "https://***@host/path",
    "GET /v1?token=abc&n=1": "GET /v1?token=***&n=1",
    "https://b.s3/x?X-Amz-Signature=abc&y=1": "https://b.s3/x?X-Amz-Signature=***&y=1",
    "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nx": "***\nx",
    "-----BEGIN PRIVATE KEY-----\nMII": "***",
    # An option and its value apart: in lists, scripts and the diffs of both.
    '["--api-key", "abc", "--port", "1"]': '["--api-key", ***, "--port", "1"]',
    "['vllm', '--api-key', 'abc', '--port']": "['vllm', '--api-key', ***, '--port']",
    "    - --api-key\n    - abc\n    - --port\n": "    - --api-key\n    - ***\n    - --port\n",
    "-  - --api-key\n-  - abc\n+  - --api-key\n+  - abc": "-  - --api-key\n-  - ***\n+  - --api-key\n+  - ***",
    "vllm serve \\\n  --api-key \\\n  abc \\\n  --port 1": "vllm serve \\\n  --api-key \\\n  *** \\\n  --port 1",
    "--token abc --token-ids 1": "--token *** --token-ids 1",
    # As engines log their arguments.
    "Namespace(model='m', api_key=['abc'], port=1)": "Namespace(model='m', api_key=***, port=1)",
    "args: {'api_key': ['abc', 'de'], 'port': 1}": "args: {'api_key': ***, 'port': 1}",
    # Quotes around both; what a shell runs goes on.
    'Environment="HF_TOKEN=a b c" "B=d"': 'Environment="HF_TOKEN=***" "B=d"',
    "- 'DB_PASSWORD=a b'": "- 'DB_PASSWORD=***'",
    "sh -c 'HF_TOKEN=abc vllm serve /m'": "sh -c 'HF_TOKEN=*** vllm serve /m'",
    'command: ["sh", "-c", "HF_TOKEN=abc vllm serve"]': 'command: ["sh", "-c", "HF_TOKEN=*** vllm serve"]',
    "HF_TOKEN: >-\n  abc\nA: b": "HF_TOKEN: ***\nA: b",
    "DB_PASSWORD=$abc": "DB_PASSWORD=***",
    'DB_PASSWORD="$aBC"': "DB_PASSWORD=***",
    "MYSQL_PWD=abc SMTP_PASS=abc": "MYSQL_PWD=*** SMTP_PASS=***",
    "HTTPS_PROXY=user:abc@proxy:3128": "HTTPS_PROXY=***@proxy:3128",
    "Cookie: session=abc": "Cookie: ***",
    "curl -s -u me:abc http://x": "curl -s -u me:*** http://x",
}
KEPT = [
    "max_new_tokens: 50",
    'eos_token="</s>", "pad_token": "<pad>", token_ids=[1, 2]',
    "key=lm_head.weight is missing",
    "TOKENIZERS_PARALLELISM=false",
    "hf_device_map hf_hub_download hf_transfer",
    "HF_TOKEN: not set",
    "disk-usage, task-1234567890, risk-free-as-it-is",
    "/models/sk/x https://host:8000/v1 http://[::1]:80/a@b",
    "12 tokens on cuda:0",
    "secret.yaml is there",
    "the bearer of",
    "--api-key --port 8000",
    'HF_TOKEN="$HF_TOKEN" vllm serve /m --api-key "$API_KEY" --hf-token="$HF_TOKEN"',
    "--api-key\n--port",
    '"--api-key", "--port"',
    "docker run -u 1000:1000 --token-ids 1,2",
    "OLDPWD=/srv PWD=/srv http_proxy=http://proxy:3128 no_proxy=a@b",
    "pad_token=['a', 'b'], keys=[1]",
]


@pytest.mark.parametrize("said", MASKED)
def test_secrets_are_masked(said: str) -> None:
    masker = Masker(KNOWN)
    assert masker.text(said) == MASKED[said]
    assert masker.text(MASKED[said]) == MASKED[said]


@pytest.mark.parametrize("said", KEPT)
def test_the_words_of_the_trade_are_kept(said: str) -> None:
    assert Masker().text(said) == said


def test_the_values_of_a_setting_are_hidden_one_by_one() -> None:
    error = replace(runs.LOST, values={"api_key": ["abc", ["d"]], "n": [1]})
    (done,) = seen([StepDone("a", replace(runs.WEIGHTS_STEP, error=error))])
    assert done.step.error.values == {"api_key": ["***", ["***"]], "n": [1]}


LONGEST = (
    "a",
    "a ",
    "--api-key\n",
    "http_proxy=",
    "https://",
    "curl -u ",
    "A_KEY=[",
    "'A_KEY=b",
    "KEY=|\n",
    "api-",
    "\\",
)


@pytest.mark.parametrize("repeated", LONGEST)
def test_a_long_text_is_masked_as_well(repeated: str) -> None:
    assert Masker().text(repeated * 20_000 + " HF_TOKEN=abc").endswith("***")


def test_without_secrets_nothing_known_is_masked() -> None:
    assert Masker(["", "  "]).text("a b") == "a b"


def seen(told: list[Event], *secrets: str) -> list[Any]:
    heard: list[Any] = []
    listener = masked(heard.append, Masker(secrets))
    for event in told:
        listener(event)
    return heard


def test_every_string_of_every_event_passes_the_masker() -> None:
    secret = "s3cr3t-value"
    finding = msgspec.structs.replace(runs.MISSING, subject=secret, file=f"x/{secret}")
    change = replace(runs.LINK, target=secret, diff=f"+{secret}", problem=secret, summary=secret, made=True)
    error = replace(runs.LOST, values={"argv": ["--api-key", "abc", secret], "api_key": "x", secret: 1}, tail=(secret,))
    step = replace(runs.UNFIXED_STEP, name=secret, findings=(finding,), changes=(change,), error=error, items=())
    step = replace(step, items=(step,))
    proof = replace(runs.NO_PROOF, text=secret, gpu={"name": secret}, values={"x": secret}, tail=(secret,))
    each = replace(runs.host("gpu01", runs.HostStatus.UNFIXED, step, proof=proof), error=error)
    heard = seen([*runs.events(runs.result(each)), LogLine("gpu01", secret)], secret)
    assert secret not in repr(heard)
    assert "abc" not in repr(heard[1:])
    assert "'api_key': '***'" in repr(heard)
    assert "gpu01" in repr(heard)


def test_our_own_words_stay_even_if_a_secret_equals_one() -> None:
    done = seen([RunDone(runs.result(runs.REPAIRED))], "verified", "safe", runs.RUN, "weights", "autoglm", "localhost")
    result = done[0].result
    assert result.run == runs.RUN
    assert result.hosts["localhost"].services["autoglm"].status.value == "verified"
    step = result.hosts["localhost"].steps[0]
    assert (step.status, step.service, step.diagnostic) == (StepStatus.FIXED, "autoglm", "weights")
    assert step.changes[0].risk == "safe"


def test_nothing_is_changed_that_holds_no_secret() -> None:
    told = runs.events(runs.result(runs.STUCK))
    assert seen(told) == told


def test_a_no_log_step_shows_that_it_failed_and_no_value() -> None:
    step = replace(runs.WEIGHTS_STEP, no_log=True, status=StepStatus.FAILED, error=runs.LOST)
    change = ChangeMade("a", step.name, replace(runs.LINK, made=True))
    plan = PlansReady((runs.HostPlan("a", (step,)),))
    _, made, done = seen([plan, change, StepDone("a", step)])
    assert done.step.status is StepStatus.FAILED
    assert done.step.error.code == "sample.unreachable"
    assert done.step.findings[0].code == "sample.shard-missing"
    assert made.change.made
    for value in ("/models", "safetensors", "no route", "62914560", "link the"):
        assert value not in repr([made, done])


def test_a_no_log_loop_hides_its_items() -> None:
    item = replace(runs.WEIGHTS_STEP, name="item")
    step = replace(runs.WEIGHTS_STEP, no_log=True, items=(item,))
    assert "/models" not in repr(seen([StepDone("a", step)]))


def test_a_no_log_step_hides_what_its_host_says_meanwhile() -> None:
    step = replace(runs.WEIGHTS_STEP, no_log=True)
    heard = seen(
        [
            PlansReady((runs.HostPlan("a", (step,)),)),
            Doing("a", "apply", step.name),
            LogLine("a", "reading /models/x"),
            Progress("a", "/models/x", 1, 2, "bytes"),
            LogLine("b", "another host"),
            Doing("a", "apply", "another step"),
            LogLine("a", "another line"),
        ]
    )
    assert "/models/x" not in repr(heard)
    assert [event.line for event in heard if isinstance(event, LogLine)] == ["***", "***", "another line"]


def test_a_look_that_a_no_log_step_takes_part_in_is_hidden_where_it_is_known() -> None:
    masker = Masker(no_log=[runs.WEIGHTS])
    masker.event(Doing("a", "look", "autoglm"))
    assert masker.event(LogLine("a", "reading /models/x")) == LogLine("a", "***")
    masker.event(Doing("a", "prove", "autoglm"))
    assert masker.event(LogLine("a", "loading")) == LogLine("a", "loading")


@pytest.mark.parametrize("verbosity", [0, 2])
def test_no_output_shows_a_value_of_a_no_log_step(verbosity: int) -> None:
    pending = replace(runs.WEIGHTS_STEP, no_log=True)
    failed = replace(pending, status=StepStatus.FAILED, error=runs.LOST, declined=runs.UNFIXED_STEP.declined)
    bad = replace(failed, remaining=(runs.MISSING,), changes=(replace(runs.LINK, problem="no route in /models"),))
    for run in (
        runs.result(runs.host("a", runs.HostStatus.PENDING, pending), dry_run=True),
        runs.result(runs.host("a", runs.HostStatus.FAILED, bad, cause=runs.MISSING.code)),
        runs.result(runs.host("a", runs.HostStatus.FAILED, runs.step_fixed(pending))),
    ):
        outs = [io.StringIO() for _ in range(5)]
        masker = Masker(no_log=[runs.WEIGHTS])
        console = Console(outs[0], verbosity=verbosity, diff=True)
        listeners = [console, JsonReport(outs[1]), JsonLines(outs[2]), JUnitReport(outs[3]), HtmlReport(outs[4])]
        for event in runs.events(run):
            for listener in listeners:
                masked(listener, masker)(event)
        texts = [*(out.getvalue() for out in outs), markdown(json.loads(outs[1].getvalue()))]
        for text in texts:
            assert runs.WEIGHTS in text
            for value in ("/models", "safetensors", "no route", "62914560", "60.0 MiB", "link the", "reading headers"):
                assert value not in text.replace(runs.PLAYBOOK, "")


def test_a_line_of_backticks_does_not_end_the_fence() -> None:
    change = replace(runs.SETTING, diff="--- a\n+++ b\n+```\n+`````\n+# owned")
    step = replace(runs.SETTINGS_STEP, changes=(change,))
    text = markdown(result_document(runs.result(runs.host("a", runs.HostStatus.PENDING, step))))
    assert "\n  ``````diff\n  --- a\n" in text
    assert text.rstrip().endswith("\n  +# owned\n  ``````")


def test_the_report_for_others_says_why_a_host_or_a_change_failed() -> None:
    fault = Fault("sample.unreachable", {"reason": "no route"}, ("kex_exchange: ``` closed",))
    lost = runs.host("gpu01", runs.HostStatus.UNREACHABLE, error=fault)
    change = replace(runs.SETTING, made=False, problem="the folder is read-only")
    held = runs.host("gpu02", runs.HostStatus.FAILED, replace(runs.SETTINGS_STEP, changes=(change,)))
    text = markdown(result_document(runs.result(lost, held)))
    assert "## gpu01: unreachable\n- error: " in text
    assert "no route" in text
    assert "  ````text\n  kex_exchange: ``` closed\n  ````" in text
    assert "  - but: the folder is read-only" in text


def test_an_answer_of_the_cpu_never_reads_like_one_of_the_gpu() -> None:
    allowed = Check("gpu", "pass", {"device": "cpu", "allowed_by": "require_gpu: false"})
    proof = Proof("autoglm", "verified", checks=(allowed,))
    host = replace(runs.host("a", runs.HostStatus.VERIFIED), proof=(("play", proof),))
    assert "\n- gpu: pass (cpu, require_gpu: false)" in markdown(result_document(runs.result(host)))
