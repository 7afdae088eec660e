"""``--html FILE``: one page without scripts or anything fetched; the verdict comes first."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Iterator
from importlib import resources
from typing import TextIO

from autoglm_fix.engine.events import Event, RunDone
from autoglm_fix.engine.results import ChangeRecord, HostStatus, RunResult, StepResult

from .again import Again
from .lines import Line, Span, diff_lines
from .outcome import Outcome, outcomes, parts
from .safe import safe
from .summary import STATUS_STYLE, Summary, headline
from .words import Words, duration

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class HtmlReport:
    """A listener that writes the page of a run, as UTF-8, when it is over."""

    def __init__(
        self,
        stream: TextIO,
        language: str = "en",
        *,
        options: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
        names: Collection[str] = (),
    ) -> None:
        self._names = names
        self._stream = stream
        self._choices = choices
        self._language = language
        self._options = options

    def __call__(self, event: Event) -> None:
        """Write at the end of the run."""
        if isinstance(event, RunDone):
            words, again = (
                Words(self._language, self._names),
                Again(event.result.playbook, self._options, self._choices),
            )
            self._stream.write("\n".join(page(event.result, words, again)) + "\n")
            self._stream.flush()


def page(result: RunResult, words: Words, again: Again) -> Iterator[str]:
    """The page, line by line."""
    groups = outcomes(result)
    worst = STATUS_STYLE[groups[0].first.status.value] if groups else "good"
    title = headline(result, words)
    summary = Summary(words, again, verbosity=1)
    yield "<!DOCTYPE html>"
    yield f'<html lang="{"zh-CN" if words.language == "zh" else "en"}">'
    yield f'<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_text(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{_text(title)}</title><style>{_style()}</style></head>"
    yield f'<body><header class="{worst}"><h1>{_text(title)}</h1><p>{_text(summary.changes(result))}</p>'
    yield f"<ul>{''.join(_badges(result, words))}</ul></header><main>"
    for group in groups:
        yield from _group(group, result, summary, words)
    yield from _lines(summary.after(result))
    yield f"</main><footer>{_text(_about(result, words))}</footer></body></html>"


def _badges(result: RunResult, words: Words) -> Iterator[str]:
    for status, count in result.counts.items():
        said = words.name("status", status)
        yield f'<li class="{STATUS_STYLE[status]}"><b>{count}</b> {_text(said)}</li>'


def _about(result: RunResult, words: Words) -> str:
    facts = {
        "report.page-playbook": result.playbook,
        "report.page-run": result.run,
        "report.page-duration": duration(result.duration_s),
        "report.page-exit-code": str(result.exit_code),
    }
    return words.comma.join(words.say(code) + words.colon + value for code, value in facts.items())


def _group(group: Outcome, result: RunResult, summary: Summary, words: Words) -> Iterator[str]:
    head, *body = summary.group(group, result)
    yield f'<section class="{STATUS_STYLE[group.first.status.value]}"><h2>{_spans(head.spans)}</h2>'
    yield from _lines(body)
    untouched = group.first.status is HostStatus.UNTOUCHED
    steps = [] if untouched else [part for step in group.first.steps for part in parts(step)]
    if steps:
        heading = words.say("report.page-steps")
        yield f"<details><summary>{_text(heading)} ({len(steps)})</summary>"
        for step in steps:
            yield from _step(step, words)
        yield "</details>"
    if len(group.hosts) > 1:
        yield f"<details><summary>{_text(words.count('report.hosts', len(group.hosts)))}</summary>"
        yield f"<p>{_text(words.comma.join(group.hosts))}</p></details>"
    yield "</section>"


def _step(step: StepResult, words: Words) -> Iterator[str]:
    status = words.name("step", step.status.value)
    style = STATUS_STYLE.get(step.status.value, "faint")
    place = f" [{_text(step.service)}]" if step.service else ""
    yield f'<article><h3><span class="{style}">{_text(status)}</span> {_text(step.name)}<small>{place}</small></h3>'
    if step.provisional is not None:
        yield f"<p>{_text(words.say('report.provisional', step=step.provisional))}</p>"
    for finding in step.findings:
        yield f"<p>{_text(words.finding(finding))} <code>{_text(finding.code)}</code></p>"
    for change in step.changes:
        yield from _change(change, words)
    for declined in words.distinct(step.declined):
        yield f"<p>{_text(words.refusal(declined))} {_text(words.hint(declined).text)}</p>"
    if step.error is not None:
        yield f'<p class="bad">{_text(words.fault(step.error))}</p>'
    yield "</article>"


def _change(change: ChangeRecord, words: Words) -> Iterator[str]:
    said = words.change(change, path=True)
    class_words = words.comma.join([words.risk(change), words.name("undo", change.undo)])
    yield f"<p>{_text(said)} <small>{_text(class_words)}</small></p>"
    shown, _ = diff_lines(change.diff, 0)
    if shown:
        yield "<pre>" + "\n".join(_spans(each.spans) for each in shown) + "</pre>"


def _lines(lines: Iterable[Line]) -> Iterator[str]:
    for each in lines:
        if not each.spans and each.label is None:
            continue
        label = "" if each.label is None else _spans((each.label,))
        tag = "code" if each.whole else "div"
        yield f'<div class="row"><div>{label}</div><{tag}>{_spans(each.spans)}</{tag}></div>'


def _spans(spans: tuple[Span, ...]) -> str:
    return "".join(
        f'<span class="{span.style}">{_text(span.text)}</span>' if span.style else _text(span.text) for span in spans
    )


def _text(text: str) -> str:
    return html.escape(safe(text), quote=True)


def _style() -> str:
    return resources.files(__package__).joinpath("page.css").read_text("utf-8")
