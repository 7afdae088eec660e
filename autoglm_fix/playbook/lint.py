"""What ``autoglm-fix lint`` says: all mistakes of a playbook, and what is likely not meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autoglm_fix.authored.problems import Position, Problem, quoted
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.authored.yaml_source import YamlMapping, YamlNode
from autoglm_fix.diagnostics import codes

from .extra_vars import ExtraVars
from .loader import names_in, plays_in, read_playbook
from .model import Play, Step
from .references import entries_of, text_of
from .vocabulary import Vocabulary, shipped

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Remark:
    """One line of lint: a problem, how bad it is, and the rule that found it."""

    problem: Problem
    level: Level
    rule: str

    def __str__(self) -> str:
        where = Position(self.problem.file, self.problem.line, self.problem.column)
        return f"{where}: {self.level}: {str(self.problem).removeprefix(f'{where}: ')} [{self.rule}]"


def lint(
    path: Path,
    vocabulary: Vocabulary | None = None,
    *,
    outside: Collection[str] | None = None,
    keys: Keyring | None = None,
) -> list[Remark]:
    """All remarks on a playbook file, in order. An ``error`` keeps it from running.

    ``outside`` are the names that the inventory defines, None where there is no inventory at hand. ``keys`` open
    encrypted files of variables.
    """
    known = vocabulary or shipped()
    reading = read_playbook(path, known, ExtraVars(), outside, keys)
    remarks = [Remark(problem, "error", "valid") for problem in set(reading.problems)]
    if reading.root is not None:
        remarks += [Remark(problem, "warning", rule) for rule, problem in _on_root(reading.root)]
    if outside is None:
        alone = read_playbook(path, known, ExtraVars(), frozenset(), keys)
        remarks += [Remark(problem, "warning", "from-outside") for problem in {*alone.problems} - {*reading.problems}]
    for play in reading.plays:
        remarks += [Remark(problem, "warning", rule) for rule, problem in _on_play(play)]
    return sorted(remarks)


def _on_root(root: YamlNode) -> Iterator[tuple[str, Problem]]:
    used = names_in(root)
    for play in plays_in(root):
        for mapping in (play, *entries_of(play, "steps")):
            yield from _unused(mapping, used)


def _unused(mapping: YamlMapping, used: Collection[str]) -> Iterator[tuple[str, Problem]]:
    """The variables and the result of a play or step that nothing refers to."""
    variables = mapping.entries.get("vars")
    if variables is not None and isinstance(variables.value, YamlMapping):
        for entry in variables.value.entries.values():
            if entry.key not in used:
                yield "unused-variable", entry.at.problem(f"nothing uses the variable {quoted(entry.key)}")
    name = text_of(mapping, "register")
    if name is not None and name not in used:
        yield "unused-result", mapping.entries["register"].at.problem(f"nothing uses the result {quoted(name)}")


def _on_play(play: Play) -> Iterator[tuple[str, Problem]]:
    if not play.name:
        yield "play-name", play.position.problem("this play has no name", "Say what is wrong where it helps.")
    if play.steps and not play.verify and any(step.fixes for step in play.steps):
        hint = "End it with 'verify: [generate]'."
        yield "no-proof", play.position.problem("this play repairs, and proves nothing", hint)
    names: dict[str, int] = {}
    for step in play.steps:
        first = names.setdefault(step.name, step.position.line)
        if first != step.position.line:
            hint = f"The first is in line {first}; --start-at means that one."
            yield "step-name", step.position.problem(f"a second step is named {quoted(step.name)}", hint)
        if step.register in play.vars:
            message = f"the result {quoted(step.register or '')} hides the variable of the same name"
            yield "hidden-variable", step.position.problem(message)
        yield from _on_fixes(step)


def _on_fixes(step: Step) -> Iterator[tuple[str, Problem]]:
    diagnostic = step.diagnose.name
    for number, fix in enumerate(step.fixes):
        topics = {code.partition(".")[0] for finding in fix.target.cures for code in codes(finding)}
        if topics and diagnostic not in topics:
            message = f"the fix {quoted(fix.name)} cures nothing that {quoted(diagnostic)} finds"
            yield "cures-nothing", fix.position.problem(message)
        if fix.name in [earlier.name for earlier in step.fixes[:number]]:
            yield "fix-twice", fix.position.problem(f"the fix {quoted(fix.name)} is here a second time")
