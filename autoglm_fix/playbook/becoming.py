"""``become`` of a play: one process serves a host for a whole run, so that no step differs from its play."""

from __future__ import annotations

from collections.abc import Iterable

from autoglm_fix.authored.problems import Problem, quoted
from autoglm_fix.authored.yaml_source import YamlMapping, YamlScalar

from .fields import Fields
from .model import Becoming

_KEYS = ("become", "become_user", "become_method")
_ONE = "One process serves a host for the whole run: say it once, at the play."


def read_becoming(play: Fields, steps: Iterable[YamlMapping], problems: list[Problem]) -> Becoming:
    """What the play says. A step that says anything else is a problem."""
    become = play.flag("become") if play.node("become") is not None else None
    at = next((play.at_key(key) for key in _KEYS if play.node(key) is not None), play.at)
    found = Becoming(become, play.text("become_user"), play.text("become_method"), at)
    of_play = {"become": bool(become), "become_user": found.user, "become_method": found.method}
    for step in steps:
        for entry in (step.entries[key] for key in _KEYS if key in step.entries):
            said = entry.value.value if isinstance(entry.value, YamlScalar) else None
            fits = isinstance(said, bool if entry.key == "become" else str)
            if fits and said != of_play[entry.key]:
                problems.append(entry.at.problem(f"{quoted(entry.key)} differs from the play's", _ONE))
    return found
