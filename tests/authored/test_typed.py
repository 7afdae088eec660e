from __future__ import annotations

from typing import Annotated, Literal, TypedDict

import jsonschema
import pytest
from msgspec import Meta

from autoglm_fix.authored.typed import describe, fit, json_schema, mismatches, or_template, text_like
from autoglm_fix.authored.yaml_source import Value


class Folder(TypedDict, total=False):
    """A folder."""

    path: str
    mode: int


Share = Annotated[str, text_like(r"^\d+%$", "a percentage")]
Batch = Annotated[int, Meta(ge=1)] | Share | list[Annotated[int, Meta(ge=1)] | Share]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (bool, "true or false"),
        (int, "a whole number"),
        (Annotated[int, Meta(ge=1, le=9)], "a whole number from 1 to 9"),
        (Annotated[float, Meta(gt=0)], "a number above 0"),
        (str | None, "text"),
        (list[str], "a list of text"),
        (list[int] | str, "text or a list of whole numbers"),
        (Literal["a", "b"], "one of a, b"),
        (Literal["a", "b"] | list[str], "a, b or a list of text"),
        (dict[str, str], "a mapping"),
        (Folder, "a mapping with mode, path"),
        (Batch, "a whole number not below 1, a percentage or a list of values"),
    ],
)
def test_types_are_said_in_words(wanted: object, words: str) -> None:
    assert describe(wanted) == words


@pytest.mark.parametrize(
    ("wanted", "value", "path", "message", "hint"),
    [
        (bool, "yes", (), "takes true or false, not the text 'yes'", "Write it without quotes."),
        (bool, 1, (), "takes true or false, not 1", ""),
        (int, True, (), "takes a whole number, not true", ""),
        (int, 1.5, (), "takes a whole number, not 1.5", ""),
        (int, "7", (), "takes a whole number, not the text '7'", "Write it without quotes."),
        (str, 7, (), "takes text, not 7", "Put quotes around it."),
        (str, None, (), "takes text, not nothing", ""),
        (list[str], "a", (), "takes a list of text, not the text 'a'", ""),
        (list[str], ["a", 3], (1,), "takes text, not 3", "Put quotes around it."),
        (dict[str, int], {"a": "x"}, ("a",), "takes a whole number, not the text 'x'", ""),
        (Literal["link", "copy"], "cpoy", (), "takes one of copy, link, not the text 'cpoy'", "Did you mean 'copy'?"),
        (Folder, {"pth": "x"}, ("pth",), "has no key 'pth'", "Did you mean 'path'?"),
        (Folder, {"mode": "x"}, ("mode",), "takes a whole number, not the text 'x'", ""),
        (Folder | None, {"mode": "x"}, ("mode",), "takes a whole number, not the text 'x'", ""),
        (Batch, 0, (), f"takes {describe(Batch)}, not 0", ""),
        (Batch, [1, "x%"], (1,), "takes a whole number not below 1 or a percentage, not the text 'x%'", ""),
    ],
)
def test_what_does_not_fit_is_named_with_its_part(
    wanted: object, value: Value, path: tuple[int | str, ...], message: str, hint: str
) -> None:
    (found,) = mismatches(value, wanted)
    assert (found.path, found.message, found.hint) == (path, message, hint)


def test_all_parts_that_do_not_fit_are_named() -> None:
    assert [found.path for found in mismatches([1, "a", None], list[str])] == [(0,), (2,)]


def test_what_fits_comes_back_as_its_type() -> None:
    number = fit(3, float)
    assert number == 3.0 and isinstance(number, float)
    assert fit([1, "25%"], Batch) == [1, "25%"]


@pytest.mark.parametrize("value", [3, "25%", [1, "50%"], "{{ x }}", ["{{ x }}"], 0, "25", [0], {}])
def test_a_schema_takes_what_the_check_takes_and_templates(value: Value) -> None:
    templated = "{{ x }}" in (value, *(value if isinstance(value, list) else ()))
    validator = jsonschema.Draft202012Validator(or_template(json_schema(Batch)))
    assert validator.is_valid(value) == (templated or not mismatches(value, Batch))


def test_texts_are_long_and_odd_and_messages_are_not() -> None:
    (found,) = mismatches("\x1b[31m" + "x" * 500, int)
    assert found.message.startswith("takes a whole number, not the text '\\x1b[31mxxx") and len(found.message) < 130
