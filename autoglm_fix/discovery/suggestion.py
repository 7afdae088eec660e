"""Where no service was found: the model that lies on the host, in process, as the service to begin with."""

from __future__ import annotations

from collections.abc import Sequence

from autoglm_fix.agent.facts.candidates import Candidate
from autoglm_fix.agent.facts.landscape import Environment

from .found import Found, Remark


def suggestion(
    models: Sequence[Candidate], searched: Sequence[str], environments: Sequence[Environment]
) -> Found | None:
    """The likeliest of the models with a Python that has transformers; None where there is no model.

    ``searched`` are the folders below which they were found, those that are meant for models first.
    """
    if not models:
        return None
    model = min(models, key=lambda each: (bool(each.problem), not _is_ours(each), _rank(each, searched), each.path))
    able = [each for each in environments if {"torch", "transformers"} <= each.packages.keys()]
    keys: dict[str, object] = {"name": "model", "engine": "transformers"}
    remarks = []
    if able:
        keys["python"] = able[0].python
        remarks.append(Remark("discover.python-with", {"packages": [f"{n} {v}" for n, v in able[0].packages.items()]}))
    else:
        remarks.append(Remark("discover.no-python"))
    keys["model"] = model.path
    return Found(keys, "suggested", [Remark("discover.by-place")], remarks)


def _is_ours(model: Candidate) -> bool:
    """Whether it is what Open-AutoGLM is for, by its name."""
    return "autoglm" in (model.hub or model.name).lower()


def _rank(model: Candidate, searched: Sequence[str]) -> int:
    return next(
        (at for at, root in enumerate(searched) if model.path.startswith(root.rstrip("/") + "/")), len(searched)
    )
