from __future__ import annotations

import pytest

from autoglm_fix.authored.templating import CannotEvaluate, mistakes_at, template, templates_in
from autoglm_fix.authored.yaml_source import Value, parse_yaml

KNOWN: dict[str, Value] = {
    "path": "/models/x",
    "many": ["b", "a"],
    "on": True,
    "n": 3,
    "nothing": None,
    "host": {"says": "{{ n }}", "deep": {"er": 1}},
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ many }}", ["b", "a"]),
        ("{{ n }}", 3),
        ("{{ n + 0.5 }}", 3.5),
        ("{{ not on }}", False),
        ("{{ nothing }}", None),
        ("{{ host.deep }}", {"er": 1}),
        ("{{ many | sort }}", ["a", "b"]),
        ("{{ many | map('upper') }}", ["B", "A"]),
        ("{{ (1, 2) }}", [1, 2]),
        ("{{ absent | default('x') }}", "x"),
        ("{{ absent is defined }}", False),
        ("{{ path | basename }}", "x"),
        ("{{ path | dirname }}", "/models"),
        ("{{ 'no' | bool }}", False),
        ("{{ on | ternary('a', 'b') }}", "a"),
        ("{{ many | to_json }}", '["b", "a"]'),
        ("{{- n -}}", 3),
    ],
)
def test_one_expression_keeps_its_type(source: str, value: Value) -> None:
    result = template(source).evaluate(KNOWN)
    assert result == value and type(result) is type(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ n }} ", "3 "),
        ("{{ path }}/{{ n }}", "/models/x/3"),
        ("{% if on %}yes{% else %}no{% endif %}", "yes"),
        ("[{{ n }}, {{ n }}]\n", "[3, 3]\n"),
        ("{{ on }}{# a comment #}", "True"),
    ],
)
def test_any_other_text_renders_to_text_that_is_never_parsed(source: str, text: str) -> None:
    assert template(source).evaluate(KNOWN) == text


def test_what_a_host_said_is_a_value_and_no_template() -> None:
    assert template("{{ host.says }}").evaluate(KNOWN) == "{{ n }}"
    assert template("<{{ host.says }}>").evaluate(KNOWN) == "<{{ n }}>"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ absent }}", "'absent' is undefined"),
        ("{{ [absent] }}", "'absent' is undefined"),
        ("{{ host.absent }}", "no attribute 'absent'"),
        ("{{ n.__class__.__mro__ }}", "unsafe"),
        ("{{ many.append('x') }}", "unsafe"),
        ("{{ range(1000000) | list }}", "Range too big"),
        ("{{ n / 0 }}", "division by zero"),
        ("{{ 'abc' + n }}", "can only concatenate"),
        ("{{ range }}", "is no value"),
        ("{{ path | bool }}", "neither true nor false"),
    ],
)
def test_what_has_no_value_says_why(source: str, reason: str) -> None:
    with pytest.raises(CannotEvaluate, match=reason):
        template(source).evaluate(KNOWN)


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("a: '{{ ok }} {{ x y }}'", "f:1:14"),
        ("a: |\n  fine {{ ok }}\n  {{ x | }}\n", "f:3:3"),
        ("a: {b: ['{{ ok }}', '{{ 1 + }}']}", "f:1:21"),
        ("a: '{{ unclosed'", "f:1:4"),
        ("a: 'x {% for i in x %}'", "f:1:7"),
        ('a: "tab\\t{{ x y }}"', "f:1:10"),
    ],
)
def test_a_mistake_of_syntax_points_at_its_own_braces(written: str, place: str) -> None:
    (problem,) = _problems(written)
    assert problem.startswith(f"{place}: not a valid template: ")


def test_unknown_filters_and_tests_are_all_named() -> None:
    assert _problems("a: '{{ x | defalt(1) }} {{ y is defned }} {{ z | b64decode }}'") == [
        "f:1:12: there is no filter 'defalt'. Did you mean 'default'?",
        "f:1:33: there is no test 'defned'. Did you mean 'defined'?",
        "f:1:50: there is no filter 'b64decode'",
    ]


def test_a_template_includes_no_files_and_nothing_is_left_to_chance() -> None:
    assert _problems("a: \"{% include '/etc/passwd' %}\"") == ["f:1:4: a template cannot include other files"]
    assert _problems("a: '{{ x | random }}'") == ["f:1:12: there is no filter 'random'"]


def test_names_that_may_be_undefined_are_told_apart() -> None:
    found = template("{{ a | default(b) }} {% if c is defined %}{{ c.d }}{% endif %} {{ e['f'] }} {{ range(2) }}")
    assert found.names == {"a", "b", "c", "e"}
    assert found.guarded == {"a", "c"}
    assert found.attributes == {("c", "d"), ("e", "f")}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ x }}", "braces in an expression"),
        ("x and", "not a valid expression: unexpected 'end of template'"),
        ("x y", "not a valid expression: unexpected 'y'"),
        ("", "not a valid expression: unexpected 'end of template'"),
        ("x | nope", "there is no filter 'nope'"),
    ],
)
def test_bare_expressions_are_one_expression_without_braces(source: str, message: str) -> None:
    assert [mistake.message for mistake in template(source, bare=True).mistakes] == [message]


def _problems(written: str) -> list[str]:
    node = parse_yaml(written, "f", [])
    assert node is not None
    return sorted(str(problem) for scalar, found in templates_in(node) for problem in mistakes_at(scalar, found))
