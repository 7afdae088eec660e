from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from autoglm_fix.authored.yaml_source import parse_yaml, plain
from autoglm_fix.playbook.schema import schema

from .test_bad_playbooks import PLAYS, STEPS
from .test_load import WHOLE
from .vocabulary import VOCABULARY, said, step

VALIDATOR = jsonschema.Draft202012Validator(schema(VOCABULARY))

# What only the whole file can tell: names, expressions, files, and YAML itself.
_BEYOND = (
    "undefined",
    "not a valid expression",
    "braces",
    "filter",
    "service",
    "second time",
    "no such file",
    "refers to itself",
    "came from",
    "without a 'loop'",
    "'vars_files' takes no templates",
)


def _is_valid(text: str) -> bool:
    node = parse_yaml(text, "p.yml", [])
    return node is not None and VALIDATOR.is_valid(plain(node))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema(VOCABULARY))
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "text", [WHOLE, *(text for text, message in PLAYS if any(word in message for word in _BEYOND))]
)
def test_the_schema_takes_what_the_loader_takes(tmp_path: Path, text: str) -> None:
    assert _is_valid(text)


@pytest.mark.parametrize("text", [text for text, message in PLAYS if not any(word in message for word in _BEYOND)])
def test_the_schema_refuses_plays_that_the_loader_refuses(text: str) -> None:
    assert not _is_valid(text)


@pytest.mark.parametrize(("text", "message"), STEPS)
def test_the_schema_judges_steps_as_the_loader_does(tmp_path: Path, text: str, message: str) -> None:
    assert said(tmp_path, step(text))
    assert _is_valid(step(text)) == any(word in message for word in _BEYOND)


@pytest.mark.parametrize(
    "text",
    [
        "timeout: '{{ x }}'",
        "fix: {remap_path: {search: '{{ x }}'}}",
        "fix: {remap_path: {search: [/a, '{{ x }}']}}",
        "fix: [mend: , {fetch_weights: {from: }}]",
        "loop: '{{ x }}'",
        "when: false",
    ],
)
def test_editors_take_templates_where_the_loader_does(text: str) -> None:
    assert _is_valid(step(text))
