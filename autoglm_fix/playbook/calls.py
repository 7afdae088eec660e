"""``diagnose``, ``fix`` and ``verify``: a name with options, checked against the signature behind the name."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping

from autoglm_fix.authored.problems import Problem, did_you_mean, quoted
from autoglm_fix.authored.templating import templates_in
from autoglm_fix.authored.yaml_source import YamlEntry, YamlMapping, YamlNode, YamlScalar, is_empty
from autoglm_fix.diagnostics import Signature

from .fields import misfits
from .model import Call, T
from .vocabulary import NOT_YET


def read_call(
    node: YamlNode,
    noun: str,
    known: Mapping[str, T],
    problems: list[Problem],
    beside: Collection[str] = (),
) -> Call[T] | None:
    """A name alone or a mapping of one name to its options; None after adding to ``problems``.

    ``noun`` is what is named ("diagnostic"); ``beside`` are keys of the mapping that are no names.
    """
    if isinstance(node, YamlScalar) and isinstance(node.value, str):
        target = _target(YamlEntry(node.value, node.at, node), noun, known, problems)
        return None if target is None else _checked(Call(node.value, target, {}, node.at), noun, problems)
    if not isinstance(node, YamlMapping):
        problems.append(node.at.problem(f"one {noun} is named here", "Write NAME, or NAME: {option: value}."))
        return None
    named = [entry for entry in node.entries.values() if entry.key not in beside]
    if len(named) != 1:
        names = ", ".join(quoted(entry.key) for entry in named) or "nothing"
        problems.append(node.at.problem(f"one {noun} is named here, not {names}"))
        return None
    (entry,) = named
    target = _target(entry, noun, known, problems)
    if target is None:
        return None
    if not isinstance(entry.value, YamlMapping) and not is_empty(entry.value):
        problems.append(entry.value.at.problem(f"the options of {quoted(entry.key)} are a mapping"))
        return None
    options = entry.value.entries if isinstance(entry.value, YamlMapping) else {}
    before = len(problems)
    _check_options(entry.key, target.signature, options, problems)
    if len(problems) > before:
        return None
    call = Call(entry.key, target, {key: option.value for key, option in options.items()}, entry.at)
    return _checked(call, noun, problems)


def required(signature: Signature) -> list[str]:
    """The options without a default."""
    return [name for name, option in signature.options.items() if option.default is inspect.Parameter.empty]


def _target(entry: YamlEntry, noun: str, known: Mapping[str, T], problems: list[Problem]) -> T | None:
    if entry.key in known:
        return known[entry.key]
    if entry.key in NOT_YET:
        problems.append(entry.at.problem(f"the {noun} {quoted(entry.key)} is not available in this version"))
        return None
    hint = did_you_mean(entry.key, known, nouns=_PLURALS.get(noun, f"{noun}s"))
    problems.append(entry.at.problem(f"unknown {noun} {quoted(entry.key)}", hint))
    return None


def _check_options(name: str, signature: Signature, options: Mapping[str, YamlEntry], problems: list[Problem]) -> None:
    for key, entry in options.items():
        if key not in signature.options:
            hint = did_you_mean(key, signature.options, nouns=f"options of {quoted(name)}")
            problems.append(entry.at.problem(f"{quoted(name)} has no option {quoted(key)}", hint))
        elif not any(True for _ in templates_in(entry.value)):
            problems.extend(misfits(entry.value, signature.options[key].type, f"{quoted(key)} of {quoted(name)}"))


def _checked(call: Call[T], noun: str, problems: list[Problem]) -> Call[T] | None:
    missing = [quoted(name) for name in required(call.target.signature) if name not in call.options]
    if missing:
        message = f"the {noun} {quoted(call.name)} needs the option {', '.join(missing)}"
        problems.append(call.position.problem(message))
    return None if missing else call


_PLURALS = {"fix": "fixes"}
