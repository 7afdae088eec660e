"""Where nothing serves a model, the likeliest one on the host is what to begin with."""

from __future__ import annotations

from autoglm_fix.agent.facts.candidates import Candidate
from autoglm_fix.agent.facts.landscape import Environment
from autoglm_fix.discovery import suggestion

TORCH = {"torch": "2.9.0", "transformers": "4.57.0"}


def model(path: str, problem: str = "") -> Candidate:
    return Candidate(path, path.rpartition("/")[2], problem=problem)


def test_no_model_no_suggestion() -> None:
    assert suggestion([], ["/models"], [Environment("/opt/v/bin/python", TORCH)]) is None


def test_autoglm_comes_first_then_the_folder_that_is_for_models_but_never_one_that_is_damaged() -> None:
    models = [model("/home/a/.cache/x/m"), model("/models/z"), model("/home/b/AutoGLM-Phone-9B")]
    searched = ["/models", "/home/a/.cache", "/home/b"]

    def chosen(*given: Candidate) -> object:
        found = suggestion(given, searched, [])
        return found and found.keys["model"]

    assert chosen(*models) == "/home/b/AutoGLM-Phone-9B"
    assert chosen(*models[:2]) == "/models/z"
    assert chosen(model("/models/AutoGLM-Phone-9B", "a shard is missing"), models[0]) == "/home/a/.cache/x/m"


def test_the_python_is_one_that_can_load_it() -> None:
    environments = [Environment("/opt/a/bin/python", {"torch": "2"}), Environment("/opt/b/bin/python", TORCH)]
    found = suggestion([model("/models/m")], ["/models"], environments)
    assert found is not None and found.keys["python"] == "/opt/b/bin/python" and found.state == "suggested"
    found = suggestion([model("/models/m")], ["/models"], environments[:1])
    assert found is not None and "python" not in found.keys
    assert [each.code for each in found.remarks] == ["discover.no-python"]
