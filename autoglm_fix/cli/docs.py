"""``autoglm-fix docs [NAME]``: diagnostics, fixes and findings, from their own signatures and sentences."""

from __future__ import annotations

from collections.abc import Iterable
from string import Formatter
from typing import TYPE_CHECKING

import click

from autoglm_fix.authored.problems import did_you_mean

from . import options

if TYPE_CHECKING:
    from autoglm_fix.diagnostics import Diagnostic, Finding, Signature
    from autoglm_fix.fixes import Fix
    from autoglm_fix.locale import Catalogue


@click.command("docs")
@click.argument("name", required=False)
@options.lang_option
def command(name: str | None, lang: str | None) -> int:
    """Describe a diagnostic, a fix, or a finding by its code; without NAME, list them all."""
    from autoglm_fix import diagnostics, fixes
    from autoglm_fix.locale import Catalogue

    catalogue = Catalogue(options.language(lang))
    known, cures = diagnostics.load(), fixes.load()
    findings = {finding.code: finding for finding in diagnostics.findings()}
    if name is None:
        lines = _overview(known.values(), cures.values())
    elif name in findings:
        lines = _finding(findings[name], cures.values(), catalogue)
    elif name in known or name in cures:
        # A diagnostic and its fix may share a name: both are described.
        lines = [
            *(_diagnostic(known[name], findings.values(), catalogue) if name in known else ()),
            *(_fix(cures[name]) if name in cures else ()),
        ]
    else:
        hint = did_you_mean(name, [*known, *cures, *findings])
        click.echo(f"autoglm-fix: there is no diagnostic, fix or finding '{name}'. {hint}".rstrip(), err=True)
        return options.BAD_INPUT
    click.echo("\n".join(lines))
    return 0


def _overview(known: Iterable[Diagnostic], cures: Iterable[Fix]) -> list[str]:
    width = 20
    return [
        "Diagnostics",
        *(f"  {diagnostic.name:<{width}}{diagnostic.summary}" for diagnostic in known),
        "",
        "Fixes",
        *(f"  {fix.name:<{width}}{fix.summary}" for fix in cures),
        "",
        "More: autoglm-fix docs NAME, or the code of a finding",
    ]


def _diagnostic(diagnostic: Diagnostic, findings: Iterable[type[Finding]], catalogue: Catalogue) -> list[str]:
    of_it = [finding for finding in findings if finding.code.startswith(diagnostic.name + ".")]
    width = max((len(finding.code) for finding in of_it), default=0) + 2
    return [
        f"Diagnostic {diagnostic.name}: {diagnostic.summary}",
        *_options(diagnostic.signature),
        "",
        "Findings",
        *(f"  {f.code:<{width}}{f.severity:<9}{f.symptom:<9}{_said(catalogue, f.code, 'summary')}" for f in of_it),
        "",
    ]


def _fix(fix: Fix) -> list[str]:
    cured = ", ".join(finding.code for finding in fix.cures)
    return [f"Fix {fix.name}: {fix.summary}", *_options(fix.signature), "", f"Cures: {cured}", ""]


def _finding(finding: type[Finding], cures: Iterable[Fix], catalogue: Catalogue) -> list[str]:
    names = [fix.name for fix in cures if finding in fix.cures]
    return [
        f"{finding.code} ({finding.severity})",
        f"  What: {_said(catalogue, finding.code, 'summary')}",
        f"  A caller sees: {finding.symptom}",
        f"  What to do: {_said(catalogue, finding.code, 'advice')}",
        f"  Fixes: {', '.join(names) or 'none'}",
    ]


def _said(catalogue: Catalogue, code: str, part: str) -> str:
    """A sentence with ``<name>`` where a value will stand."""
    pieces = Formatter().parse(catalogue.template(code, part))
    return "".join(text + (f"<{name}>" if name else "") for text, name, _, _ in pieces)


def _options(signature: Signature) -> list[str]:
    from autoglm_fix.authored.typed import describe

    return [
        f"  {option.name}: {describe(option.type)}, default {option.default!r}" for option in signature.options.values()
    ]
