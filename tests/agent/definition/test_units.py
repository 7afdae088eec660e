"""The texts of systemd, read by systemd's own rules: each row was compared with what systemd 252 made of it."""

from __future__ import annotations

import pytest

from autoglm_fix.agent.definition.specifiers import specified, unescaped
from autoglm_fix.agent.definition.units import (
    assignments,
    entries,
    environment_file,
    seconds,
    substituted,
    words,
)

WORDS = {
    "plain": ("a b  c", ["a", "b", "c"]),
    "quoted": ("""a "b c" 'd e'""", ["a", "b c", "d e"]),
    "a quote in a word": ("--x='a b'", ["--x=a b"]),
    "an empty word": ('a ""', ["a", ""]),
    "escapes": (r"a\x20b \u4f60 \101 \t", ["a b", "你", "A", "\t"]),
    "a quote that is escaped": (r'"x\"y"', ['x"y']),
    "a blank that is escaped as systemd does": (r"a\sb", ["a b"]),
    "an escape that is none": (r"\q", [r"\q"]),
    "json": ("""--limit '{"image":10}'""", ["--limit", '{"image":10}']),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), WORDS.values(), ids=WORDS)
def test_a_line_has_these_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


ENTRIES = {
    "a section": ("[Unit]\nA=1\n[Service]\nA=2\nB = 3 \n[Install]\nA=4", [("A", "2"), ("B", "3")]),
    "comments": ("[Service]\n# A=1\n; A=2\nA=3", [("A", "3")]),
    "a line that goes on": ("[Service]\nA=one \\\n   two\nB=1", [("A", "one  two"), ("B", "1")]),
    "a comment between lines that go on": ("[Service]\nA=one \\\n# no\ntwo", [("A", "one  two")]),
    "a backslash that is escaped ends nothing": ("[Service]\nA=one\\\\\nB=2", [("A", "one\\\\"), ("B", "2")]),
    "an empty value": ("[Service]\nA=\nA=1", [("A", ""), ("A", "1")]),
    "garbage": ("\x00\n[Service\nA\n=\n", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), ENTRIES.values(), ids=ENTRIES)
def test_a_unit_has_these_settings(text: str, expected: list[tuple[str, str]]) -> None:
    assert [each for each in entries(text, "Service") if each[0]] == expected


ENVIRONMENT = {
    "plain": ("A=1\nB=two words \n", {"A": "1", "B": "two words"}),
    "comments and blank lines": ("# A=1\n; A=2\n\n A=3\n", {"A": "3"}),
    "quotes": ('A="x y" \nB=\'x "y\'\n', {"A": "x y", "B": 'x "y'}),
    "a value of several lines": ("A='one\ntwo'\nB=1\n", {"A": "one\ntwo", "B": "1"}),
    "a line that goes on": ("A=one\\\ntwo\n", {"A": "onetwo"}),
    "escapes in double quotes": ('A="a\\"b\\$c\\n"\n', {"A": 'a"b$c\\n'}),
    "a quote in the middle is one": ("A=a'b'\n", {"A": "a'b'"}),
    "an equals sign in the value": ("A=b=c\n", {"A": "b=c"}),
    "an empty value": ("A=\nB=1", {"A": "", "B": "1"}),
    "the last one wins": ("A=1\nA=2", {"A": "2"}),
    "a shell's export is no name": ("export A=1\nB=2", {"B": "2"}),
    "garbage": ("=\n==\nA\n[Service]\n{{ 7*7 }}=1\n", {}),
    "nothing": ("", {}),
}


@pytest.mark.parametrize(("text", "expected"), ENVIRONMENT.values(), ids=ENVIRONMENT)
def test_an_environment_file_sets(text: str, expected: dict[str, str]) -> None:
    assert environment_file(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("1min 30s", 90),
        ("1min30s", 90),
        ("2h", 7200),
        ("1.5 min", 90),
        ("500ms", 0.5),
        ("0", 0),
        ("infinity", None),
        ("soon", None),
        ("3 moons", None),
        ("", None),
    ],
)
def test_a_time_is_so_long(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


def test_variables_are_filled_as_systemd_does() -> None:
    command = ["/bin/$A", "${A}", "x${A}y", "$B", "x$B", "$$A", "${UNSET}", "$UNSET", "'$B'"]
    filled = substituted(command, {"A": "one word", "B": "two words"})
    assert filled == ["/bin/$A", "one word", "xone wordy", "two", "words", "x$B", "$A", "", "'$B'"]


def test_specifiers_are_filled_and_unknown_ones_stay() -> None:
    assert specified("/srv/%i/%%%q%", {"i": "gpu0"}) == "/srv/gpu0/%%q%"


def test_the_name_of_an_instance_is_a_path() -> None:
    assert unescaped(r"srv-models-glm\x2d4") == "srv/models/glm-4"


def test_only_names_can_be_set() -> None:
    assert assignments("A=1 'B=two words' 2=3 C") == {"A": "1", "B": "two words"}
