from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Variables
from autoglm_fix.authored.yaml_source import Value
from autoglm_fix.playbook import (
    Play,
    bind_play,
    bind_repeat,
    bind_step,
    bind_verify,
    check_play,
    holds,
    parse_extra_vars,
    play_variables,
    ruled_out,
)

from .vocabulary import load, step

SERVICE: dict[str, Value] = {"engine": "vllm", "model": "/models/x"}


def _play(folder: Path, text: str, *extra: str, outside: frozenset[str] = frozenset()) -> Play:
    return load(folder, text, parse_extra_vars(extra), outside).plays[0]


def _variables(play: Play, **inventory: Value) -> Variables:
    return play_variables(play, inventory, {"service": SERVICE, "inventory_hostname": "gpu01"})


def test_options_are_of_the_types_that_the_signature_names(tmp_path: Path) -> None:
    text = """\
- hosts: all
  vars: {folders: [/a, "{{ service.model }}"], share: 1}
  steps:
    - diagnose: {weights: {deep: "{{ not false }}", share: "{{ share }}"}}
      fix:
        - remap_path: {search: "{{ folders }}"}
        - fetch_weights: {from: "/mnt/{{ inventory_hostname }}"}
"""
    play = _play(tmp_path, text)
    (bound,) = bind_step(play.steps[0], _variables(play))
    assert bound.diagnose.options == {"deep": True, "depth": 1, "share": 1.0}
    assert isinstance(bound.diagnose.options["share"], float)
    assert [dict(call.options) for call in bound.fixes] == [
        {"search": ["/a", "/models/x"], "mode": "link"},
        {"from_": "/mnt/gpu01"},
    ]
    assert (bound.timeout_s, bound.item, bound.label) == (None, None, None)


def test_variables_rank_as_in_ansible(tmp_path: Path) -> None:
    text = """\
- hosts: all
  vars: {b: play, c: play, d: play}
  steps:
    - diagnose: weights
      vars: {c: step, d: step}
      fix: {fetch_weights: {from: "{{ a }} {{ b }} {{ c }} {{ d }}"}}
"""
    play = _play(tmp_path, text, "d=extra", outside=frozenset({"a"}))
    (bound,) = bind_step(play.steps[0], _variables(play, a="inventory", b="inventory", d="inventory"))
    assert bound.fixes[0].options == {"from_": "inventory play step extra"}


def test_when_decides_and_each_item_of_a_loop_is_a_step(tmp_path: Path) -> None:
    text = step("""
loop: [/a, /b, /c]
loop_control: {loop_var: folder, index_var: number, label: "no. {{ number }}"}
when: [folder != "/b", service.engine == "vllm"]
timeout: "{{ 10 * (number + 1) }}"
fix: {remap_path: {search: ["{{ folder }}"]}}
""")
    play = _play(tmp_path, text)
    bound = bind_step(play.steps[0], _variables(play))
    assert [(each.item, each.label, each.timeout_s) for each in bound] == [("/a", "no. 0", 10.0), ("/c", "no. 2", 30.0)]
    assert [each.fixes[0].options["search"] for each in bound] == [["/a"], ["/c"]]


def test_results_of_earlier_steps_are_values_and_never_templates(tmp_path: Path) -> None:
    text = """\
- hosts: all
  steps:
    - {diagnose: weights, register: found}
    - diagnose: weights
      when: found.status == "unfixed"
      loop: "{{ found.findings | map(attribute='subject') }}"
      fix: {fetch_weights: {from: "{{ item }}"}}
"""
    play = _play(tmp_path, text)
    told: dict[str, Value] = {"status": "unfixed", "findings": [{"subject": "{{ inventory_hostname }}"}]}
    (bound,) = bind_step(play.steps[1], _variables(play).with_layer({"found": told}))
    assert bound.fixes[0].options == {"from_": "{{ inventory_hostname }}"} and bound.item == "{{ inventory_hostname }}"
    assert bind_step(play.steps[1], _variables(play).with_layer({"found": {**told, "status": "fixed"}})) == ()


def test_a_when_over_variables_is_decided_whatever_else_the_step_waits_for(tmp_path: Path) -> None:
    text = """\
- hosts: all
  steps:
    - {diagnose: weights, register: found}
    - {diagnose: weights, when: [found.status == "fixed", service.engine == "ollama"]}
    - {diagnose: weights, when: [found.status == "fixed", service.engine == "vllm"]}
    - {diagnose: weights, loop: [1], when: item == 2}
"""
    play = _play(tmp_path, text)
    assert [ruled_out(step, _variables(play)) for step in play.steps] == [False, True, False, False]


def test_a_repeated_diagnosis_has_ansibles_defaults(tmp_path: Path) -> None:
    text = """\
- hosts: all
  vars: {times: 7}
  steps:
    - {diagnose: weights}
    - {diagnose: weights, register: a, until: a.status == "healthy"}
    - {diagnose: weights, retries: "{{ times }}", delay: 0}
"""
    play = _play(tmp_path, text)
    repeats = [bind_repeat(step, _variables(play)) for step in play.steps]
    assert [(each.retries, each.delay_s) if each else None for each in repeats] == [None, (3, 5.0), (7, 0.0)]
    until = play.steps[1].until
    assert holds(until, _variables(play).with_layer({"a": {"status": "healthy"}}))
    assert not holds(until, _variables(play).with_layer({"a": {"status": "unfixed"}}))


def test_what_a_play_says_of_hosts_may_come_from_the_command_line(tmp_path: Path) -> None:
    text = "- {hosts: '{{ target | default(\"all\") }}', serial: [1, 50%], max_fail_percentage: 5, verify: [generate]}"
    play = _play(tmp_path, text)
    limits = bind_play(play, play_variables(play, {}, {}))
    assert (limits.hosts, limits.serial, limits.max_fail_percentage) == ("all", (1, "50%"), 5.0)
    play = _play(tmp_path, text, "target=gpu01")
    assert bind_play(play, play_variables(play, {}, {})).hosts == "gpu01"
    play = _play(tmp_path, "- {hosts: [a, b], serial: 30%, verify: [generate]}")
    limits = bind_play(play, play_variables(play, {}, {}))
    assert (limits.hosts, limits.serial, limits.max_fail_percentage) == (("a", "b"), ("30%",), None)


@pytest.mark.parametrize(
    ("written", "bound"),
    [
        ("", (None, None)),
        ("max_unavailable: 2, max_loading: 8,", (2, 8)),
        ("max_unavailable: 25%,", ("25%", None)),
        ("max_unavailable: '{{ out }}', max_loading: '{{ out }}', vars: {out: 3},", (3, 3)),
    ],
)
def test_how_many_may_be_out_or_load_at_once(tmp_path: Path, written: str, bound: object) -> None:
    play = _play(tmp_path, f"- {{hosts: all, {written} verify: [generate]}}")
    limits = bind_play(play, play_variables(play, {}, {}))
    assert (limits.max_unavailable, limits.max_loading) == bound


def test_a_proof_has_a_value_for_every_option_or_is_left_out(tmp_path: Path) -> None:
    text = """\
- hosts: all
  vars: {tokens: 9}
  verify:
    - generate: {max_new_tokens: "{{ tokens }}"}
      when: service.engine == "vllm"
"""
    play = _play(tmp_path, text)
    bound = bind_verify(play.verify[0], _variables(play))
    assert bound is not None
    assert bound.options == {
        "prompt": "你好",
        "max_new_tokens": 9,
        "require_gpu": True,
        "timeout": 600.0,
        "start_timeout": 1800.0,
    }
    other = play_variables(play, {}, {"service": {"engine": "ollama"}})
    assert bind_verify(play.verify[0], other) is None


def test_a_value_of_the_wrong_type_is_named_where_its_template_stands(tmp_path: Path) -> None:
    text = step("fix: {remap_path: {search: [/a, '{{ more }}']}}\ntimeout: '{{ limit }}'")
    play = _play(tmp_path, text, outside=frozenset({"more", "limit"}))
    with pytest.raises(BadInput) as caught:
        bind_step(play.steps[0], _variables(play, more=3, limit=1))
    assert str(caught.value).removeprefix(f"{tmp_path}/") == (
        "p.yml:4:39: 'search' of 'remap_path' takes text, not 3. It came from '['/a', '{{ more }}']'."
    )
    with pytest.raises(BadInput, match=r"p.yml:5:16: 'timeout' takes a number above 0, not the text 'soon'"):
        bind_step(play.steps[0], _variables(play, more="x", limit="soon"))


def test_the_folder_of_the_playbook_is_known_to_templates(tmp_path: Path) -> None:
    play = _play(tmp_path, step("fix: {fetch_weights: {from: '{{ playbook_dir }}/files'}}"))
    (bound,) = bind_step(play.steps[0], _variables(play))
    assert bound.fixes[0].options == {"from_": f"{tmp_path}/files"}


def test_a_step_with_no_log_shows_no_value_in_its_errors(tmp_path: Path) -> None:
    text = step("no_log: true\nfix: {remap_path: {search: '{{ secret }}'}}")
    play = _play(tmp_path, text, outside=frozenset({"secret"}))
    variables = _variables(play, secret="hunter2")
    hushed = "p.yml:5:34: a value is wrong, and not shown because of 'no_log'"
    with pytest.raises(BadInput) as caught:
        bind_step(play.steps[0], variables)
    said = [caught.value.problems, check_play(play, variables)]
    assert [[str(problem).removeprefix(f"{tmp_path}/") for problem in problems] for problems in said] == [[hushed]] * 2
