from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.authored.problems import Problem
from autoglm_fix.authored.yaml_source import YamlMapping, YamlScalar, parse_yaml, plain, read_yaml


def _said(text: str) -> list[str]:
    problems: list[Problem] = []
    parse_yaml(text, "f.yml", problems)
    return [str(problem) for problem in problems]


def _value(text: str) -> object:
    problems: list[Problem] = []
    node = parse_yaml(text, "f.yml", problems)
    assert node is not None and not problems
    return plain(node)


def _bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return "\n".join(lines)


BAD = [
    ("a tab in the indentation", "a:\n\tb: 1\n", "f.yml:2:1: a tab in the indentation. YAML is indented with spaces."),
    ("an unclosed quote", "a: 1\nb: 'x\nc: 2\n", "f.yml:2:4: this quote is never closed"),
    ("an unclosed double quote", 'a: "x', "f.yml:1:4: this quote is never closed"),
    ("an unclosed list", "a: [1, 2\nb: 3\n", "f.yml:1:4: this '[' has no ']'"),
    ("an unclosed mapping", "a: {b: 1\nc: 3\n", "f.yml:1:4: this '{' has no '}'"),
    ("a value that begins with @", "a: @x", "f.yml:1:4: a value cannot begin with '@'. Put quotes around the value."),
    (
        "a colon in a plain text",
        "a: b: c",
        "f.yml:1:5: a ':' where no key can stand. "
        "Indent this line like its neighbours, or put quotes around a value that contains ': '.",
    ),
    ("an item that is none", "- a\nb: c\n", "f.yml:2:1: this line is neither part of the list above it nor a new item"),
    ("an unknown alias", "a: *x", "f.yml:1:4: there is no anchor '&x' before this alias"),
    (
        "an unknown escape",
        'a: "\\q"',
        "f.yml:1:5: an unknown escape in a text in double quotes. Double the backslash, or use single quotes.",
    ),
    ("half of a character", "a: x\ud800", "f.yml:1:5: the character '\\ud800' is not allowed in YAML"),
    ("a control character", "a: x\x07", "f.yml:1:5: the character '\\x07' is not allowed in YAML"),
    ("a tag", "a: !vault x", "f.yml:1:4: the tag '!vault' is not supported"),
    ("a tag of Python's", "a: !!python/object:os.x {}", "f.yml:1:4: the tag '!!python/object:os.x' is not supported"),
    ("a key a second time", "a: 1\nb: 2\na: 3\n", "f.yml:3:1: 'a' is here a second time. The first is in line 1."),
    ("a number for a key", "1: x", "f.yml:1:1: the key '1' means a number in YAML. Put quotes around it: \"1\"."),
    (
        "a word that means false",
        "no: x",
        "f.yml:1:1: the key 'no' means true or false in YAML. Put quotes around it: \"no\".",
    ),
    (
        "a template without quotes",
        "a: {{ x }}",
        "f.yml:1:5: a key is a word, not a list or mapping. "
        'Put quotes around a value that begins with a template: "{{ ... }}".',
    ),
    (
        "a second document",
        "a: 1\n---\nb: 2\n",
        "f.yml:2:1: a second document begins here. Keep one document in a file.",
    ),
    ("a value in itself", "a: &x [*x]", "f.yml:1:8: this value contains itself through an alias"),
    ("a merge of a list", "a: {<<: [1]}", "f.yml:1:10: '<<' merges mappings, and this is none"),
    ("deep nesting", "[" * 62 + "]" * 62, "f.yml:1:62: this is nested more than 60 levels deep"),
    ("an alias bomb", _bomb(), "f.yml:5:5: aliases multiply this value beyond reason"),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_yaml_is_named_with_its_place(text: str, message: str) -> None:
    assert _said(text) == [message]


def test_nesting_without_end_is_a_problem_and_no_crash() -> None:
    assert len(_said("[" * 100_000)) == 1
    assert len(_said("- " * 5_000)) == 1


def test_all_mistakes_that_leave_the_rest_readable_are_said_at_once() -> None:
    assert _said("a: 1\na: 2\nb: !x 1\n3: 4\n") == [
        "f.yml:2:1: 'a' is here a second time. The first is in line 1.",
        "f.yml:3:4: the tag '!x' is not supported",
        "f.yml:4:1: the key '3' means a number in YAML. Put quotes around it: \"3\".",
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("-0x1f", -31),
        ("0b11", 3),
        ("0644", 420),
        ("0", 0),
        ("1_000", 1000),
        ("2.5", 2.5),
        ("1.5e+3", 1500.0),
        ("1e3", "1e3"),
        ("-.inf", float("-inf")),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("", None),
        ("'yes'", "yes"),
        ("8000:8000", "8000:8000"),
        ("2026-11-22", "2026-11-22"),
        ("=", "="),
        ("你好", "你好"),
    ],
)
def test_scalars_are_those_of_yaml_1_1_but_for_dates_and_pairs_of_ports(written: str, value: object) -> None:
    assert _value(f"a: {written}") == {"a": value}


def test_merge_keys_fill_in_what_is_not_written() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], c: 3}\n"
    assert _value(text) == {"x": {"a": 1, "b": 1}, "y": {"b": 2, "c": 2}, "z": {"a": 1, "b": 1, "c": 3}}


def test_positions_inside_of_a_text_are_those_of_the_file() -> None:
    problems: list[Problem] = []
    node = parse_yaml('a: "{{ x }}"\nb: |\n  one\n  {{ y }} two\nc: >-\n  {{ z }}\n  folded\n', "f.yml", problems)
    assert isinstance(node, YamlMapping)
    places = {}
    for key, word in (("a", "x"), ("b", "y"), ("c", "z"), ("c", "absent")):
        scalar = node.entries[key].value
        assert isinstance(scalar, YamlScalar)
        at = scalar.position_of_word(word)
        places[word] = (at.line, at.column)
    assert places == {"x": (1, 8), "y": (4, 6), "z": (6, 6), "absent": (5, 4)}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "﻿"])
def test_an_empty_file_is_nothing(text: str) -> None:
    assert _value(text) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: \xff", "f.yml:1:4: byte 0xff is not UTF-8 text. Save the file as UTF-8."),
        (
            "x: 1\nä: \udc80".encode("utf-8", "surrogateescape"),
            "f.yml:2:4: byte 0x80 is not UTF-8 text. Save the file as UTF-8.",
        ),
        ("a: 1".encode("utf-16"), "f.yml:1:1: byte 0xff is not UTF-8 text. Save the file as UTF-8."),
    ],
)
def test_a_file_that_is_not_utf_8_is_said_with_the_byte(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f.yml").write_bytes(content)
    problems: list[Problem] = []
    assert read_yaml(tmp_path / "f.yml", problems) is None
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in problems] == [message]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    problems: list[Problem] = []
    node = read_yaml(tmp_path / "f.yml", problems)
    assert node is not None and plain(node) == {"a": 1} and not problems


def test_missing_files_and_folders_are_problems_of_the_whole_file(tmp_path: Path) -> None:
    problems: list[Problem] = []
    read_yaml(tmp_path / "none.yml", problems)
    read_yaml(tmp_path, problems)
    read_yaml(tmp_path / "a\0b", problems)
    assert [(problem.line, problem.message) for problem in problems] == [
        (0, "there is no such file"),
        (0, "this is a folder, not a file"),
        (0, "cannot be read: embedded null byte"),
    ]
    assert str(problems[0]) == f"{tmp_path}/none.yml: there is no such file"
