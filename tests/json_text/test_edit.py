"""Edits of JSON text leave the rest of it alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_fix.agent.changes.write_file import splice
from autoglm_fix.json_text import parse
from autoglm_fix.json_text.edit import remove_duplicates, remove_key, scan, set_key, splices

FILE = '{\n  "a": 1,\n  "eos": [\n    1,\n    2\n  ],\n  "z": {"in": true}\n}\n'


@pytest.mark.parametrize(
    ("text", "path", "value", "wanted"),
    [
        ('{"a": 1, "b": 2}', ["a"], 5, '{"a": 5, "b": 2}'),
        ('{"a":1,"b":2}', ["b"], "x", '{"a":1,"b":"x"}'),
        (FILE, ["z", "in"], False, FILE.replace("true", "false")),
        (FILE, ["eos"], [7], FILE.replace("    1,\n    2\n", "    7\n")),
        (FILE, ["eos", 1], 9, FILE.replace("2\n", "9\n")),
        (FILE, ["eos"], 7, FILE.replace("[\n    1,\n    2\n  ]", "7")),
        # A new key goes where the order of the others asks for it, else last.
        (FILE, ["b"], 0, FILE.replace('  "eos"', '  "b": 0,\n  "eos"')),
        ('{"z": 1, "a": 2}', ["k"], 3, '{"z": 1, "a": 2, "k": 3}'),
        ("{}", ["k"], 3, '{\n  "k": 3\n}'),
        ("{}\n", ["k"], [1], '{\n  "k": [1]\n}\n'),
        # Line ends stay what they are.
        ('{\r\n\t"a": 1\r\n}\r\n', ["b"], 2, '{\r\n\t"a": 1,\r\n\t"b": 2\r\n}\r\n'),
        # The last of duplicates is the one that counts.
        ('{"a": 1, "a": 2}', ["a"], 3, '{"a": 1, "a": 3}'),
        # Text that looks like structure is text.
        ('{"t": "{\\"a\\": 1}, \\\\", "a": 1}', ["a"], 2, '{"t": "{\\"a\\": 1}, \\\\", "a": 2}'),
        ('{"a": 1}', ["b"], "\ud800", '{"a": 1, "b": "\\ud800"}'),
        ('{"名": "值", "a": NaN}', ["a"], 1.5, '{"名": "值", "a": 1.5}'),
    ],
)
def test_a_key_is_set(text: str, path: list[str | int], value: object, wanted: str) -> None:
    assert set_key(text, path, json.loads(json.dumps(value))) == wanted


@pytest.mark.parametrize(
    ("text", "path", "wanted"),
    [
        ('{"a": 1, "b": 2, "c": 3}', ["a"], '{"b": 2, "c": 3}'),
        ('{"a": 1, "b": 2, "c": 3}', ["b"], '{"a": 1, "c": 3}'),
        ('{"a": 1, "b": 2, "c": 3}', ["c"], '{"a": 1, "b": 2}'),
        ('{ "a": 1 }', ["a"], "{}"),
        (FILE, ["a"], FILE.replace('  "a": 1,\n', "")),
        (FILE, ["z"], FILE.replace(',\n  "z": {"in": true}', "")),
        (FILE, ["eos", 0], FILE.replace("    1,\n", "")),
        ('{"a": 1, "b": 2, "a": 3}', ["a"], '{"b": 2}'),
        ('{"a": 1, "a": 3}', ["a"], "{}"),
    ],
)
def test_a_key_is_removed(text: str, path: list[str | int], wanted: str) -> None:
    assert remove_key(text, path) == wanted


def test_duplicates_give_way_to_the_last() -> None:
    text = '{\n  "a": 1,\n  "b": 2,\n  "a": 3,\n  "a": 4\n}'
    assert remove_duplicates(text) == '{\n  "b": 2,\n  "a": 4\n}'
    assert remove_duplicates('{"a": 1, "b": 2}') == '{"a": 1, "b": 2}'
    assert remove_duplicates("{" + '"a": 1, ' * 50_000 + '"a": 2}') == '{"a": 2}'


@pytest.mark.parametrize("path", [["gone"], ["a", "gone"], ["eos", 7], ["eos", "x"]])
def test_what_is_not_there_cannot_be_removed(path: list[str | int]) -> None:
    with pytest.raises(KeyError):
        remove_key(FILE, path)


@pytest.mark.parametrize("text", ["", "{", '{"a"}', '{"a": 1,}', "[1", '{"a": 1} x', "{'a': 1}", "[" * 5000, '"\n"'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        scan(text)


def test_a_list_has_no_keys() -> None:
    with pytest.raises(KeyError):
        set_key("[1]", ["a"], 1)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=6)
# Indentation, and what stands after a comma and a colon.
STYLES = st.sampled_from([(2, (",", ": ")), ("\t", (",", ": ")), (None, (", ", ": ")), (None, (",", ":"))])


@given(values=OBJECTS, style=STYLES, name=st.text(max_size=5), value=VALUES, ascii_only=st.booleans())
def test_an_edit_does_what_it_says_and_nothing_else(
    values: dict[str, object],
    style: tuple[int | str | None, tuple[str, str]],
    name: str,
    value: object,
    ascii_only: bool,
) -> None:
    text = json.dumps(values, ensure_ascii=ascii_only, indent=style[0], separators=style[1])
    edited = set_key(text, [name], json.loads(json.dumps(value)))
    assert json.loads(edited) == {**values, name: value}
    removed = remove_key(edited, [name])
    assert json.loads(removed) == {key: each for key, each in values.items() if key != name}
    old = text.encode()
    assert splice(old, splices(text, edited)) == edited.encode()
    assert splice(edited.encode(), splices(edited, removed)) == removed.encode()


def test_splices_leave_unchanged_lines_out() -> None:
    old = "".join(f"line {number} 你好\r\n" for number in range(100))
    new = old.replace("line 50 ", "line fifty ")
    ((start, end, text),) = splices(old, new)
    assert old.encode()[start:end] == "line 50 你好\r\n".encode()
    assert text == "line fifty 你好\r\n"


def test_a_long_file_of_lines_that_are_alike_is_edited_like_any_other() -> None:
    lines = ["{\n", *['  "lstrip": false,\n'] * 100_000, '  "a": 1\n', "}\n"]
    changed = [*lines]
    changed[50_000] = '  "lstrip": true,\n'
    old, new = "".join(lines), "".join(changed)
    assert len(splices(old, new)) == 1
    changed[1] = changed[-2] = '  "b": 2\n'
    new = "".join(changed)
    assert splice(old.encode(), splices(old, new)) == new.encode()


def test_keys_that_repeat_are_named_in_their_order_however_many_there_are() -> None:
    several = "".join(f'"k{number}": 1, ' for number in range(50_000))
    assert parse(f'{{{several}"k7": 1, "k3": {{"a": 1, "a": 2}}, "k7": 3}}').repeated == ("k3", "k7")
    assert parse(f'{{{several}"x": {{"a": 1, "a": 2}}}}').repeated == ()
