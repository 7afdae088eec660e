from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Variables
from autoglm_fix.authored.yaml_source import Value
from autoglm_fix.playbook import parse_extra_vars

from .vocabulary import load

_FORMS = "Write -e name=value, -e '{\"name\": ...}' or -e @file."


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ([], {}),
        (["a=1"], {"a": "1"}),
        (["a=1 b='x y'"], {"a": "1", "b": "x y"}),
        (["prompt=hello world"], {"prompt": "hello world"}),
        (["prompt=don't"], {"prompt": "don't"}),
        (["prompt=is 1+1=2?"], {"prompt": "is 1+1=2?"}),
        (["url=http://x/?a=b"], {"url": "http://x/?a=b"}),
        (["a="], {"a": ""}),
        (['{"a": 1, "b": [true]}'], {"a": 1, "b": [True]}),
        (["{a: 1}"], {"a": 1}),
        (["a=1", '{"a": 2}', "b=3", "b=4"], {"a": 2, "b": "4"}),
        (["a={{ b }}"], {"a": "{{ b }}"}),
    ],
)
def test_the_forms_that_ansible_knows(options: list[str], values: dict[str, Value]) -> None:
    assert parse_extra_vars(options).values == values


def test_a_file_is_yaml_or_json_and_may_hold_templates(tmp_path: Path) -> None:
    (tmp_path / "vars.yml").write_text("a: '{{ b }}'\nb: 2\n")
    (tmp_path / "vars.json").write_text('{"c": [3]}')
    found = parse_extra_vars([f"@{tmp_path}/vars.yml", f"@{tmp_path}/vars.json"])
    variables = Variables(over=[found.values])
    assert [variables.value(name) for name in "abc"] == [2, 2, [3]]
    assert found.typed_by_hand == frozenset() and found.texts == frozenset()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("weights", f"-e: 'weights' sets no variable. {_FORMS}"),
        ("weights-source=x", f"-e: 'weights-source' is no name of a variable. {_FORMS}"),
        ("", f"-e: '' sets no variable. {_FORMS}"),
        ('{"a": 1', "-e:1:1: this '{' has no '}'"),
        ('{"a": 1, "a": 2}', "-e:1:10: 'a' is here a second time. The first is in line 1."),
        ("@none.yml", "none.yml: there is no such file"),
    ],
)
def test_what_is_no_variable_is_said(option: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_extra_vars([option])
    assert str(caught.value) == message


def test_name_equals_value_takes_the_type_of_the_plays_own_variable(tmp_path: Path) -> None:
    text = """\
- hosts: all
  vars: {flag: true, count: 1, share: 0.5, folders: [/a], text: x, nothing: , rendered: "{{ text }}"}
  verify: [{generate: {prompt: "{{ flag }}{{ count }}{{ share }}{{ folders }}{{ nothing }}{{ rendered }}"}}]
"""
    extra = parse_extra_vars(["flag=no", "count=7", "share=2", "folders=/b,/c", "text=true", "nothing=3", "rendered=4"])
    assert load(tmp_path, text, extra).plays[0].extra == {
        "flag": False,
        "count": 7,
        "share": 2.0,
        "folders": ["/b", "/c"],
        "text": "true",
        "nothing": "3",
        "rendered": "4",
    }
