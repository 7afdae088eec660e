"""The README's command on a 24 GB card, however it is started; and that no secret of it is shown anywhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from .gpu_host import DROP_IN, ENV_FILE, MODEL, PREFIX, README, SPEC, UNIT, GpuHost, gpu_host
from .lab import STATE, changes, proof, result, step
from .test_gpu_hosts import cause, codes, written

pytestmark = pytest.mark.slow

PROGRAM = "/etc/supervisor/conf.d/autoglm.conf"
SUPERVISED = f"""\
; serves AutoGLM
[program:autoglm]
command={README}
user=autoglm
autorestart=false
startretries=0
redirect_stderr=true
stdout_logfile=/var/log/autoglm.log
"""
# What must never be shown, by where it stands.
SECRETS = {
    "the command": "sk-commandcommandcommand0123456789",
    "the unit": "sk-unitunitunitunitunitunit0123456789",
    "the env file": "hf_EnvFileEnvFileEnvFileEnvFileEnvFi",
    "a name that tells": "correct horse battery",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuHost]:
    with gpu_host(tmp_path_factory.mktemp("gpus")) as gpu:
        yield gpu


@pytest.fixture
def gpu(lab: GpuHost) -> GpuHost:
    lab.as_new()
    return lab


def without_unit(manager: str, **more: Any) -> Mapping[str, Any]:
    return {**{key: value for key, value in SPEC.items() if key != "unit"}, "manager": manager, **more}


def test_a_program_of_supervisor_is_edited_where_it_stands_and_all_comes_back(gpu: GpuHost) -> None:
    spec = without_unit("supervisor")
    gpu.host.run("rm", UNIT)
    gpu.host.write(PROGRAM, SUPERVISED)
    gpu.host.run("systemctl", "start", "supervisor")
    gpu.host.run("sh", "-c", "until supervisorctl status | grep -q -e EXITED -e FATAL; do sleep 0.1; done")
    before = gpu.host.written()

    run = gpu.repair(spec=spec)
    assert (run.code, cause(run), proof(run)) == (0, "vram.no-room", "verified"), run.out
    assert changes(run) == [("vram", "write_file", True), ("service", "restart", True)]
    assert gpu.host.read(PROGRAM) == SUPERVISED.replace("--port 8000", "--port 8000 --gpu-memory-utilization 0.97")
    assert "RUNNING" in gpu.host.run("supervisorctl", "status", check=False).stdout

    again = gpu.repair(spec=spec)
    assert (again.code, changes(again), proof(again)) == (0, [], "verified")

    assert gpu.fix("undo", "--yes").code == 0
    assert written(gpu, before) == set()
    assert "STOPPED" in gpu.host.run("supervisorctl", "status", check=False).stdout


def test_a_command_of_the_inventory_is_given_back_corrected_and_ready_to_paste(gpu: GpuHost) -> None:
    gpu.host.run("rm", UNIT)
    command = shlex.split(README)
    said = gpu.look(spec=without_unit("command", command=command, user="autoglm"))
    (why,) = step(said, "vram")["declined"]
    assert (said.code, cause(said), changes(said)) == (2, "vram.no-room", [])
    pasteable = shlex.join([*command, "--gpu-memory-utilization", "0.97"])
    assert pasteable in why["advice"]
    text = gpu.fix("run", "no-output", "--dry-run", spec=without_unit("command", command=command)).out
    assert pasteable in text


def test_without_its_engine_nothing_is_said_of_a_compose_service_and_the_reason_once(gpu: GpuHost) -> None:
    gpu.host.run("rm", UNIT)
    compose = {"files": ["/srv/autoglm/compose.yml"], "project": "autoglm", "service": "vllm"}
    gpu.host.write("/srv/autoglm/compose.yml", "services:\n  vllm:\n    image: vllm/vllm-openai:v0.12.0\n")
    said = gpu.look(spec={**without_unit("compose", compose=compose), "python": "/usr/bin/python3"})
    assert (said.code, result(said)["status"], changes(said)) == (2, "unknown", [])
    text = gpu.fix("run", "no-output", "--dry-run", spec=without_unit("compose", compose=compose)).out
    # Once each in the plan and in the summary: of the service, its Python, and its model.
    assert text.count("why    no container engine is on this host") == 1
    assert text.count("no container engine is on this host") == 6


def with_secrets(gpu: GpuHost) -> None:
    gpu.define(
        f"--api-key {SECRETS['the command']}",
        more=f"Environment=VLLM_API_KEY={SECRETS['the unit']}",
        variables=f"HF_TOKEN={SECRETS['the env file']}\nDB_PASSWORD='{SECRETS['a name that tells']}'\n",
    )
    gpu.start()


def test_no_secret_of_the_service_is_shown_in_any_format(gpu: GpuHost) -> None:
    with_secrets(gpu)
    files = ["--html", "/root/run.html", "--junit", "/root/run.xml"]
    for more in (["--dry-run"], ["--dry-run", "-vv"], ["--dry-run", "--format", "json"], ["--format", "jsonl"]):
        said = gpu.fix("run", "no-output", "--no-verify", *files, *more)
        shown = said.out + said.err + gpu.host.read("/root/run.html") + gpu.host.read("/root/run.xml")
        assert not [where for where, secret in SECRETS.items() if secret in shown], more
    # The change itself is made with the key, not with what hides it.
    assert f"--api-key {SECRETS['the command']} --gpu-memory-utilization" in gpu.host.read(DROP_IN)
    assert "--api-key ***" in gpu.fix("report").out
    records = gpu.host.run("sh", "-c", f"cat {STATE}/records/*/*").stdout
    assert not [where for where, secret in SECRETS.items() if secret in records]


def test_a_key_that_stands_in_the_env_file_stays_there(gpu: GpuHost) -> None:
    gpu.define("--api-key ${VLLM_KEY}", variables=f"VLLM_KEY={SECRETS['the env file']}\n")
    gpu.host.run("chmod", "600", ENV_FILE)
    gpu.start()
    assert gpu.repair("--no-verify").code == 0
    assert "--api-key ${VLLM_KEY}" in gpu.host.read(DROP_IN)
    assert SECRETS["the env file"] not in gpu.host.read(DROP_IN)


def test_the_result_reads_in_chinese_and_for_machines(gpu: GpuHost) -> None:
    gpu.start()
    options = ["--lang", "zh", "--html", "/root/run.html", "--junit", "/root/run.xml"]
    said = gpu.fix("run", "no-output", "--dry-run", *options)
    assert "服务可用" in said.out and "原因" in said.out and "(vram.no-room)" in said.out
    page, junit = gpu.host.read("/root/run.html"), gpu.host.read("/root/run.xml")
    assert "服务可用" in page and "vram.no-room" in page
    assert 'skipped message="待处理' in junit and "服务可用" in junit
    assert gpu.fix("run", "no-output").code == 0
    report = gpu.fix("report").out
    assert report.startswith("# no-output: 1 verified") and "cause `vram.no-room`" in report


def fails_in_time(gpu: GpuHost) -> None:
    gpu.start()
    assert (gpu.shown("ActiveState"), gpu.shown("Result")) == ("failed", "timeout")


def is_repaired_and_taken_back(gpu: GpuHost, code: str) -> dict[str, str]:
    """Run, look again, undo; what systemd has in between."""
    before = gpu.host.written()
    look = gpu.look()
    assert (look.code, cause(look), codes(look) - {code}) == (0, code, {"service.timed-out", "service.failed"})
    run = gpu.repair()
    assert (run.code, proof(run)) == (0, "verified"), run.out
    assert changes(run) == [("timeouts", "write_file", True), ("service", "restart", True)]
    names = ("Type", "TimeoutStartUSec", "ActiveState")
    shown = {name: gpu.shown(name) for name in names}
    again = gpu.repair()
    assert (again.code, changes(again), codes(again)) == (0, [], set())
    assert gpu.fix("undo", "--yes").code == 0
    assert written(gpu, before) == set()
    return shown


def test_a_unit_that_waits_for_a_word_that_vllm_never_says_is_made_one_that_does_not(gpu: GpuHost) -> None:
    gpu.machine(TOTAL=48 << 30)
    gpu.define(more="Type=notify\nTimeoutStartSec=3")
    fails_in_time(gpu)
    shown = is_repaired_and_taken_back(gpu, "timeouts.never-ready")
    assert (shown["Type"], shown["ActiveState"]) in (("simple", "active"), ("exec", "active"))
    assert (gpu.shown("Type"), gpu.shown("TimeoutStartUSec")) == ("notify", "3s")


def test_a_limit_that_a_model_of_20_gb_does_not_keep_is_raised(gpu: GpuHost) -> None:
    gpu.machine(TOTAL=48 << 30)
    waits = "until ss -ltnH sport = :8000 | grep -q .; do sleep 0.1; done"
    gpu.define(more=f'TimeoutStartSec=3\nExecStartPost=/bin/sh -c "{waits}"', variables="LOADS_FOR=5\n")
    fails_in_time(gpu)
    shown = is_repaired_and_taken_back(gpu, "timeouts.start-too-short")
    assert shown["ActiveState"] == "active" and "min" in shown["TimeoutStartUSec"]
    assert gpu.shown("TimeoutStartUSec") == "3s"


def test_a_model_below_another_name_is_linked_and_made_to_fit_with_one_start(gpu: GpuHost) -> None:
    gpu.define(command=README.replace(MODEL, "/models/autoglm"))
    gpu.start()
    said = gpu.repair(spec={**SPEC, "model": "/models/autoglm"})
    made = [kind for _, kind, done in changes(said) if done]
    assert (said.code, made.count("restart"), proof(said)) == (0, 1, "verified"), said.out
    assert made[0] == "link" and "write_file" in made
    assert gpu.starts == 2
    gpu.host.run("rm", "/models/autoglm")
    assert PREFIX in gpu.shown("ExecStart")
