"""JSON Schema of playbooks, for editors: from the grammar and from the signatures behind the names."""

from __future__ import annotations

from collections.abc import Mapping

from autoglm_fix.authored.typed import DIALECT, TEMPLATE, JsonSchema, json_schema, or_template
from autoglm_fix.diagnostics import Signature

from .calls import required
from .grammar import LOOP_CONTROL, PLAY, STEP, VERIFY, Grammar, Keyword
from .model import T
from .vocabulary import Vocabulary, shipped

_CONDITION: JsonSchema = {
    "anyOf": [{"type": ["string", "boolean"]}, {"type": "array", "items": {"type": ["string", "boolean"]}}]
}
_VARIABLES: JsonSchema = {"type": "object", "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}}


def schema(vocabulary: Vocabulary | None = None) -> JsonSchema:
    """The schema of a playbook file that may name what ``vocabulary`` knows."""
    known = vocabulary or shipped()
    return {
        "$schema": DIALECT,
        "title": "autoglm-fix playbook",
        "type": "array",
        "minItems": 1,
        "items": _play(known),
    }


def _play(known: Vocabulary) -> JsonSchema:
    steps = {"type": "array", "minItems": 1, "items": _step(known)}
    verify = {"type": "array", "minItems": 1, "items": _calls(known.proofs, beside=_keywords(VERIFY, {}))}
    shapes = {"vars": _VARIABLES, "steps": steps, "verify": verify}
    return {**_mapping(PLAY, shapes), "anyOf": [{"required": ["steps"]}, {"required": ["verify"]}]}


def _step(known: Vocabulary) -> JsonSchema:
    fix = _calls(known.fixes)
    shapes = {
        "diagnose": _calls(known.diagnostics),
        "fix": {"anyOf": [fix, {"type": "array", "items": fix}]},
        "vars": _VARIABLES,
        "loop": {"anyOf": [{"type": "array"}, TEMPLATE]},
        "loop_control": _mapping(LOOP_CONTROL, {}),
    }
    return _mapping(STEP, shapes)


def _mapping(grammar: Grammar, shapes: Mapping[str, JsonSchema]) -> JsonSchema:
    return {
        "type": "object",
        "properties": _keywords(grammar, shapes),
        "required": [name for name, keyword in grammar.items() if keyword.required],
        "additionalProperties": False,
    }


def _keywords(grammar: Grammar, shapes: Mapping[str, JsonSchema]) -> dict[str, JsonSchema]:
    return {
        name: {"description": keyword.about, **_keyword(keyword, shapes.get(name, _CONDITION))}
        for name, keyword in grammar.items()
        if keyword.available
    }


def _keyword(keyword: Keyword, shape: JsonSchema) -> JsonSchema:
    if keyword.type is None:
        return shape
    plain = json_schema(keyword.type)
    return or_template(plain) if keyword.templated else plain


def _calls(known: Mapping[str, T], beside: Mapping[str, JsonSchema] | None = None) -> JsonSchema:
    """A name alone where no option is required, or a mapping of one name to its options."""
    shapes: list[JsonSchema] = []
    alone = [name for name, target in known.items() if not required(target.signature)]
    if alone:
        shapes.append({"enum": alone})
    for name, target in known.items():
        properties = {name: _options(target.signature), **(beside or {})}
        shapes.append(
            {
                "type": "object",
                "description": target.summary,
                "properties": properties,
                "required": [name],
                "additionalProperties": False,
            }
        )
    return {"anyOf": shapes}


def _options(signature: Signature) -> JsonSchema:
    needed = required(signature)
    options: JsonSchema = {
        "type": "object",
        "properties": {name: or_template(json_schema(option.type)) for name, option in signature.options.items()},
        "required": needed,
        "additionalProperties": False,
    }
    return options if needed else {"anyOf": [options, {"type": "null"}]}
