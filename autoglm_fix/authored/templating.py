"""Sandboxed Jinja2 over text that an author wrote: parsed once, evaluated to values, never to code.

A text that is exactly one ``{{ expression }}`` keeps the type of its value; any other text with
templates renders to text, which is never parsed again.
"""

from __future__ import annotations

import functools
import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .problems import Problem, did_you_mean, quotable, quoted
from .yaml_source import Value, YamlMapping, YamlNode, YamlScalar, YamlSequence

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.environment import Template as CompiledTemplate
    from jinja2.environment import TemplateExpression
    from jinja2.sandbox import ImmutableSandboxedEnvironment

_MARKS = ("{{", "{%")
_PIECE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
# The words that are true and false where a text is taken for one of them.
YES = ("yes", "true", "on", "1")
NO = ("no", "false", "off", "0")


class CannotEvaluate(ValueError):
    """A template that has no value: something in it is undefined, of the wrong type, or not allowed."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a template before any value is known; ``fragment`` is the piece to point at."""

    message: str
    fragment: str
    hint: str = ""


@dataclass(frozen=True)
class Template:
    """A text with templates, or a bare expression (``when``, ``until``).

    ``names`` are the variables it looks up; ``guarded`` those of them that may be undefined
    (``x | default(...)``, ``x is defined``); ``attributes`` pairs of a variable and a key that is
    looked up in it.
    """

    source: str
    bare: bool
    mistakes: tuple[Mistake, ...] = ()
    names: frozenset[str] = frozenset()
    guarded: frozenset[str] = frozenset()
    attributes: frozenset[tuple[str, str]] = frozenset()
    expression: str | None = field(default=None, repr=False)

    def evaluate(self, known: Mapping[str, Value]) -> Value:
        """The value, with these variables. Raises CannotEvaluate."""
        from jinja2 import TemplateError

        try:
            if self.expression is None:
                return _text(self.source).render(known)
            return as_value(_expression(self.expression)(known))
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as err:
            raise CannotEvaluate(f"cannot evaluate {quoted(self.source)}: {quotable(str(err))}") from err


@functools.cache
def template(source: str, bare: bool = False) -> Template:
    """A text's template. Its ``mistakes`` say whether it can be evaluated."""
    from jinja2 import TemplateSyntaxError, meta

    if bare and any(mark in source for mark in _MARKS):
        hint = "It is an expression already: write it without the braces."
        return Template(source, bare, (Mistake("braces in an expression", source, hint),))
    try:
        tree = _parse_bare(source) if bare else _environment().parse(source)
    except TemplateSyntaxError as err:
        return Template(source, bare, (_syntax_mistake(source, bare, err.message or ""),))
    mistakes = tuple(_refused(tree, source))
    if mistakes:
        return Template(source, bare, mistakes)
    return Template(
        source,
        bare,
        names=frozenset(meta.find_undeclared_variables(tree)),
        guarded=frozenset(_guarded(tree)),
        attributes=frozenset(_attributes(tree)),
        expression=source if bare else _sole_expression(source, tree),
    )


def has_templates(text: str) -> bool:
    """Whether there is anything to evaluate in a text."""
    return any(mark in text for mark in _MARKS)


def scalar_template(scalar: YamlScalar, *, bare: bool = False) -> Template | None:
    """The template that a YAML value is, or None for a plain one."""
    if isinstance(scalar.value, str) and not scalar.verbatim and (bare or has_templates(scalar.value)):
        return template(scalar.value, bare)
    return None


def templates_in(node: YamlNode) -> Iterable[tuple[YamlScalar, Template]]:
    """All templates in a value, each with the YAML that holds it."""
    if isinstance(node, YamlScalar):
        found = scalar_template(node)
        if found is not None:
            yield node, found
    elif isinstance(node, YamlSequence):
        for item in node.items:
            yield from templates_in(item)
    elif isinstance(node, YamlMapping):
        for entry in node.entries.values():
            yield from templates_in(entry.value)


def mistakes_at(scalar: YamlScalar, found: Template) -> Iterable[Problem]:
    """The mistakes of one template, each where it stands."""
    for mistake in found.mistakes:
        whole = mistake.fragment == found.source
        place = scalar.at if whole else scalar.position_of(mistake.fragment)
        yield place.problem(mistake.message, mistake.hint)


def as_value(result: object) -> Value:
    """What an expression gave, as a value of plain lists, mappings, text and numbers."""
    from jinja2 import Undefined

    if isinstance(result, Undefined):
        str(result)  # a strict undefined says in its error what is missing
    if result is None or isinstance(result, (bool, int, float)):
        return result
    if isinstance(result, str):
        return str(result)
    if isinstance(result, Mapping):
        return {str(key): as_value(value) for key, value in result.items()}
    if isinstance(result, Iterable):
        return [as_value(item) for item in result]
    raise TypeError(f"a {type(result).__name__} is no value")


@functools.cache
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    # What a playbook does follows from its text and variables: nothing by chance, no placeholder text.
    del environment.filters["random"]
    for name in ("lipsum", "cycler", "joiner"):
        del environment.globals[name]
    environment.filters.update(
        basename=posixpath.basename, bool=_to_bool, dirname=posixpath.dirname, ternary=_ternary, to_json=_to_json
    )
    return environment


def _to_bool(value: object) -> bool:
    text = str(value).strip().lower()
    if text in YES or text in NO:
        return text in YES
    raise ValueError(f"{quoted(str(value))} is neither true nor false")


def _ternary(condition: object, yes: object, no: object) -> object:
    return yes if condition else no


def _to_json(value: object) -> str:
    return json.dumps(as_value(value), ensure_ascii=False)


@functools.cache
def _text(source: str) -> CompiledTemplate:
    """Compiled once: a variable of all hosts is evaluated for each of them."""
    return _environment().from_string(source)


@functools.cache
def _expression(source: str) -> TemplateExpression:
    return _environment().compile_expression(source, undefined_to_none=False)


def _parse_bare(source: str) -> nodes.Template:
    from jinja2 import TemplateSyntaxError, nodes
    from jinja2.parser import Parser

    parser = Parser(_environment(), source, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError(f"unexpected {quoted(str(parser.stream.current))}", 1)
    found = nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
    found.set_environment(_environment())
    return found


def _sole_expression(source: str, tree: nodes.Template) -> str | None:
    """The expression that the whole text is, or None."""
    from jinja2 import nodes

    if not (source.startswith("{{") and source.endswith("}}")):
        return None
    outputs = [part for output in tree.body if isinstance(output, nodes.Output) for part in output.nodes]
    if len(tree.body) != 1 or len(outputs) != 1:
        return None
    inner = source[2:-2]
    return inner.removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+")


def _refused(tree: nodes.Template, source: str) -> Iterable[Mistake]:
    from jinja2 import nodes

    environment = _environment()
    for kind, known, noun in (
        (nodes.Filter, environment.filters, "filter"),
        (nodes.Test, environment.tests, "test"),
    ):
        for node in tree.find_all(kind):
            if node.name not in known:
                yield Mistake(f"there is no {noun} {quoted(node.name)}", node.name, did_you_mean(node.name, known))
    if any(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))):
        yield Mistake("a template cannot include other files", source)


def _syntax_mistake(source: str, bare: bool, said: str) -> Mistake:
    from jinja2 import TemplateSyntaxError

    reason = said.rstrip(".").replace("'end of print statement'", "'}}'")
    if bare:
        return Mistake(f"not a valid expression: {reason}", source)
    message = f"not a valid template: {reason}"
    opened = max(source.rfind(mark) for mark in _MARKS)
    for piece in _PIECE.findall(source):
        try:
            if piece.startswith("{{"):
                _environment().parse(piece)
        except TemplateSyntaxError:
            return Mistake(message, piece)
    return Mistake(message, source[opened:])


def _guarded(tree: nodes.Template) -> Iterable[str]:
    from jinja2 import nodes

    for used in tree.find_all((nodes.Filter, nodes.Test)):
        if used.name in ("default", "d", "defined", "undefined") and isinstance(used.node, nodes.Name):
            yield used.node.name


def _attributes(tree: nodes.Template) -> Iterable[tuple[str, str]]:
    from jinja2 import nodes

    for used in tree.find_all(nodes.Getattr):
        if isinstance(used.node, nodes.Name):
            yield used.node.name, used.attr
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.node, nodes.Name) and isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str):
            yield item.node.name, item.arg.value
