from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests import models
from tests.hosts.servers import transformers_serve

QUESTION = {"role": "user", "content": "What is the capital of France?"}


@pytest.mark.slow
def test_a_real_server_answers_a_question(tmp_path: Path) -> None:
    with transformers_serve(models.smollm2(), tmp_path) as server:
        body = json.dumps({"model": str(models.smollm2()), "messages": [QUESTION], "max_tokens": 10})
        request = urllib.request.Request(
            f"{server.url}/v1/chat/completions", body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert "Paris" in json.load(answer)["choices"][0]["message"]["content"]
