"""A play bound for trial before any host is touched: what can be told from its variables is told now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from autoglm_fix.authored.problems import BadInput, Problem, enumeration
from autoglm_fix.authored.variables import Variables
from autoglm_fix.authored.yaml_source import YamlNode

from .binding import bind_call, bind_number, bind_play, items, without_values
from .model import Call, Condition, Play, Step, T


def check_play(play: Play, variables: Variables, *, complete: bool = True) -> list[Problem]:
    """What would go wrong with these variables.

    ``complete`` says that there will be no others apart from results and loop items; otherwise
    everything that looks up a name not among them is left for later.
    """
    trial = _Trial(play, variables, complete)
    trial.try_play()
    return trial.problems


def check_hosts(play: Play, each: Mapping[str, Variables]) -> list[Problem]:
    """What would go wrong on some hosts, by name, each mistake once with the hosts that have it."""
    found: dict[Problem, list[str]] = {}
    for name, variables in each.items():
        for problem in check_play(play, variables):
            found.setdefault(problem, []).append(name)
    return [
        problem
        if len(names) == len(each)
        else replace(problem, message=f"{problem.message} (on {enumeration(names, 5)})")
        for problem, names in found.items()
    ]


def _limits(play: Play) -> tuple[YamlNode | None, ...]:
    """What is written of hosts, and of how many at a time."""
    return play.hosts, play.serial, play.max_fail_percentage, play.max_unavailable, play.max_loading


class _Trial:
    def __init__(self, play: Play, variables: Variables, complete: bool) -> None:
        self.problems: list[Problem] = []
        self._play = play
        self._variables = variables
        self._complete = complete
        self._registered = {step.register for step in play.steps if step.register is not None}

    def try_play(self) -> None:
        play, variables = self._play, self._variables
        own = [node for node in _limits(play) if node is not None]
        if all(self._can_tell(node, variables, set()) for node in own):
            self._attempt(lambda: bind_play(play, variables))
        for step in play.steps:
            before = len(self.problems)
            self._try_step(step)
            self.problems[before:] = without_values(step, self.problems[before:])
        for verify in play.verify:
            if self._may_hold(verify.when, variables, set()):
                self._try_call(verify.call, variables, set())

    def _try_step(self, step: Step) -> None:
        own = self._variables.with_layer(step.vars)
        if step.loop is None:
            self._try_once(step, own, set())
        elif self._can_tell(step.loop, own, set()):
            each: list[Variables] = []
            self._attempt(lambda: each.extend(seen for seen, _, _ in items(step, self._variables)))
            for seen in each:
                self._try_once(step, seen, set())
        else:
            control = step.loop_control
            self._try_once(step, own, {control.loop_var, control.index_var or control.loop_var})

    def _try_once(self, step: Step, variables: Variables, later: set[str]) -> None:
        if not self._may_hold(step.when, variables, later):
            return
        self._try_call(step.diagnose, variables, later)
        for fix in step.fixes:
            self._try_call(fix, variables, later)
        for keyword, node in (("timeout", step.timeout), ("retries", step.retries), ("delay", step.delay)):
            if node is not None and self._can_tell(node, variables, later):
                self._attempt(partial(bind_number, node, variables, keyword))

    def _try_call(self, call: Call[T], variables: Variables, later: set[str]) -> None:
        known = {name: node for name, node in call.options.items() if self._can_tell(node, variables, later)}
        self._attempt(lambda: bind_call(replace(call, options=known), variables))

    def _may_hold(self, condition: Condition, variables: Variables, later: set[str]) -> bool:
        for expression in condition:
            if self._can_tell(expression, variables, later, bare=True):
                try:
                    if not variables.test(expression):
                        return False
                except BadInput as err:
                    self.problems.extend(err.problems)
        return True

    def _can_tell(self, node: YamlNode, variables: Variables, later: set[str], *, bare: bool = False) -> bool:
        names = variables.names_behind(node, bare=bare)
        if names & (self._registered | later):
            return False
        return self._complete or all(name in variables for name in names)

    def _attempt(self, bind: Callable[[], object]) -> None:
        try:
            bind()
        except BadInput as err:
            self.problems.extend(problem for problem in err.problems if problem not in self.problems)
