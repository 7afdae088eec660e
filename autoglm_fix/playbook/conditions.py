"""``when`` and ``until``: one expression or several, each true or false."""

from __future__ import annotations

from autoglm_fix.authored.problems import Problem, quoted
from autoglm_fix.authored.templating import mistakes_at, scalar_template
from autoglm_fix.authored.yaml_source import YamlEntry, YamlNode, YamlScalar, YamlSequence

from .model import Condition


def read_condition(entry: YamlEntry | None, problems: list[Problem]) -> Condition:
    """The expressions that must all hold, without those that are wrong."""
    if entry is None:
        return ()
    for part in entry.value.items if isinstance(entry.value, YamlSequence) else (entry.value,):
        if not isinstance(part, YamlScalar) or not isinstance(part.value, (bool, str)):
            problems.append(part.at.problem(f"{quoted(entry.key)} takes an expression, or a list of expressions"))
    return tuple(part for part in expressions_in(entry.value) if not _has_mistakes(part, problems))


def expressions_in(node: YamlNode) -> list[YamlScalar]:
    """The expressions of a condition, right or wrong."""
    parts = node.items if isinstance(node, YamlSequence) else (node,)
    return [part for part in parts if isinstance(part, YamlScalar) and isinstance(part.value, (bool, str))]


def _has_mistakes(part: YamlScalar, problems: list[Problem]) -> bool:
    found = scalar_template(part, bare=True)
    mistakes = [] if found is None else list(mistakes_at(part, found))
    problems.extend(mistakes)
    return bool(mistakes)
