from __future__ import annotations

from pathlib import Path

from autoglm_fix.playbook import load_playbook

from .vocabulary import VOCABULARY, load, said, step

WHOLE = """\
- name: The model gives no output
  hosts: [gpu, "!gpu09"]
  serial: [1, 25%]
  max_fail_percentage: 10
  any_errors_fatal: true
  on_failure: rollback
  tags: model
  allow: kill
  deny: [restart]
  vars: {source: /mnt}
  steps:
    - name: The weights are there
      diagnose: {weights: {deep: true}}
      fix:
        - remap_path: {search: [/data]}
        - fetch_weights: {from: "{{ source }}"}
      when: [service.engine != "ollama", true]
      loop: [1, 2]
      loop_control: {loop_var: number, index_var: at, label: "no. {{ number }}"}
      register: found
      tags: [weights, "files,slow"]
      vars: {a: 1}
      ignore_errors: true
      no_log: true
      timeout: 120
      until: found.status == "healthy"
      retries: 2
      delay: 0.5
      act_on: warning
      allow: [recreate, command]
      deny: kill
    - diagnose: tokenizer
      fix: mend
  verify:
    - generate: {prompt: 你好}
      name: It answers
      when: service.engine == "vllm"
    - generate
"""


def test_every_keyword_is_read(tmp_path: Path) -> None:
    playbook = load(tmp_path, WHOLE)
    assert playbook.path == tmp_path / "p.yml"
    (play,) = playbook.plays
    assert (play.name, play.on_failure, play.any_errors_fatal) == ("The model gives no output", "rollback", True)
    assert (play.tags, play.folder, play.position.line) == (("model",), tmp_path, 1)
    weights, tokenizer = play.steps
    assert (weights.name, weights.register, weights.act_on) == ("The weights are there", "found", "warning")
    assert weights.diagnose.target is VOCABULARY.diagnostics["weights"]
    assert [call.name for call in weights.fixes] == ["remap_path", "fetch_weights"]
    assert weights.tags == ("model", "weights", "files", "slow")
    assert weights.allow == {"kill", "recreate", "command"} and weights.deny == {"restart", "kill"}
    assert (weights.ignore_errors, weights.no_log, weights.any_errors_fatal, weights.repeats) == (
        True,
        True,
        True,
        True,
    )
    assert (weights.loop_control.loop_var, weights.loop_control.index_var) == ("number", "at")
    assert len(weights.when) == 2 and len(weights.until) == 1
    assert (tokenizer.name, tokenizer.tags, tokenizer.repeats) == ("The tokenizer is whole.", ("model",), False)
    assert [(verify.kind, verify.name) for verify in play.verify] == [
        ("generate", "It answers"),
        ("generate", "The service generates text, on the GPU, with the right weights."),
    ]


def test_a_step_waits_for_the_results_that_it_refers_to_and_no_others(tmp_path: Path) -> None:
    text = """\
- hosts: all
  vars: {known: "{{ service.model }}", told: "{{ first.status }}"}
  steps:
    - {diagnose: weights, register: first}
    - {diagnose: weights, when: known == "x", register: second}
    - {diagnose: weights, when: told == "fixed", register: third}
    - {diagnose: weights, fix: {fetch_weights: {from: "{{ third.name }}"}}}
    - {diagnose: weights, loop: "{{ second.findings | default([]) }}", vars: {x: "{{ first }}"}}
    - {diagnose: weights, register: own, until: own.status == "healthy" and first.status == "fixed"}
"""
    steps = load(tmp_path, text).plays[0].steps
    assert [sorted(step.waits_for) for step in steps] == [[], [], ["first"], ["third"], ["first", "second"], []]
    assert [step.level for step in steps] == [0, 0, 1, 2, 1, 0]


def test_files_of_variables_outrank_the_plays_own(tmp_path: Path) -> None:
    (tmp_path / "one.yml").write_text("a: 1\nb: 1\n")
    (tmp_path / "two.yml").write_text("b: 2\n")
    (tmp_path / "empty.yml").write_text("# nothing yet\n")
    text = "- {hosts: all, vars: {a: 0, c: 0}, vars_files: [one.yml, two.yml, empty.yml], verify: [generate]}"
    (play,) = load(tmp_path, text).plays
    assert {name: getattr(value, "value", None) for name, value in play.vars.items()} == {"a": 1, "b": 2, "c": 0}


def test_names_of_the_inventory_are_no_mistake_where_it_is_known_or_nobody_knows(tmp_path: Path) -> None:
    text = step("fix: {fetch_weights: {from: '{{ mirror }}'}}")
    assert said(tmp_path, text)
    assert load(tmp_path, text, outside=frozenset({"mirror"}))
    assert load_playbook(tmp_path / "p.yml", VOCABULARY, outside=None)


def test_anchors_and_merge_keys_share_what_steps_have_in_common(tmp_path: Path) -> None:
    text = """\
- hosts: all
  steps:
    - &common {diagnose: {weights: {deep: true}}, timeout: 5, name: one}
    - {<<: *common, name: two}
"""
    one, two = load(tmp_path, text).plays[0].steps
    assert (one.name, two.name) == ("one", "two") and two.diagnose.name == one.diagnose.name == "weights"


def test_a_proof_sees_no_results_of_steps(tmp_path: Path) -> None:
    text = (
        "- {hosts: all, steps: [{diagnose: weights, register: found}], verify: [{generate: , when: found is defined}]}"
    )
    assert said(tmp_path, text) == []
    text = text.replace("found is defined", "found.status == 'x'")
    assert said(tmp_path, text) == ["p.yml:1:91: 'found' is the result of a step, and a proof sees none"]
