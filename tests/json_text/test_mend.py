"""JSON text that does not parse is made whole where only one reading is possible."""

from __future__ import annotations

import json

import pytest

from autoglm_fix.json_text import parse
from autoglm_fix.json_text.mend import mend


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a": 1,}', '{"a": 1}'),
        ('{\n  "a": [\n    1,\n    2,\n  ],\n}\n', '{\n  "a": [\n    1,\n    2\n  ]\n}\n'),
        ('\ufeff{"a": 1}', '{"a": 1}'),
        ('{\n  "a": 1, // one\n  /* two */\n  "b": 2 # three\n}\n', '{\n  "a": 1,\n\n  "b": 2\n}\n'),
        ('{"a": "http://x", "b": "# no"', '{"a": "http://x", "b": "# no"}'),
        ('{\n  "a": {\n    "b": true\n', '{\n  "a": {\n    "b": true\n  }\n}\n'),
        ('{"a": [[1], [2]]', '{"a": [[1], [2]]}'),
        ('{\r\n\t"a": "x"', '{\r\n\t"a": "x"\r\n}'),
    ],
)
def test_one_reading_is_taken(text: str, wanted: str) -> None:
    assert mend(text) == wanted
    json.loads(wanted)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 12',  # more digits may have followed
        '{"a": 1,',  # and more keys
        '{"a":',
        '{"a"',
        '{"a": "x',
        '{"a": tru',
        "{",
        "[1}",
        '{"a": 1}}',
        '{"a": 1 "b": 2}',
        "{'a': 1}",
        '{"a": True}',
        '{"a": 1,, "b": 2}',
        "",
        "<html>",
        '{"a": 1} trailing',
        "[" * 100_000,
        '{"a": "\x00"}',
    ],
)
def test_a_guess_is_not_made(text: str) -> None:
    assert mend(text) is None


def test_what_parses_needs_no_mending() -> None:
    assert mend('{"a": NaN}') is None


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ('{\n  "a": 1,\n}', "in line 3, column 1", 3),
        ("[1]", "it is a list, not an object", 0),
        ("null", "it is a NoneType, not an object", 0),
        ('\ufeff{"a": 1}', "BOM", 1),
        ("[" * 100_000, "recursion", 0),
    ],
)
def test_a_problem_says_where(text: str, problem: str, line: int) -> None:
    parsed = parse(text)
    assert problem in parsed.problem
    assert (parsed.line, parsed.values) == (line, {})


def test_keys_that_stand_twice_are_named() -> None:
    parsed = parse('{"a": 1, "in": {"b": 1, "b": 2}, "a": 3, "c": 1}')
    assert parsed.repeated == ("a",)
    assert parsed.values["a"] == 3
