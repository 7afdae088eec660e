from __future__ import annotations

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Layer, Variables, layer_of
from autoglm_fix.authored.yaml_source import YamlMapping, YamlScalar, parse_yaml


def layer(text: str) -> Layer:
    node = parse_yaml(text, "f.yml", [])
    assert isinstance(node, YamlMapping)
    return layer_of(node)


def test_later_layers_outrank_earlier_ones_and_over_outranks_all() -> None:
    variables = Variables([{"a": 1, "b": 1, "c": 1}, {"b": 2, "c": 2}], over=[{"c": 3}])
    assert [variables.value(name) for name in "abc"] == [1, 2, 3]
    inner = variables.with_layer({"a": 4, "c": 4})
    assert [inner.value(name) for name in "abc"] == [4, 2, 3]


def test_variables_are_rendered_where_they_are_used() -> None:
    play = layer("root: /models\nmodel: '{{ root }}/{{ name }}'\nboth: ['{{ model }}', {x: '{{ number }}'}]")
    variables = Variables([play, {"name": "AutoGLM", "number": 3}])
    assert variables.value("both") == ["/models/AutoGLM", {"x": 3}]
    assert variables.with_layer({"root": "/mnt"}).value("model") == "/mnt/AutoGLM"


def test_plain_values_are_never_templates() -> None:
    variables = Variables([layer("a: '{{ told }}'"), {"told": "{{ secret }}", "secret": "x"}])
    assert variables.value("a") == "{{ secret }}"
    assert variables.render("{{ secret }}") == "{{ secret }}"


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("a: 'x{{ b }}'", "a", "f.yml:1:4: cannot evaluate 'x{{ b }}': 'b' is undefined"),
        ("a: '{{ b }}'\nb: '{{ c }}'\nc: '{{ a }}'", "a", "f.yml:3:8: a variable refers to itself: a -> b -> c -> a"),
        ("a: '{{ a }}'", "a", "f.yml:1:8: a variable refers to itself: a -> a"),
        ("a: '{{ x | nope }}'", "a", "f.yml:1:12: there is no filter 'nope'"),
    ],
)
def test_what_cannot_be_rendered_is_named_at_its_template(text: str, name: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        Variables([layer(text)]).value(name)
    assert str(caught.value) == message


def test_a_condition_is_true_or_false_and_nothing_else() -> None:
    text = layer("one: a == 1\ntwo: a > 1\nbool: true\ntext: b\nnumber: a")
    variables = Variables([{"a": 1, "b": "false"}])

    def holds(name: str) -> bool:
        scalar = text[name]
        assert isinstance(scalar, YamlScalar)
        return variables.test(scalar)

    assert [holds("one"), holds("two"), holds("bool")] == [True, False, True]
    for name, place in (("text", "4:7"), ("number", "5:9")):
        with pytest.raises(BadInput, match=f"f.yml:{place}: '[ab]' is neither true nor false. Compare it"):
            holds(name)


def test_the_names_behind_a_value_are_those_of_its_variables_too() -> None:
    variables = Variables([layer("a: '{{ b }} {{ c }}'\nb: '{{ d | default(1) }}'\nc: 1\nz: '{{ y }}'")])
    assert variables.names_behind(variables.authored("a")) == {"b", "c", "d"}
