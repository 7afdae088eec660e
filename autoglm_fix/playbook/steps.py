"""One step of a play: its keywords, its diagnostic and fixes, and which earlier steps it waits for."""

from __future__ import annotations

from autoglm_fix.authored.problems import Problem, quoted
from autoglm_fix.authored.variables import Layer, Variables
from autoglm_fix.authored.yaml_source import YamlMapping, YamlNode, YamlScalar, YamlSequence, is_empty
from autoglm_fix.diagnostics import Diagnostic
from autoglm_fix.fixes import Fix

from .calls import read_call
from .conditions import read_condition
from .fields import Fields
from .grammar import LOOP_CONTROL, STEP
from .model import Call, LoopControl, Step
from .references import SPECIAL, uses
from .vars import read_vars
from .vocabulary import Vocabulary


class StepReader:
    """Reads the steps of one play in order, so that each knows what the earlier ones registered."""

    def __init__(self, vocabulary: Vocabulary, play: Fields, variables: Layer, problems: list[Problem]) -> None:
        self._vocabulary = vocabulary
        self._play = play
        self._variables = variables
        self._problems = problems
        self._levels: dict[str, int] = {}

    def step(self, node: YamlNode) -> Step | None:
        """The step; None after adding to the problems where it has no diagnostic."""
        if not isinstance(node, YamlMapping):
            hint = "Begin it with '- name:' and 'diagnose:'."
            self._problems.append(node.at.problem("a step is a mapping of keywords", hint))
            return None
        fields = Fields(node, STEP, "a step", self._problems)
        own = read_vars(fields.entry("vars"), self._problems)
        register = self._free_name(fields, "register")
        waits_for = self._waits_for(node, own)
        level = 1 + max(self._levels[name] for name in waits_for) if waits_for else 0
        if register is not None:
            self._levels[register] = level
        diagnose = self._diagnose(fields)
        fixes = self._fixes(fields)
        when = read_condition(fields.entry("when"), self._problems)
        until = read_condition(fields.entry("until"), self._problems)
        loop, control = self._loop(fields)
        if diagnose is None:
            return None
        return Step(
            name=fields.text("name") or diagnose.target.summary or diagnose.name,
            position=node.at,
            diagnose=diagnose,
            fixes=fixes,
            when=when,
            loop=loop,
            loop_control=control,
            register=register,
            tags=tuple(dict.fromkeys((*self._play.words("tags"), *fields.words("tags")))),
            vars=own,
            ignore_errors=fields.flag("ignore_errors"),
            any_errors_fatal=fields.flag("any_errors_fatal") or self._play.flag("any_errors_fatal"),
            no_log=fields.flag("no_log"),
            run_once=fields.flag("run_once"),
            throttle=fields.number("throttle"),
            timeout=fields.node("timeout"),
            until=until,
            retries=fields.node("retries"),
            delay=fields.node("delay"),
            act_on="warning" if fields.text("act_on") == "warning" else "error",
            allow=frozenset((*self._play.words("allow"), *fields.words("allow"))),
            deny=frozenset((*self._play.words("deny"), *fields.words("deny"))),
            waits_for=waits_for,
            level=level,
        )

    def _diagnose(self, fields: Fields) -> Call[Diagnostic] | None:
        node = fields.node("diagnose")
        return None if node is None else read_call(node, "diagnostic", self._vocabulary.diagnostics, self._problems)

    def _fixes(self, fields: Fields) -> tuple[Call[Fix], ...]:
        node = fields.node("fix")
        if node is None:
            return ()
        items = node.items if isinstance(node, YamlSequence) else (node,)
        calls = [read_call(item, "fix", self._vocabulary.fixes, self._problems) for item in items]
        return tuple(call for call in calls if call is not None)

    def _loop(self, fields: Fields) -> tuple[YamlNode | None, LoopControl]:
        loop, control = fields.node("loop"), fields.entry("loop_control")
        if control is not None and fields.node("loop") is None:
            self._problems.append(control.at.problem("'loop_control' without a 'loop'"))
        if isinstance(loop, YamlMapping) or (isinstance(loop, YamlScalar) and not isinstance(loop.value, str)):
            self._problems.append(loop.at.problem("'loop' takes a list, or a template that gives one"))
            loop = None
        if control is None or is_empty(control.value):
            return loop, LoopControl()
        if not isinstance(control.value, YamlMapping):
            self._problems.append(control.value.at.problem("'loop_control' holds a mapping"))
            return loop, LoopControl()
        named = Fields(control.value, LOOP_CONTROL, "'loop_control'", self._problems)
        return loop, LoopControl(
            self._free_name(named, "loop_var") or LoopControl.loop_var,
            self._free_name(named, "index_var"),
            named.node("label"),
        )

    def _free_name(self, fields: Fields, key: str) -> str | None:
        name = fields.text(key)
        if name in SPECIAL:
            self._problems.append(fields.at_key(key).problem(f"{quoted(name or '')} is set by the inventory"))
            return None
        return name

    def _waits_for(self, step: YamlMapping, own: Layer) -> frozenset[str]:
        variables = Variables([self._variables, own])
        names: set[str] = set()
        for use in uses(step):
            if use.key != "until":
                names |= variables.names_behind(use.scalar, bare=use.key == "when")
        return frozenset(names & self._levels.keys())
