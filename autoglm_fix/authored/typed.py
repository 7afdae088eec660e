"""Values against types: what a type asks for and what was given instead, in words; and as JSON Schema."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import inspect as shapes

from autoglm_fix.shaped import shaped

from .problems import did_you_mean, enumeration, quoted
from .yaml_source import Value

T = TypeVar("T")
JsonSchema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE: JsonSchema = {"type": "string", "pattern": r"\{[{%]"}

_LISTS = (shapes.ListType, shapes.VarTupleType, shapes.SetType, shapes.FrozenSetType, shapes.CollectionType)


@dataclass(frozen=True)
class Mismatch:
    """Where a value does not fit its type: the path to the part, and what fits there, in words.

    ``of_key`` says that the last key of the path is wrong, and not what it holds.
    """

    path: tuple[int | str, ...]
    message: str
    hint: str = ""
    of_key: bool = False


def text_like(pattern: str, description: str) -> msgspec.Meta:
    """The annotation of a text that must match; ``description`` says in words what it then is.

    msgspec's own ``pattern`` is not used: in a union with a list, msgspec 0.22 gives the compiled
    pattern back once too often, and the process dies at some later regular expression.
    """
    return msgspec.Meta(description=description, extra_json_schema={"pattern": pattern})


def fit(value: object, wanted: type[T]) -> T:
    """A value without mismatches as its type: a whole number as a float, a mapping as a dataclass."""
    return shaped(value, wanted)


def mismatches(value: Value, wanted: object) -> list[Mismatch]:
    """All places where a value does not fit a type; none where ``fit`` takes it."""
    return list(_mismatches(value, _shape(wanted), ()))


def describe(wanted: object) -> str:
    """A type in words: "a list of text"."""
    return _describe(_shape(wanted))


def json_schema(wanted: object) -> JsonSchema:
    """The JSON Schema of a type, complete in itself. Mappings with known keys allow no other."""
    (schema,), components = msgspec.json.schema_components([wanted], ref_template="{name}")
    complete: JsonSchema = _inlined(schema, components)
    return complete


def or_template(schema: JsonSchema) -> JsonSchema:
    """A schema that also takes a template, for the whole value and for each of its parts."""
    if schema == {"type": "string"}:
        return schema
    widened = dict(schema)
    if "anyOf" in widened:
        widened["anyOf"] = [or_template(kind) for kind in widened["anyOf"]]
    for key in ("items", "additionalProperties"):
        if isinstance(widened.get(key), dict):
            widened[key] = or_template(widened[key])
    if "properties" in widened:
        widened["properties"] = {name: or_template(part) for name, part in widened["properties"].items()}
    return {"anyOf": [widened, TEMPLATE]}


def shown(value: Value) -> str:
    """A value as messages show it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return str(value)


@functools.cache
def _shape(wanted: object) -> shapes.Type:
    return shapes.type_info(wanted)


def _mismatches(value: Value, shape: shapes.Type, path: tuple[int | str, ...]) -> Iterator[Mismatch]:
    if isinstance(shape, shapes.Metadata):
        found = list(_mismatches(value, shape.type, path))
        pattern = (shape.extra_json_schema or {}).get("pattern")
        if not found and isinstance(pattern, str) and isinstance(value, str) and not re.search(pattern, value):
            found = [Mismatch(path, f"takes {_describe(shape)}, not {shown(value)}")]
        yield from found
    elif isinstance(value, list) and isinstance(shape, _LISTS):
        for index, item in enumerate(value):
            yield from _mismatches(item, shape.item_type, (*path, index))
    elif isinstance(value, dict) and isinstance(shape, shapes.DictType):
        for key, item in value.items():
            yield from _mismatches(item, shape.value_type, (*path, key))
    elif isinstance(value, dict) and isinstance(shape, shapes.TypedDictType):
        yield from _in_mapping(value, shape, path)
    elif isinstance(shape, shapes.UnionType):
        yield from _in_union(value, shape, path)
    elif not _fits(value, shape):
        yield Mismatch(path, f"takes {_describe(shape)}, not {shown(value)}", _hint(value, shape))


def _in_mapping(
    value: dict[str, Value], shape: shapes.TypedDictType, path: tuple[int | str, ...]
) -> Iterator[Mismatch]:
    fields = {field.encode_name: field for field in shape.fields}
    for key, item in value.items():
        if key in fields:
            yield from _mismatches(item, fields[key].type, (*path, key))
        else:
            hint = did_you_mean(key, fields, nouns="keys")
            yield Mismatch((*path, key), f"has no key {quoted(key)}", hint, of_key=True)
    for name, field in fields.items():
        if field.required and name not in value:
            yield Mismatch(path, f"needs the key {quoted(name)}")


def _in_union(value: Value, shape: shapes.UnionType, path: tuple[int | str, ...]) -> Iterator[Mismatch]:
    """Nothing where one kind fits; the mistakes inside the one kind of the same build; else one for all."""
    tried = [list(_mismatches(value, kind, path)) for kind in shape.types]
    if not all(tried):
        return
    inner = [found for found in tried if all(len(mismatch.path) > len(path) for mismatch in found)]
    if inner:
        yield from inner[0]
        return
    numeric = any(isinstance(kind, (shapes.IntType, shapes.FloatType)) for kind in shape.types)
    quotable = not (numeric and isinstance(value, (int, float)))
    hints = [mismatch.hint for found in tried for mismatch in found if mismatch.hint and quotable]
    yield Mismatch(path, f"takes {_describe(shape)}, not {shown(value)}", hints[0] if hints else "")


def _fits(value: Value, shape: shapes.Type) -> bool:
    if isinstance(shape, shapes.AnyType):
        return True
    if isinstance(shape, shapes.NoneType):
        return value is None
    if isinstance(shape, shapes.BoolType):
        return isinstance(value, bool)
    if isinstance(shape, shapes.IntType):
        return isinstance(value, int) and not isinstance(value, bool) and _within(value, shape)
    if isinstance(shape, shapes.FloatType):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and _within(value, shape)
    if isinstance(shape, shapes.StrType):
        return isinstance(value, str) and (shape.pattern is None or re.search(shape.pattern, value) is not None)
    if isinstance(shape, shapes.LiteralType):
        return isinstance(value, (str, int)) and not isinstance(value, bool) and value in shape.values
    return False


def _within(value: float, shape: shapes.IntType | shapes.FloatType) -> bool:
    return not (
        (shape.gt is not None and value <= shape.gt)
        or (shape.ge is not None and value < shape.ge)
        or (shape.lt is not None and value >= shape.lt)
        or (shape.le is not None and value > shape.le)
    )


def _hint(value: Value, shape: shapes.Type) -> str:
    if isinstance(shape, shapes.LiteralType) and isinstance(value, str):
        return did_you_mean(value, [str(known) for known in shape.values])
    if isinstance(shape, shapes.StrType) and isinstance(value, (bool, int, float)):
        return "Put quotes around it."
    if isinstance(shape, (shapes.IntType, shapes.FloatType, shapes.BoolType)) and isinstance(value, str):
        return "Write it without quotes." if _unquoted_fits(value, shape) else ""
    return ""


def _unquoted_fits(value: str, shape: shapes.Type) -> bool:
    if isinstance(shape, shapes.BoolType):
        return value.lower() in ("true", "false", "yes", "no", "on", "off")
    try:
        msgspec.convert(value, int if isinstance(shape, shapes.IntType) else float, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _describe(shape: shapes.Type) -> str:
    if isinstance(shape, shapes.Metadata):
        described = (shape.extra_json_schema or {}).get("description")
        return described if isinstance(described, str) else _describe(shape.type)
    if isinstance(shape, shapes.UnionType):
        return _alternatives(shape)
    if isinstance(shape, (shapes.IntType, shapes.FloatType)):
        return ("a whole number" if isinstance(shape, shapes.IntType) else "a number") + _bounds(shape)
    if isinstance(shape, shapes.LiteralType):
        values = [str(value) for value in shape.values]
        return values[0] if len(values) == 1 else f"one of {enumeration(values)}"
    if isinstance(shape, _LISTS):
        return f"a list of {_plural(shape.item_type)}"
    if isinstance(shape, shapes.TypedDictType):
        return f"a mapping with {enumeration(field.encode_name for field in shape.fields)}"
    words = {shapes.BoolType: "true or false", shapes.StrType: "text", shapes.NoneType: "nothing"}
    return words.get(type(shape), "a mapping" if isinstance(shape, shapes.DictType) else "a value")


def _alternatives(shape: shapes.UnionType) -> str:
    """Words first, lists and mappings last; that nothing at all is allowed needs no words."""
    single: list[str] = []
    composed: list[str] = []
    for kind in shape.types:
        if isinstance(kind, shapes.LiteralType):
            single += [str(value) for value in kind.values]
        elif isinstance(kind, (*_LISTS, shapes.TypedDictType, shapes.DictType)):
            composed.append(_describe(kind))
        elif not isinstance(kind, shapes.NoneType):
            single.append(_describe(kind))
    words = single + composed
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _plural(shape: shapes.Type) -> str:
    words = {shapes.IntType: "whole numbers", shapes.FloatType: "numbers", shapes.StrType: "text"}
    if isinstance(shape, shapes.LiteralType):
        return enumeration(str(value) for value in shape.values)
    return words.get(type(shape), "values")


def _bounds(shape: shapes.IntType | shapes.FloatType) -> str:
    if shape.ge is not None and shape.le is not None:
        return f" from {shape.ge} to {shape.le}"
    if shape.ge is not None:
        return f" not below {shape.ge}"
    if shape.gt is not None:
        return f" above {shape.gt}"
    return f" not above {shape.le}" if shape.le is not None else ""


def _inlined(schema: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(part, components) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(components[schema["$ref"]], components)
    complete = {key: _inlined(part, components) for key, part in schema.items()}
    if "properties" in complete:
        complete["additionalProperties"] = False
    return complete
