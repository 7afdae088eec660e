"""Runs as the engine tells them, for the reports' tests: events in, text out."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import msgspec

from autoglm_fix.diagnostics import Finding, Severity, Symptom
from autoglm_fix.engine.batches import batches
from autoglm_fix.engine.events import (
    BatchStarted,
    ChangeMade,
    Doing,
    Event,
    HostDone,
    HostLookedAt,
    HostLost,
    HostPlan,
    HostSettled,
    HostStarted,
    LogLine,
    PlansReady,
    Progress,
    ProofDone,
    RunDone,
    RunStarted,
    StepDone,
)
from autoglm_fix.engine.results import (
    ChangeRecord,
    Fault,
    HostResult,
    HostStatus,
    RunResult,
    ServiceResult,
    StepResult,
    StepStatus,
    exit_code,
)
from autoglm_fix.fixes import Declined
from autoglm_fix.proof import Check, Proof

SERIAL = (1, "25%")
RUN = "20261122T110000-ab12"
PLAY = "AutoGLM answers with nothing"
PLAYBOOK = "playbooks/no-output.yml"
WEIGHTS = "Every weight file is there, whole, and where the service looks"
SETTINGS = "The generation settings leave room for an answer"


class ShardMissing(Finding, frozen=True, kw_only=True):
    code: ClassVar[str] = "sample.shard-missing"
    symptom: ClassVar[Symptom] = "empty"

    file: str
    size: int


class NoRoom(Finding, frozen=True, kw_only=True):
    code: ClassVar[str] = "sample.no-room"
    symptom: ClassVar[Symptom] = "empty"

    limit: int


class Slow(Finding, frozen=True, kw_only=True):
    code: ClassVar[str] = "sample.slow"
    severity: ClassVar[Severity] = "warning"


class Wordless(Finding, frozen=True, kw_only=True):
    """Has no sentence in any catalogue."""

    code: ClassVar[str] = "nowhere.wordless"

    number: int


MISSING = ShardMissing(
    subject="/models/x/model-00002-of-00005.safetensors", file="model-00002-of-00005.safetensors", size=62_914_560
)
NO_ROOM = NoRoom(subject="/models/x/generation_config.json", limit=4)
LINK = ChangeRecord(
    kind="link",
    target="/models/x",
    risk="safe",
    undo="exact",
    summary="link the model folder to where it is",
    diff="--- /models/x\n+++ /models/x\n@@ link @@\n+/models/x -> /data/models/x",
)
SETTING = ChangeRecord(
    kind="write_file",
    target="/models/x/generation_config.json",
    risk="restart",
    undo="exact",
    summary="leave room for an answer",
    diff="\n".join(
        [
            "--- /models/x/generation_config.json",
            "+++ /models/x/generation_config.json",
            "@@ -1,9 +1,8 @@",
            " {",
            '   "bos_token_id": 1,',
            '-  "max_length": 4,',
            '   "do_sample": true,',
            '   "eos_token_id": 2,',
            '   "pad_token_id": 2,',
            '   "temperature": 0.6,',
            '   "top_p": 0.9',
            " }",
        ]
    ),
)
WEIGHTS_STEP = StepResult(
    play=PLAY,
    name=WEIGHTS,
    service="autoglm",
    diagnostic="weights",
    status=StepStatus.PENDING,
    findings=(MISSING,),
    changes=(LINK,),
    duration_s=0.4,
)
SETTINGS_STEP = StepResult(
    play=PLAY,
    name=SETTINGS,
    service="autoglm",
    diagnostic="generation_config",
    status=StepStatus.PENDING,
    findings=(NO_ROOM,),
    changes=(SETTING,),
    provisional=WEIGHTS,
    duration_s=0.1,
)
UNFIXED_STEP = replace(
    WEIGHTS_STEP,
    status=StepStatus.UNFIXED,
    changes=(),
    declined=(Declined("sample.no-source", {"file": "model-00002-of-00005.safetensors"}),),
    remaining=(MISSING,),
)
UNKNOWN_STEP = StepResult(
    play=PLAY,
    name="The tokenizer belongs to the model",
    service="autoglm",
    diagnostic="tokenizer",
    status=StepStatus.UNKNOWN,
    error=Fault("sample.could-not-tell", {"reason": "permission denied reading /models/x"}),
)
PROOF = Proof(
    service="autoglm",
    status="verified",
    text="The capital of France is Paris.",
    tokens=8,
    device="cuda:0",
    gpu={"name": "NVIDIA A100", "peak_bytes": 19_000_000_000},
    first_token_s=0.312,
    tokens_per_s=41.04,
    checks=(
        Check("tokens", "pass", {"tokens": 8}),
        Check("gpu", "pass", {"peak_bytes": 19_000_000_000}),
        Check("weights", "unproved", {"question": "7351"}, "sample.canary-missed"),
    ),
)
NO_PROOF = replace(
    PROOF,
    status="failed",
    text="",
    tokens=0,
    device=None,
    gpu={},
    first_token_s=None,
    tokens_per_s=None,
    checks=(Check("tokens", "fail", {"tokens": 0}, "sample.no-tokens"),),
    symptom="empty",
    points_to=("generation_config", "tokenizer"),
)
LOST = Fault(
    "sample.unreachable", {"reason": "no route to host"}, ("ssh: connect to host gpu17 port 22: No route to host",)
)


def step_fixed(step: StepResult) -> StepResult:
    changes = tuple(replace(change, made=True) for change in step.changes)
    return replace(step, status=StepStatus.FIXED, changes=changes, provisional=None)


def host(
    name: str,
    status: HostStatus,
    *steps: StepResult,
    symptom: Symptom = "none",
    cause: str | None = None,
    proof: Proof | None = None,
    error: Fault | None = None,
) -> HostResult:
    """A host with the service ``autoglm``, or with none where it was lost."""
    services = {} if error is not None else {"autoglm": ServiceResult(status, symptom, cause)}
    proofs = () if proof is None else ((PLAY, proof),)
    return HostResult(name, status, services, steps, proofs, error, None, 1.7)


def result(*hosts: HostResult, dry_run: bool = False) -> RunResult:
    code = exit_code([each.status for each in hosts], interrupted=False, exit_on_pending=False)
    return RunResult(RUN, PLAYBOOK, dry_run, code, 1.9, {each.name: each for each in hosts})


def events(run: RunResult) -> list[Event]:
    """A run's events in the order the engine tells them."""
    told: list[Event] = [RunStarted(run.run, run.playbook, tuple(run.hosts), run.dry_run)]
    for name, each in run.hosts.items():
        told.append(HostStarted(name))
        if each.error is not None:
            told.append(HostLost(name, each.error))
        else:
            told += [Doing(name, "look", each.steps[0].name), LogLine(name, "reading headers")] if each.steps else []
        told.append(HostLookedAt(name))
    looked = [HostPlan(name, tuple(map(_as_planned, each.steps))) for name, each in run.hosts.items() if not each.error]
    cut = batches([plan for plan in looked if plan.changes], SERIAL, lambda plan: plan.steps[0].status)
    names = tuple(tuple(plan.host for plan in batch) for batch in cut)
    told.append(PlansReady(tuple(looked), batches=names))
    if not run.dry_run:
        changed = {name for batch in names for name in batch}
        others = [plan.host for plan in looked if plan.host not in changed]
        for number, batch in enumerate(names or ((),), 1):
            told += [BatchStarted(number, len(names), batch)] if names else []
            for name in (*batch, *(others if number == max(len(names), 1) else ())):
                told += _worked(run.hosts[name])
    told += [HostDone(each) for each in run.hosts.values()]
    told.append(RunDone(run))
    return told


def _worked(each: HostResult) -> list[Event]:
    """What is told of a host that is changed and proved."""
    told: list[Event] = []
    if each.steps:
        for step in each.steps:
            told += [ChangeMade(each.name, step.name, change) for change in step.changes if change.made]
            told.append(StepDone(each.name, step))
        told += [ProofDone(each.name, play, proof) for play, proof in each.proof]
    told.append(HostSettled(each.name, each.status))
    return told


def _as_planned(step: StepResult) -> StepResult:
    changes = tuple(replace(change, made=False) for change in step.changes)
    status = StepStatus.PENDING if step.status is StepStatus.FIXED else step.status
    return replace(step, changes=changes, status=status)


DRY = host("localhost", HostStatus.PENDING, WEIGHTS_STEP, SETTINGS_STEP, symptom="empty", cause=MISSING.code)
REPAIRED = host(
    "localhost",
    HostStatus.VERIFIED,
    step_fixed(WEIGHTS_STEP),
    step_fixed(SETTINGS_STEP),
    symptom="empty",
    cause=MISSING.code,
    proof=PROOF,
)
STUCK = host(
    "localhost", HostStatus.UNFIXED, UNFIXED_STEP, UNKNOWN_STEP, symptom="empty", cause=MISSING.code, proof=NO_PROOF
)
HEALTHY = host(
    "localhost",
    HostStatus.VERIFIED,
    replace(WEIGHTS_STEP, status=StepStatus.HEALTHY, findings=(), changes=()),
    proof=PROOF,
)


def named(each: HostResult, name: str) -> HostResult:
    return replace(each, name=name)


def fleet() -> RunResult:
    """800 hosts with five outcomes."""
    hosts = []
    for number in range(1, 801):
        name = f"gpu{number:03}"
        if number % 100 == 17:
            hosts.append(host(name, HostStatus.UNREACHABLE, error=LOST))
        elif number % 50 == 3:
            hosts.append(named(STUCK, name))
        elif number % 10 == 5:
            proof = replace(PROOF, first_token_s=0.2 + number / 10000, tokens_per_s=38 + number / 200)
            hosts.append(replace(REPAIRED, name=name, proof=((PLAY, proof),)))
        elif number == 444:
            odd = Fault("sample.could-not-tell", {"reason": "the disk is read-only"}, ("touch: Read-only file system",))
            hosts.append(
                host(
                    name, HostStatus.FAILED, replace(WEIGHTS_STEP, status=StepStatus.FAILED, error=odd), symptom="hang"
                )
            )
        else:
            hosts.append(named(HEALTHY, name))
    return result(*hosts)


# Progress of a long piece of work: done, total, seconds since the start.
FETCH = [(0, 0.0), (5 * 2**30, 20.0), (10 * 2**30, 40.0), (18 * 2**30, 72.0)]


def progress(name: str, done: int) -> Progress:
    return Progress(name, "model-00002-of-00005.safetensors", done, 20 * 2**30, "bytes")


EVIL = (
    "\x1b[2J\x1b]0;owned\x07{{ 7*7 }} {subject.__class__} %s [bold]x[/bold] "
    "<script>alert(1)</script> \u202eevil\u2028\n1 host: answers again\r\x9b31m"
)


def hostile() -> RunResult:
    """A host that says, wherever it may say something, what no terminal or page should obey."""
    bad = msgspec.structs.replace(MISSING, subject=f"/models/{EVIL}", file=EVIL)
    change = replace(LINK, target=EVIL, diff=f"--- a\n+++ b\n+{EVIL}", problem=EVIL)
    error = Fault("sample.could-not-tell", {"reason": EVIL}, (EVIL, EVIL))
    step = replace(UNFIXED_STEP, findings=(bad,), remaining=(bad,), changes=(change,), error=error)
    wordless = replace(UNFIXED_STEP, name=EVIL, findings=(Wordless(subject=EVIL, number=3),), remaining=(), declined=())
    proof = replace(
        NO_PROOF,
        text=EVIL,
        device=EVIL,
        tokens=3,
        symptom="garbage",
        tail=(EVIL,),
        checks=(Check("tokens", "fail", {"x": EVIL}, "nowhere.no"),),
    )
    return result(host("localhost", HostStatus.UNFIXED, step, wordless, symptom="garbage", cause=bad.code, proof=proof))


def told(run: RunResult, *kinds: type[Event]) -> list[Event]:
    """The events of a run, of some kinds only."""
    return [event for event in events(run) if not kinds or isinstance(event, kinds)]
