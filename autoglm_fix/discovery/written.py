"""What was found as an inventory, ready to use, and as one document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from .clients import Client
from .found import Found, Remark

# Plain words need no quotes; what YAML could take for something else gets them.
_PLAIN = re.compile(r"[A-Za-z/~][A-Za-z0-9_./+@~-]*(?::[A-Za-z0-9_./+@~-]+)*\Z")
_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n", "~"})
_TEMPLATE = re.compile(r"\{[{%#]")

Says = Callable[[Remark], str]


def inventory(hosts: Mapping[str, tuple[Mapping[str, object], Sequence[Found]]], says: Says) -> str:
    """The hosts with their variables and services, each with why it is believed, as YAML."""
    lines = ["all:", "  hosts:"]
    for host, (variables, found) in hosts.items():
        lines.append(f"    {_written(host)}:")
        lines += [f"      {_written(name)}: {_written(value)}" for name, value in variables.items()]
        if found:
            lines.append("      services:")
        for each in found:
            lines += _service(each, says)
    return "\n".join(lines) + "\n"


def document(
    host: str, found: Sequence[Found], clients: Sequence[Client], unseen: Sequence[str], says: Says
) -> dict[str, object]:
    """One host's part of the JSON."""
    return {
        "host": host,
        "services": [
            {
                "service": dict(each.keys),
                "state": each.state,
                "exit_code": each.code,
                "signal": each.signal,
                "reason": each.reason,
                "ended_at": each.at,
                "why": [{"code": remark.code, "text": says(remark)} for remark in each.why],
                "remarks": [{"code": remark.code, "text": says(remark)} for remark in each.remarks],
            }
            for each in found
        ],
        "clients": [
            {
                "path": each.path,
                "base_url": each.base_url,
                "model": each.model,
                "set_by": each.set_by,
                "code": each.remark.code,
            }
            for each in clients
        ],
        "unseen": list(unseen),
    }


def _service(found: Found, says: Says) -> Iterator[str]:
    for remark in [*found.why, *found.remarks]:
        yield f"        # {says(remark)}"
    mark = "- "
    for key, value in found.keys.items():
        yield f"        {mark}{key}: {_written(value)}"
        mark = "  "


def _written(value: object) -> str:
    """A value in one line of YAML. What a host said is never a template."""
    if isinstance(value, str):
        if _TEMPLATE.search(value):
            return json.dumps("{{ " + json.dumps(value, ensure_ascii=False) + " }}", ensure_ascii=False)
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_written(str(name))}: {_written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value)
