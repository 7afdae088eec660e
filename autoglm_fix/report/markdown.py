"""A run's document as Markdown: for a ticket, a chat, a colleague who was not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .safe import safe, safe_lines

Document = Mapping[str, Any]
_ROLLBACK = {
    "restored": "taken back",
    "refused": "not taken back, the host has been edited since",
    "partial": "taken back in part",
}


def markdown(document: Document) -> str:
    """The report of a result document (``document.result_document``), in English as the document is."""
    return "\n".join(_lines(document))


def _lines(document: Document) -> Iterator[str]:
    counts = ", ".join(f"{count} {status}" for status, count in document["counts"].items())
    yield f"# {_text(document['playbook'])}: {counts}"
    yield ""
    how = "Dry run" if document["dry_run"] else "Run"
    yield f"{how} `{document['run']}`, {document['duration_s']} s, exit code {document['exit_code']}."
    for name, host in document["hosts"].items():
        yield from _host(name, host, bool(document["dry_run"]))


def _host(name: str, host: Document, dry_run: bool) -> Iterator[str]:
    yield ""
    yield f"## {_text(name)}: {host['status']}"
    if host["error"]:
        yield from _error(host["error"])
    for service, said in host["services"].items():
        cause = f", cause `{said['cause']}`" if said["cause"] else ""
        yield f"- {_text(service)}: {said['status']}, symptom {said['symptom']}{cause}"
    if host["rollback"]:
        yield f"- what was changed here: {_ROLLBACK[host['rollback']['status']]}"
    for step in host["steps"]:
        if step["findings"] or step["changes"] or step["error"]:
            yield from _step(step, dry_run)
    for proof in host["proof"]:
        yield ""
        yield f"### Proof of {_text(proof['service'])}: {proof['status']}"
        if proof["text"]:
            yield f"> {_text(proof['text'])}"
        yield from (f"- {check['name']}: {_claim(check)}" for check in proof["checks"])


def _claim(check: Document) -> str:
    """A claim's status. Never let a CPU's answer read like a GPU's."""
    seen = check["evidence"]
    return f"{check['status']} ({seen['device']}, {seen['allowed_by']})" if "allowed_by" in seen else check["status"]


def _step(step: Document, dry_run: bool) -> Iterator[str]:
    yield ""
    yield f"### {_text(step['name'])}: {step['status']}"
    if step["provisional"]:
        yield f"- looked at again once this is done: {_text(step['provisional'])}"
    for finding in step["findings"]:
        yield f"- **{finding['severity']}** {_text(finding['summary'])} (`{finding['code']}`)"
    for change in step["changes"]:
        made = "change" if change["made"] else "would be changed" if dry_run else "not changed"
        yield f"- {made}: {_text(change['summary'])} at {_code(change['target'])}"
        if change["problem"]:
            yield f"  - but: {_text(change['problem'])}"
        if change["diff"]:
            yield from _fenced(change["diff"])
    for declined in step["declined"]:
        yield f"- not done: {_text(declined['summary'])}"
    if step["error"]:
        yield from _error(step["error"])


def _error(error: Document) -> Iterator[str]:
    yield f"- error: {_text(error['message'])}"
    if error["hint"]:
        yield f"  - {_text(error['hint'])}"
    if error["tail"]:
        yield from _fenced("\n".join(error["tail"]), "text")


def _fenced(text: str, kind: str = "diff") -> Iterator[str]:
    """A diff, or a host's last words, in a code block whose fence is longer than any that a line could end it with."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    yield f"  {fence}{kind}"
    yield from (f"  {line}" for line in safe_lines(text))
    yield f"  {fence}"


def _code(text: str) -> str:
    """A host's path as code: in a code span nothing is escaped, so a backtick of its own is replaced."""
    return "`" + safe(text).replace("\n", " ").replace("`", "'") + "`"


def _text(text: str) -> str:
    """Words of a host as plain words: no markup, no control characters, on one line."""
    return "".join("\\" + char if char in "\\`*_[]<>|#" else char for char in safe(text)).replace("\n", " ")
