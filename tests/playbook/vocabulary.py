"""Two small pairs for tests of the grammar: nothing of them is ever carried out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from autoglm_fix.agent.changes import Change
from autoglm_fix.authored.problems import BadInput
from autoglm_fix.diagnostics import Diagnostic, Finding, first_line, read_signature
from autoglm_fix.fixes import Fix
from autoglm_fix.playbook import ExtraVars, Playbook, Vocabulary, load_playbook


class Missing(Finding, frozen=True, kw_only=True):
    code = "weights.missing"


class NoTemplate(Finding, frozen=True, kw_only=True):
    code = "tokenizer.no-template"


def weights(*, deep: bool = False, depth: int = 1, share: float = 0.5) -> Iterator[Finding]:
    """Every file of the model is there."""
    yield from ()


def tokenizer() -> Iterator[Finding]:
    """The tokenizer is whole."""
    yield from ()


def remap_path(finding: Missing, *, search: list[str], mode: Literal["link", "copy"] = "link") -> Iterator[Change]:
    """The model is linked to."""
    yield from ()


def fetch_weights(finding: Missing, *, from_: str | None = None) -> Iterator[Change]:
    """Bad files are fetched."""
    yield from ()


def mend(finding: NoTemplate) -> Iterator[Change]:
    """The tokenizer is mended."""
    yield from ()


VOCABULARY = Vocabulary(
    {
        each.__name__: Diagnostic(each.__name__, each, read_signature(each), first_line(each))
        for each in (weights, tokenizer)
    },
    {
        each.__name__: Fix(each.__name__, (cured,), each, read_signature(each, skip=1), first_line(each))
        for each, cured in ((remap_path, Missing), (fetch_weights, Missing), (mend, NoTemplate))
    },
)


def load(folder: Path, text: str, extra: ExtraVars | None = None, outside: frozenset[str] = frozenset()) -> Playbook:
    """The playbook of a text, as ``p.yml`` in a folder."""
    path = folder / "p.yml"
    path.write_text(text, encoding="utf-8")
    return load_playbook(path, VOCABULARY, extra=extra, outside=outside)


def said(folder: Path, text: str, extra: ExtraVars | None = None) -> list[str]:
    """What is wrong with the playbook of a text, without the folder's name."""
    try:
        load(folder, text, extra)
    except BadInput as err:
        return [str(problem).removeprefix(f"{folder}/") for problem in err.problems]
    return []


def step(text: str) -> str:
    """A play of one step: ``text`` is the step without the name of its diagnostic, which is ``weights``."""
    indented = "".join(f"      {line}\n" for line in text.strip("\n").split("\n"))
    return f"- hosts: all\n  steps:\n    - diagnose: weights\n{indented}"
