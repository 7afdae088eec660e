"""A server whose options stand in the file that ``--config`` names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from .gpu_host import MODEL, PREFIX, GpuHost, gpu_host
from .lab import changes, result, step

pytestmark = pytest.mark.slow

FILE = "/etc/vllm/autoglm.yml"
COMMAND = f"{PREFIX}/bin/python -m vllm.entrypoints.openai.api_server --config {FILE} --port 8000"
OPTIONS = f"""\
# One card of 24 GB.
model: {MODEL}
served-model-name: autoglm-phone-9b
max_model_len: 25480  # what the client needs
gpu-memory-utilization: 0.9 # of the card
mm_processor_cache_type: shm
limit-mm-per-prompt: '{{"image":10}}'
"""


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuHost]:
    with gpu_host(tmp_path_factory.mktemp("gpus")) as gpu:
        gpu.define(command=COMMAND)
        gpu.host.write(FILE, OPTIONS)
        yield gpu


def there(gpu: GpuHost) -> str:
    return gpu.host.run("cat", FILE).stdout


def test_an_option_is_found_and_changed_in_the_file_and_comes_back(gpu: GpuHost) -> None:
    gpu.start()
    look = gpu.look()
    assert (look.code, result(look)["services"]["autoglm"]["cause"]) == (0, "vram.no-room")
    (edit,) = step(look, "vram")["changes"]
    assert (edit["target"], there(gpu)) == (FILE, OPTIONS)
    assert "+gpu-memory-utilization: 0.97 # of the card" in edit["diff"]

    run = gpu.repair()
    assert (run.code, result(run)["status"]) == (0, "verified")
    assert there(gpu) == OPTIONS.replace("0.9 #", "0.97 #")

    again = gpu.repair()
    assert (again.code, result(again)["status"], changes(again)) == (0, "verified", [])

    assert gpu.fix("undo", "--yes").code == 0
    assert hashlib.sha256(there(gpu).encode()).digest() == hashlib.sha256(OPTIONS.encode()).digest()


def test_discover_reads_the_model_in_the_file(gpu: GpuHost) -> None:
    said = gpu.fix("discover")
    assert (said.code, f"model: {MODEL}" in said.out) == (0, True), said.out


def test_a_file_that_the_service_may_not_read_gives_no_verdict(gpu: GpuHost) -> None:
    gpu.host.write(FILE, OPTIONS, 0o600)
    gpu.start()
    said = gpu.look()
    (finding,) = step(said, "vram")["findings"]
    assert (finding["code"], FILE in finding["summary"]) == ("vram.uncomputed", True)
