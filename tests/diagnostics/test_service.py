"""service: one row for each way in which a service does not run, or runs with something old."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics import service_findings as found
from autoglm_fix.diagnostics.log_signatures import signatures, telling
from autoglm_fix.diagnostics.service import service as diagnose
from autoglm_fix.locale import LANGUAGES, Catalogue

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
BY_NAME = {case["case"]: case["fact"] for case in CASES}


def findings(fact: dict[str, Any]) -> list[Finding]:
    return list(diagnose(msgspec.convert(fact, Service)))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_service_gives_findings(case: dict[str, Any]) -> None:
    given = findings(case["fact"])
    assert [[each.code, each.subject] for each in given] == case["findings"]
    for each in given:
        for language in LANGUAGES:
            for part in ("summary", "advice"):
                assert Catalogue(language).part(each.code, part, {**each.evidence, "subject": each.subject})


def only(case: str) -> Finding:
    (finding,) = findings(BY_NAME[case])
    return finding


def test_what_differs_is_named_and_no_value_of_a_variable_is() -> None:
    stale = {
        case: only(case).evidence["differs"]
        for case in BY_NAME
        if case.startswith("stale") and isinstance(only(case), found.Stale)
    }
    assert stale == {
        "stale, a file was changed after the start": ["/models/glm/config.json"],
        "stale, another command": ["argv"],
        "stale, another variable": ["$HF_HOME"],
        "stale, another user": ["user"],
        "stale, systemd has not read the new text": ["/etc/systemd/system/glm.service"],
        "stale, by hand": ["/models/glm/config.json"],
    }


def test_the_end_of_a_service_is_told_with_its_time_and_its_last_words() -> None:
    assert only("failed, nobody knows why").evidence == {
        "exit": "1",
        "ago": "10 s",
        "look": "journalctl -u glm.service -n 100 --no-pager",
        "log": ["bye"],
    }


def test_a_command_that_starts_it_can_be_pasted() -> None:
    assert only("by hand, and not there").evidence["command"] == "python 'serve it.py'"


# Lines as they were seen, and their cause: cases.jsonl and the engines' own words.
LINES = [
    ("port-taken", "OSError: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000)"),
    ("segment-left", "FileExistsError: [Errno 17] File exists: '/VLLM_OBJECT_STORAGE_SHM_BUFFER_0'"),
    ("shared-memory", "NCCL WARN Error while creating shared memory segment /dev/shm/nccl-AbC (size 9637888)"),
    ("no-space", "OSError: [Errno 28] No space left on device: '/tmp/tmpabc'"),
    ("host-memory", "Child process unexpectedly failed with exitcode=9. pid=217"),
    ("forbidden", "PermissionError: [Errno 13] Permission denied: '/models/glm/config.json'"),
    ("option-unknown", "api_server.py: error: unrecognized arguments: /root/models/Qwen3-8B"),
    ("main-guard", "        An attempt has been made to start a new process before the"),
    ("gpu-driver", "RuntimeError: The NVIDIA driver on your system is too old (found version 12080)."),
    ("gpu-driver", "Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized"),
    ("gpu-driver", "Failed to initialize NVML: Driver/library version mismatch"),
    ("gpu-kernels", "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device"),
    ("cuda-library", "ImportError('libcudart.so.12: cannot open shared object file: No such file or directory')"),
    ("compiler", "RuntimeError: Failed to find C compiler. Please specify via CC environment variable."),
    ("compiler", "fatal error: Python.h: No such file or directory"),
    ("gpu-memory", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."),
    ("gpu-memory", "ValueError: Free memory on device (19.77/22.05 GiB) is less than desired GPU memory utilization"),
    ("gpu-memory", "(0.97 GiB KV cache is needed, which is larger than the available KV cache memory (0.24 GiB)."),
    ("system-library", "ImportError: /opt/conda/bin/../lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found"),
    ("system-library", "./server: /lib64/libstdc++.so.6: version `CXXABI_1.3.15' not found (required by ./server)"),
    ("system-library", "./server: /lib64/libc.so.6: version `GLIBC_2.38' not found (required by ./server)"),
    ("packages", "ModuleNotFoundError: No module named 'vllm._C'"),
    ("packages", "RuntimeError: operator torchvision::nms does not exist"),
    ("packages", "ValueError: Model architectures ['GlmForCausalLM'] are not supported for now."),
    ("weights", "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge"),
    ("weights", "huggingface_hub.utils._http.OfflineModeIsEnabled: Cannot reach https://huggingface.co"),
    ("tokenizer", "As of transformers v4.44, default chat template is no longer allowed"),
    ("file-missing", "FileNotFoundError: [Errno 2] No such file or directory: '/srv/serve.py'"),
]  # fmt: skip
HARMLESS = [
    "INFO 12-01 10:00:00 api_server.py:1] vLLM API server version 0.12.0",
    "Loading safetensors checkpoint shards: 100% Completed | 5/5",
    "WARNING: Default sampling parameters have been overridden by the model's Hugging Face generation config",
    "INFO: Started server process [217]",
    "model.service: Main process exited, code=exited, status=1/FAILURE",
    "",
]


@pytest.mark.parametrize(("cause", "line"), LINES, ids=[cause for cause, _ in LINES])
def test_a_line_tells_a_cause(cause: str, line: str) -> None:
    told = telling(["Traceback (most recent call last):", line, "RuntimeError: Engine core initialization failed."])
    assert told is not None and (told[0].cause, told[1]) == (cause, line.strip())


WORDS = "ValueError: No available memory for the cache blocks."


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"(EngineCore_DP0 pid=17) ERROR 12-05 10:00:00 [core.py:866] {WORDS}", WORDS),
        (f"ERROR 06-30 13:53:19 [core.py:515] {WORDS}", WORDS),
        (f"(EngineCore_0 pid=1) {WORDS}", WORDS),
        (WORDS, WORDS),
        ("NCCL error in: ProcessGroupNCCL.cpp:33", "NCCL error in: ProcessGroupNCCL.cpp:33"),
        ("CUDA out of memory" + "." * 1000, "CUDA out of memory" + "." * 281 + "\u2026"),
    ],
)
def test_a_line_is_told_without_its_head_and_no_longer_than_people_read(line: str, told: str) -> None:
    (crashed, _) = findings({**BY_NAME["failed, nobody knows why"], "log": [line]})
    assert crashed.evidence["line"] == told


def test_most_lines_tell_nothing() -> None:
    assert telling(HARMLESS) is None


def test_every_row_of_the_table_is_met_by_a_line_and_has_a_source() -> None:
    met = {row.pattern for _, line in LINES for pattern, row in signatures() if pattern.search(line)}
    assert {row.cause for _, row in signatures()} - {row.cause for _, row in signatures() if row.pattern in met} <= {
        "gpu-links"
    }
    assert all(row.source for _, row in signatures())
