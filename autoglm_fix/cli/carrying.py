"""Carrying an order out: the run, its question, and its reports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from autoglm_fix.authored.problems import BadInput, Position
from autoglm_fix.engine.events import PlansReady
from autoglm_fix.engine.run import Order, new_run_id, run
from autoglm_fix.records import Records, place_of, state_dir
from autoglm_fix.report.document import step_document
from autoglm_fix.report.words import Words

from . import options
from .again import noted
from .files import Files
from .listeners import Outputs
from .orders import Choice, Prepared


def carry_out(choice: Choice, prepared: Prepared, manner: options.Manner, files: Files) -> int:
    """Run and report; the exit code."""
    order = Order(
        playbook=choice.playbook,
        targets=prepared.targets,
        plays=prepared.limits,
        who=options.who(),
        dry_run=manner.dry_run,
        verify=not manner.no_verify,
        exit_on_pending=manner.exit_on_pending,
        forks=manner.forks,
        even_if_working=manner.even_if_working,
        store=prepared.packages,
        stop=prepared.stop,
    )
    run_id = new_run_id()
    english = Words()
    routes = {name: noted(to) for name, to in prepared.routes.items()}
    places = {name: place_of(name, route) for name, route in routes.items()}
    records = Records(Path(state_dir()))

    def remember() -> None:
        records.start(run_id, choice.playbook, routes, manner.reason)

    silent = [step.name for play in prepared.playbook.plays for step in play.steps if step.no_log]
    secrets, names = prepared.secrets, prepared.names
    with Outputs(choice, manner, files, records, remember, silent, secrets, names, places) as outputs:
        approve = _approval(manner, outputs, remember)
        return run(order, run_id, outputs.listen, approve, lambda step: step_document(step, english)).exit_code


def _approval(manner: options.Manner, outputs: Outputs, remember: Callable[[], None]) -> Callable[[PlansReady], bool]:
    """The one question before changes; what is agreed to is noted before the first change."""

    def approve(plans: PlansReady) -> bool:
        agreed = manner.yes or not sys.stdin.isatty() or options.ask(outputs.question(plans))
        if agreed:
            try:
                remember()
            except OSError as err:
                hint = "Set AUTOGLM_FIX_STATE_DIR to a folder that can be written."
                problem = Position("AUTOGLM_FIX_STATE_DIR").problem(f"no record of this run can be kept: {err}", hint)
                options.fail_on_bad_input(BadInput([problem]), as_json=manner.format_ != "text")
        return agreed

    return approve
