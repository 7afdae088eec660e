"""A real server on a real GPU: ``pytest -m gpu tests/gpu``."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.agent import nvml
from autoglm_fix.proof import judge_endpoint
from tests import models
from tests.endpoint.real import transformers_serve
from tests.endpoint.test_endpoint_proof import check, evidence_of

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


def test_a_real_server_is_verified_on_the_gpu(tmp_path: Path) -> None:
    seen = nvml.snapshot()
    if "problem" in seen:
        pytest.skip(f"no NVIDIA GPU on this machine: {seen['problem']}")
    model = models.smollm2()
    with transformers_serve(model, tmp_path, "cuda:0") as endpoint:
        service = {"engine": "transformers", "served_model_name": None, "model": str(model)}
        evidence = evidence_of(endpoint, **service, start_timeout_s=240.0, timeout_s=240.0)
    proof = judge_endpoint(evidence, service="model", require_gpu=True)
    assert (proof.status, proof.code) == ("verified", None)
    assert check(proof, "gpu").evidence["seen_by"] in ("nvml-process", "device-node")
    assert proof.gpu["uuid"].startswith(("GPU-", "MIG-"))
