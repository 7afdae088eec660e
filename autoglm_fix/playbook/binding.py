"""A step with its templates evaluated: option values of the types that diagnostics and fixes ask for.

Everything here raises BadInput where a template has no value, or one of the wrong type, at the
template's place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from autoglm_fix.authored.problems import BadInput, Problem, quoted
from autoglm_fix.authored.typed import fit, mismatches, shown
from autoglm_fix.authored.variables import Layer, Variables, position_in
from autoglm_fix.authored.yaml_source import Value, YamlNode, plain
from autoglm_fix.diagnostics import Diagnostic
from autoglm_fix.fixes import Fix

from .grammar import PLAY, STEP
from .model import Call, Condition, Play, ProofKind, Step, T, Verify

V = TypeVar("V")

# As in Ansible, where 'until' or 'retries' is written without the others.
_RETRIES = 3
_DELAY_S = 5.0


@dataclass(frozen=True)
class BoundCall(Generic[T]):
    """A diagnostic, fix or proof with a value for every option, by the name of its parameter."""

    target: T
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class BoundStep:
    """One step, or one item of its loop. ``label`` is what reports call the item, None without a loop."""

    step: Step
    diagnose: BoundCall[Diagnostic]
    fixes: tuple[BoundCall[Fix], ...] = ()
    timeout_s: float | None = None
    item: Value = None
    label: str | None = None


@dataclass(frozen=True)
class Repeat:
    """How often a diagnosis is repeated at most, and the seconds between two."""

    retries: int
    delay_s: float


@dataclass(frozen=True)
class PlayLimits:
    """The hosts of a play as a pattern, and how many of them change at a time: numbers or percentages.

    None where nothing is said.
    """

    hosts: str | tuple[str, ...]
    serial: tuple[int | str, ...] = ()
    max_fail_percentage: float | None = None
    max_unavailable: int | str | None = None
    max_loading: int | None = None


def play_variables(play: Play, inventory: Layer, special: Mapping[str, Value]) -> Variables:
    """What the templates of a play see for one service of one host.

    ``inventory`` are the host's variables, ``special`` what the inventory and the service add
    (``Inventory.special_variables``, ``service``).
    """
    return Variables([inventory, play.vars], over=[play.extra, {"playbook_dir": str(play.folder)}, special])


def bind_play(play: Play, variables: Variables) -> PlayLimits:
    """What a play says of hosts, with variables that are the same for all of them."""
    hosts: str | list[str] = _typed(play.hosts, variables, PLAY["hosts"].type, "'hosts'")
    serial: int | str | list[int | str] = []
    if play.serial is not None:
        serial = _typed(play.serial, variables, PLAY["serial"].type, "'serial'")
    failing: float | None = None
    if play.max_fail_percentage is not None:
        wanted = PLAY["max_fail_percentage"].type
        failing = _typed(play.max_fail_percentage, variables, wanted, "'max_fail_percentage'")
    unavailable: int | str | None = None
    if play.max_unavailable is not None:
        wanted = PLAY["max_unavailable"].type
        unavailable = _typed(play.max_unavailable, variables, wanted, "'max_unavailable'")
    loading: int | None = None
    if play.max_loading is not None:
        loading = _typed(play.max_loading, variables, PLAY["max_loading"].type, "'max_loading'")
    return PlayLimits(
        hosts=tuple(hosts) if isinstance(hosts, list) else hosts,
        serial=tuple(serial) if isinstance(serial, list) else (serial,),
        max_fail_percentage=failing,
        max_unavailable=unavailable,
        max_loading=loading,
    )


def bind_step(step: Step, variables: Variables) -> tuple[BoundStep, ...]:
    """One bound step, or one for each item of its loop; none where ``when`` says no.

    ``variables`` are the play's and, as a layer on them, the results registered so far.
    """
    try:
        return tuple(
            _bind(step, seen, item, label) for seen, item, label in items(step, variables) if holds(step.when, seen)
        )
    except BadInput as err:
        raise BadInput(without_values(step, err.problems)) from None


def without_values(step: Step, problems: Iterable[Problem]) -> list[Problem]:
    """The problems of a step; only their places where it says ``no_log``."""
    if not step.no_log:
        return list(problems)
    return [
        replace(problem, message="a value is wrong, and not shown because of 'no_log'", hint="") for problem in problems
    ]


def bind_verify(verify: Verify, variables: Variables) -> BoundCall[ProofKind] | None:
    """The proof's options; None where ``when`` says no."""
    return bind_call(verify.call, variables) if holds(verify.when, variables) else None


def bind_repeat(step: Step, variables: Variables) -> Repeat | None:
    """How the diagnosis is repeated; None for a step that is done once."""
    if not step.repeats:
        return None
    seen = variables.with_layer(step.vars)
    retries = bind_number(step.retries, seen, "retries")
    delay = bind_number(step.delay, seen, "delay")
    return Repeat(_RETRIES if retries is None else int(retries), _DELAY_S if delay is None else delay)


def ruled_out(step: Step, variables: Variables) -> bool:
    """Whether ``when`` says no whatever earlier steps find, so that nothing need be collected for the step."""
    own = variables.with_layer(step.vars)
    control = step.loop_control
    later = {*step.waits_for, *((control.loop_var, control.index_var) if step.loop is not None else ())}
    return any(
        not own.test(expression) for expression in step.when if not own.names_behind(expression, bare=True) & later
    )


def holds(condition: Condition, variables: Variables) -> bool:
    """Whether all of ``when`` or ``until`` hold; what follows one that doesn't is not looked at."""
    return all(variables.test(expression) for expression in condition)


def items(step: Step, variables: Variables) -> Iterator[tuple[Variables, Value, str | None]]:
    """For each item of a step's loop (or once): the variables that the step sees, the item, its label."""
    own = variables.with_layer(step.vars)
    if step.loop is None:
        yield own, None, None
        return
    looped = own.render(step.loop)
    if not isinstance(looped, list):
        raise BadInput([step.loop.at.problem(f"'loop' takes a list, not {shown(looped)}")])
    control = step.loop_control
    for number, item in enumerate(looped):
        names: dict[str, Value] = {control.loop_var: item}
        if control.index_var is not None:
            names[control.index_var] = number
        seen = own.with_layer(names)
        yield seen, item, str(item if control.label is None else seen.render(control.label))


def bind_call(call: Call[T], variables: Variables) -> BoundCall[T]:
    """A call with a value for every option, those that nobody wrote included."""
    problems: list[Problem] = []
    options: dict[str, object] = {
        option.parameter: option.default
        for option in call.target.signature.options.values()
        if option.name not in call.options
    }
    for name, node in call.options.items():
        option = call.target.signature.options[name]
        try:
            options[option.parameter] = _typed(node, variables, option.type, f"{quoted(name)} of {quoted(call.name)}")
        except BadInput as err:
            problems.extend(err.problems)
    if problems:
        raise BadInput(problems)
    return BoundCall(call.target, options)


def _bind(step: Step, variables: Variables, item: Value, label: str | None) -> BoundStep:
    return BoundStep(
        step=step,
        diagnose=bind_call(step.diagnose, variables),
        fixes=tuple(bind_call(fix, variables) for fix in step.fixes),
        timeout_s=bind_number(step.timeout, variables, "timeout"),
        item=item,
        label=label,
    )


def bind_number(node: YamlNode | None, variables: Variables, keyword: str) -> float | None:
    """A step's ``timeout``, ``retries`` or ``delay``; None where nothing is written."""
    if node is None:
        return None
    number: float = _typed(node, variables, STEP[keyword].type, quoted(keyword))
    return number


def _typed(node: YamlNode, variables: Variables, wanted: type[V], what: str) -> V:
    value = variables.render(node)
    found = mismatches(value, wanted)
    if found:
        raise BadInput(
            position_in(node, wrong.path, node.at, of_key=wrong.of_key).problem(
                f"{what} {wrong.message}", _came_from(node, value) or wrong.hint
            )
            for wrong in found
        )
    return fit(value, wanted)


def _came_from(node: YamlNode, value: Value) -> str:
    return "" if plain(node) == value else f"It came from {quoted(str(plain(node)))}."
