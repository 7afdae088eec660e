"""``vars:`` of plays and steps: names that templates can look up."""

from __future__ import annotations

import re

from autoglm_fix.authored.problems import Problem, quoted
from autoglm_fix.authored.variables import Layer
from autoglm_fix.authored.yaml_source import YamlEntry, YamlMapping

from .references import SPECIAL

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_vars(entry: YamlEntry | None, problems: list[Problem]) -> Layer:
    """The variables of a mapping, without those whose names are taken or impossible."""
    if entry is None:
        return {}
    if not isinstance(entry.value, YamlMapping):
        problems.append(entry.value.at.problem("'vars' holds a mapping of names and values"))
        return {}
    found = list(entry.value.entries.values())
    return {variable.key: variable.value for variable in found if not _reported(variable, problems)}


def _reported(variable: YamlEntry, problems: list[Problem]) -> bool:
    if variable.key in SPECIAL or variable.key == "services":
        hint = "Declare services in the inventory, or with -e." if variable.key.startswith("service") else ""
        problems.append(variable.at.problem(f"{quoted(variable.key)} is set by the inventory", hint))
        return True
    if not NAME.fullmatch(variable.key):
        problems.append(
            variable.at.problem(
                f"{quoted(variable.key)} is no name of a variable", "Use letters, digits and _, and no digit first."
            )
        )
        return True
    return False
