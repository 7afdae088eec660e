"""The outputs of a run, as the command line asks for them: each a listener, behind one masker."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

import click

from autoglm_fix.engine.events import Event, Listener, PlansReady, RunDone
from autoglm_fix.records import Records
from autoglm_fix.report.console import Console
from autoglm_fix.report.document import result_document
from autoglm_fix.report.mask import Masker, masked

from . import options

if TYPE_CHECKING:
    from .files import Files
    from .orders import Choice


class Outputs:
    """All listeners of one run."""

    def __init__(
        self,
        choice: Choice,
        manner: options.Manner,
        files: Files,
        records: Records,
        remember: Callable[[], None],
        no_log: Iterable[str] = (),
        secrets: Iterable[str] = (),
        names: Collection[str] = (),
        places: Mapping[str, str] | None = None,
    ) -> None:
        """``records`` keeps the result, but for a dry-run, which leaves no trace here. ``no_log`` names steps.

        ``names`` are the inventory's: of groups and hosts; ``places`` are where those of the run are.
        """
        places = places or {}
        language = options.language(manner.lang)
        masker = Masker([*_secrets(), *secrets], no_log)
        choice.keys.tell(masker.learn)
        # A password in what was typed (-e package_index=https://...) is the reader's to fill in again.
        again = tuple(map(masker.text, _again(choice)))
        choices = _choices(choice, manner)
        machine = manner.format_ != "text"
        self._console = Console(
            sys.stderr if machine else sys.stdout,
            language,
            manner.verbose,
            diff=manner.diff,
            playbook=choice.playbook,
            options=again,
            choices=choices,
            names=names,
            machines=records.machines(places),
        )
        listeners: list[Listener] = [] if machine and not sys.stderr.isatty() else [self._console]
        listeners += _on_stdout(manner.format_)
        if files.junit is not None:
            from autoglm_fix.report.junit import JUnitReport

            listeners.append(JUnitReport(files.junit, language))
        if files.html is not None:
            from autoglm_fix.report.html import HtmlReport

            listeners.append(HtmlReport(files.html, language, options=again, choices=choices, names=names))
        if not manner.dry_run:
            listeners.append(_keeper(records, remember, places))

        self.listen = masked(_to_all(listeners), masker)

    def question(self, plans: PlansReady) -> str:
        """The one question before changes are made."""
        return self._console.question(plans)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._console.close()


def _on_stdout(format_: str) -> list[Listener]:
    """What writes to stdout in the place of the console, for ``--format json`` and ``jsonl``."""
    if format_ == "json":
        from autoglm_fix.report.json import JsonReport

        return [JsonReport(sys.stdout)]
    if format_ == "jsonl":
        from autoglm_fix.report.jsonl import JsonLines

        return [JsonLines(sys.stdout)]
    return []


def _to_all(listeners: Iterable[Listener]) -> Listener:
    """One listener that hands every event to all of these."""

    def listen(event: Event) -> None:
        for listener in listeners:
            try:
                listener(event)
            except (BrokenPipeError, SystemExit):  # the latter is how rich says it
                _discard_stdout()

    return listen


def _discard_stdout() -> None:
    """Whoever read our output has seen enough (``| head``): what is under way on the hosts goes on without it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _keeper(records: Records, remember: Callable[[], None], places: Mapping[str, str]) -> Listener:
    def keep(event: Event) -> None:
        if isinstance(event, RunDone):
            try:
                remember()
                records.finish(event.result.run, result_document(event.result), changed=event.result.changed)
                known = {host.name: host.machine for host in event.result.hosts.values() if host.machine}
                records.note_machines(places, known)
            except OSError as err:
                click.echo(f"autoglm-fix: this run is not in the history: {err}", err=True)

    return keep


def _again(choice: Choice) -> tuple[str, ...]:
    """The options that a next run needs as well, as they were typed."""
    again: list[str] = []
    limits = [choice.limit] if choice.limit else []
    for option, values in (("-i", choice.inventories), ("-l", limits), ("-e", choice.extra_vars)):
        for value in values:
            again += [option, value]
    if choice.service:
        again += ["--service", choice.service]
    return (*again, *choice.host_words)


def _choices(choice: Choice, manner: options.Manner) -> tuple[str, ...]:
    """The options that make a next run the same: which steps, and what they may do."""
    choices: list[str] = []
    for option, values in (("-t", choice.tags), ("--skip-tags", choice.skip_tags)):
        for value in values:
            choices += [option, value]
    if choice.start_at:
        choices += ["--start-at", choice.start_at]
    if choice.allow:
        choices += ["--allow", ",".join(choice.allow)]
    flags = {"--even-if-working": manner.even_if_working, "--no-verify": manner.no_verify}
    return (*choices, *(flag for flag, given in flags.items() if given))


def _secrets() -> list[str]:
    """Values of this process's environment that are secrets by name."""
    words = ("TOKEN", "SECRET", "PASSWORD", "API_KEY")
    return [value for name, value in os.environ.items() if value and any(word in name.upper() for word in words)]
