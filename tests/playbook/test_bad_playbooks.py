"""Every way to get a playbook wrong, with the exact words and place. One row is one mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.playbook import load_playbook, parse_extra_vars

from .vocabulary import VOCABULARY, said, step

_DEFINE = "Set it under 'vars', in the inventory, or with -e."
_SHAPE = "A playbook is a list of plays: begin each with '- name:' and 'hosts:'."

PLAYS = [
    ("", f"p.yml:1:1: the playbook is empty. {_SHAPE}"),
    ("[]", f"p.yml:1:1: the playbook has no plays. {_SHAPE}"),
    ("hosts: all", f"p.yml:1:1: a playbook is a list of plays. {_SHAPE}"),
    ("all: {hosts: }", "p.yml:1:1: a playbook is a list of plays. This looks like an inventory: give it with -i."),
    ("- just text", f"p.yml:1:3: a play is a mapping of keywords. {_SHAPE}"),
    ("- hosts: all", "p.yml:1:3: a play needs 'steps' or 'verify'"),
    (
        "- verify: [generate]",
        "p.yml:1:3: a play needs 'hosts'. The hosts, as a pattern: all, a group, a:b:!c, globs, ranges.",
    ),
    ("- {hosts: all, steps: []}", "p.yml:1:16: 'steps' is empty"),
    ("- {hosts: all, steps: {a: 1}}", "p.yml:1:23: 'steps' holds a list of steps. Begin each with '- '."),
    (
        "- {hosts: all, tasks: 1, verify: [generate]}",
        "p.yml:1:16: a play has no keyword 'tasks'. Here they are called 'steps'.",
    ),
    (
        "- {hosts: all, gather_facts: no, verify: [generate]}",
        "p.yml:1:16: a play has no keyword 'gather_facts'. Facts are collected as steps need them: leave this out.",
    ),
    (
        "- {hosts: all, seriel: 1, verify: [generate]}",
        "p.yml:1:16: a play has no keyword 'seriel'. Did you mean 'serial'?",
    ),
    (
        "- {hosts: 3, verify: [generate]}",
        "p.yml:1:11: 'hosts' takes text or a list of text, not 3. Put quotes around it.",
    ),
    (
        "- {hosts: all, serial: 101%, verify: [generate]}",
        "p.yml:1:24: 'serial' takes a whole number not below 1, a percentage such as 25% or a list of values, "
        "not the text '101%'",
    ),
    (
        "- {hosts: all, serial: [1, 0], verify: [generate]}",
        "p.yml:1:28: 'serial' takes a whole number not below 1 or a percentage such as 25%, not 0",
    ),
    (
        "- {hosts: all, max_fail_percentage: 120, verify: [generate]}",
        "p.yml:1:37: 'max_fail_percentage' takes a number from 0 to 100, not 120",
    ),
    (
        "- {hosts: all, max_unavailable: 0, verify: [generate]}",
        "p.yml:1:33: 'max_unavailable' takes a whole number not below 1 or a percentage such as 25%, not 0",
    ),
    (
        "- {hosts: all, max_loading: 10%, verify: [generate]}",
        "p.yml:1:29: 'max_loading' takes a whole number not below 1, not the text '10%'",
    ),
    (
        "- {hosts: all, on_failure: rolback, verify: [generate]}",
        "p.yml:1:28: 'on_failure' takes one of keep, rollback, not the text 'rolback'. Did you mean 'rollback'?",
    ),
    (
        "- {hosts: all, allow: [kil], verify: [generate]}",
        "p.yml:1:24: 'allow' takes one of command, daemon-reload, end-session, kill, recreate, not the text 'kil'. "
        "Did you mean 'kill'?",
    ),
    (
        "- {hosts: all, become_method: pbrun, verify: [generate]}",
        "p.yml:1:31: 'become_method' takes one of doas, su, sudo, not the text 'pbrun'",
    ),
    ("- {hosts: all, handlers: [], verify: [generate]}", "p.yml:1:16: 'handlers' is not available in this version"),
    ("- {hosts: all, vars: [a], verify: [generate]}", "p.yml:1:22: 'vars' holds a mapping of names and values"),
    (
        "- {hosts: all, vars: {a-b: 1}, verify: [generate]}",
        "p.yml:1:23: 'a-b' is no name of a variable. Use letters, digits and _, and no digit first.",
    ),
    (
        "- {hosts: all, vars: {service: 1}, verify: [generate]}",
        "p.yml:1:23: 'service' is set by the inventory. Declare services in the inventory, or with -e.",
    ),
    (
        "- {hosts: all, vars: {a: 1, a: 2}, verify: [generate]}",
        "p.yml:1:29: 'a' is here a second time. The first is in line 1.",
    ),
    ("- {hosts: all, vars_files: none.yml, verify: [generate]}", "p.yml:1:28: 'none.yml': there is no such file"),
    ("- {hosts: all, vars_files: ['{{ groups }}'], verify: [generate]}", "p.yml:1:29: 'vars_files' takes no templates"),
    ("- {hosts: all, verify: {generate: {}}}", "p.yml:1:24: 'verify' holds a list of proofs. Begin each with '- '."),
    ("- {hosts: all, verify: [generat]}", "p.yml:1:25: unknown proof 'generat'. Did you mean 'generate'?"),
    (
        "- {hosts: all, verify: [generate: {max_tokens: 5}]}",
        "p.yml:1:36: 'generate' has no option 'max_tokens'. Did you mean 'max_new_tokens'?",
    ),
    (
        "- {hosts: all, verify: [generate: {require_gpu: maybe}]}",
        "p.yml:1:49: 'require_gpu' of 'generate' takes true or false, not the text 'maybe'",
    ),
    (
        "- {hosts: all, verify: [generate: {timeout: '{{ x }}'}]}",
        f"p.yml:1:49: undefined variable 'x'. {_DEFINE}",
    ),
]

STEPS = [
    ("diagnos: weights", "p.yml:4:7: a step has no keyword 'diagnos'. Did you mean 'diagnose'?"),
    (
        "register: a-b",
        "p.yml:4:17: 'register' takes a name of letters, digits and _ that begins with no digit, not the text 'a-b'",
    ),
    ("register: service", "p.yml:4:7: 'service' is set by the inventory"),
    ("timeout: 0", "p.yml:4:16: 'timeout' takes a number above 0, not 0"),
    ("timeout: soon", "p.yml:4:16: 'timeout' takes a number above 0, not the text 'soon'"),
    ("retries: 1.5", "p.yml:4:16: 'retries' takes a whole number not below 0, not 1.5"),
    ("act_on: info", "p.yml:4:15: 'act_on' takes one of error, warning, not the text 'info'"),
    (
        "ignore_errors: 'yes'",
        "p.yml:4:22: 'ignore_errors' takes true or false, not the text 'yes'. Write it without quotes.",
    ),
    ("ignore_errors: '{{ groups }}'", "p.yml:4:22: 'ignore_errors' takes no templates"),
    ("notify: x", "p.yml:4:7: 'notify' is not available in this version"),
    ("run_once: maybe", "p.yml:4:17: 'run_once' takes true or false, not the text 'maybe'"),
    ("throttle: -1", "p.yml:4:17: 'throttle' takes a whole number not below 0, not -1"),
    ("become_user: 3", "p.yml:4:20: 'become_user' takes text, not 3. Put quotes around it."),
    ("when: [a: 1]", "p.yml:4:14: 'when' takes an expression, or a list of expressions"),
    ("when: 3", "p.yml:4:13: 'when' takes an expression, or a list of expressions"),
    (
        "when: '{{ x }}'",
        "p.yml:4:13: braces in an expression. It is an expression already: write it without the braces.",
    ),
    ("when: service.engine = 'vllm'", "p.yml:4:13: not a valid expression: unexpected '='"),
    ("when: service.engin == 'vllm'", "p.yml:4:21: a service has no key 'engin'. Did you mean 'engine'?"),
    ("when: later.status == 'fixed'", f"p.yml:4:13: undefined variable 'later'. {_DEFINE}"),
    ("when: service.engine | lowr == 'vllm'", "p.yml:4:30: there is no filter 'lowr'. Did you mean 'lower'?"),
    ("loop: 3", "p.yml:4:13: 'loop' takes a list, or a template that gives one"),
    ("loop: {a: 1}", "p.yml:4:13: 'loop' takes a list, or a template that gives one"),
    ("loop_control: {loop_var: x}", "p.yml:4:7: 'loop_control' without a 'loop'"),
    (
        "loop: [1]\nloop_control: {lop_var: x}",
        "p.yml:5:22: 'loop_control' has no keyword 'lop_var'. Did you mean 'loop_var'?",
    ),
    ("fix: remap", "p.yml:4:12: unknown fix 'remap'. Did you mean 'remap_path'?"),
    ("fix: zzz", "p.yml:4:12: unknown fix 'zzz'. The fixes are: fetch_weights, mend, remap_path."),
    ("fix: remap_path", "p.yml:4:12: the fix 'remap_path' needs the option 'search'"),
    ("fix: {remap_path: {search: /a}}", "p.yml:4:34: 'search' of 'remap_path' takes a list of text, not the text '/a'"),
    (
        "fix: {remap_path: {search: [/a, 3]}}",
        "p.yml:4:39: 'search' of 'remap_path' takes text, not 3. Put quotes around it.",
    ),
    (
        "fix: {remap_path: {search: [/a], mode: lnk}}",
        "p.yml:4:46: 'mode' of 'remap_path' takes one of copy, link, not the text 'lnk'. Did you mean 'link'?",
    ),
    ("fix: {fetch_weights: {from_: x}}", "p.yml:4:29: 'fetch_weights' has no option 'from_'. Did you mean 'from'?"),
    ("fix: {mend: {hard: true}}", "p.yml:4:20: 'mend' has no option 'hard'. There are no options of 'mend'."),
    ("fix: {mend: hard}", "p.yml:4:19: the options of 'mend' are a mapping"),
    ("fix: {mend: , fetch_weights: }", "p.yml:4:12: one fix is named here, not 'mend', 'fetch_weights'"),
    ("fix: [[mend]]", "p.yml:4:13: one fix is named here. Write NAME, or NAME: {option: value}."),
    ("fix: {command: {argv: [a]}}", "p.yml:4:13: the fix 'command' is not available in this version"),
    ("fix: {fetch_weights: {from: '{{ mirror }}'}}", f"p.yml:4:39: undefined variable 'mirror'. {_DEFINE}"),
    (
        "vars: {source: x}\nfix: {fetch_weights: {from: '{{ sorce }}'}}",
        "p.yml:5:39: undefined variable 'sorce'. Did you mean 'source'?",
    ),
    (
        "vars: {source: [x]}\nfix: {fetch_weights: {from: '{{ source }}'}}",
        "p.yml:5:35: 'from' of 'fetch_weights' takes text, not a list. It came from '{{ source }}'.",
    ),
    (
        "vars: {a: '{{ b }}', b: '{{ a }}'}\nfix: {fetch_weights: {from: '{{ a }}'}}",
        "p.yml:4:35: a variable refers to itself: a -> b -> a",
    ),
    (
        "loop: [1, x]\nfix: {fetch_weights: {from: '{{ item }}'}}",
        "p.yml:5:35: 'from' of 'fetch_weights' takes text, not 1. It came from '{{ item }}'.",
    ),
]


@pytest.mark.parametrize(("text", "message"), PLAYS)
def test_a_play_that_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert said(tmp_path, text) == [message]


@pytest.mark.parametrize(("text", "message"), STEPS)
def test_a_step_that_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert said(tmp_path, step(text)) == [message]


@pytest.mark.parametrize(
    ("diagnose", "message"),
    [
        ("wieghts", "p.yml:3:17: unknown diagnostic 'wieghts'. Did you mean 'weights'?"),
        ("{wieghts: {deep: true}}", "p.yml:3:18: unknown diagnostic 'wieghts'. Did you mean 'weights'?"),
        ("zzz", "p.yml:3:17: unknown diagnostic 'zzz'. The diagnostics are: tokenizer, weights."),
        ("[weights]", "p.yml:3:17: one diagnostic is named here. Write NAME, or NAME: {option: value}."),
        ("{weights: {deep: 1}}", "p.yml:3:34: 'deep' of 'weights' takes true or false, not 1"),
        ("{config_value: {}}", "p.yml:3:18: the diagnostic 'config_value' is not available in this version"),
        ("", "p.yml:3:7: a step needs 'diagnose'. One diagnostic, with its options."),
    ],
)
def test_a_diagnostic_that_is_wrong_is_named_with_its_place(tmp_path: Path, diagnose: str, message: str) -> None:
    assert said(tmp_path, f"- hosts: all\n  steps:\n    - diagnose: {diagnose}\n") == [message]


def test_a_step_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    message = "p.yml:3:7: a step is a mapping of keywords. Begin it with '- name:' and 'diagnose:'."
    assert said(tmp_path, "- hosts: all\n  steps:\n    - weights\n") == [message]


def test_a_result_is_known_after_its_step_and_not_before(tmp_path: Path) -> None:
    text = """\
- hosts: all
  steps:
    - {diagnose: weights, when: second.status == "fixed"}
    - {diagnose: weights, register: second, until: second.status == "healthy"}
    - {diagnose: weights, when: second.status == "fixed"}
"""
    assert said(tmp_path, text) == ["p.yml:3:33: 'second' is registered by a later step only"]


def test_everything_that_is_wrong_is_said_at_once_and_in_order(tmp_path: Path) -> None:
    text = """\
- name: two plays, seven mistakes
  hosts: all
  vars: {a: "{{ nowhere }}", 1: x}
  steps:
    - diagnose: {wieghts: {}}
      register: found
      become: true
    - diagnose: {weights: {deep: "{{ found.deep }}", depth: x}}
      fix: [{remap_path: {search: a}}, nothing]
      when: found.status == 'fixed' and
- hosts: all
"""
    assert said(tmp_path, text) == [
        f"p.yml:3:17: undefined variable 'nowhere'. {_DEFINE}",
        "p.yml:3:30: the key '1' means a number in YAML. Put quotes around it: \"1\".",
        "p.yml:5:18: unknown diagnostic 'wieghts'. Did you mean 'weights'?",
        "p.yml:7:7: 'become' differs from the play's. "
        "One process serves a host for the whole run: say it once, at the play.",
        "p.yml:8:61: 'depth' of 'weights' takes a whole number, not the text 'x'",
        "p.yml:9:35: 'search' of 'remap_path' takes a list of text, not the text 'a'",
        "p.yml:9:40: unknown fix 'nothing'. The fixes are: fetch_weights, mend, remap_path.",
        "p.yml:10:13: not a valid expression: unexpected 'end of template'",
        "p.yml:11:3: a play needs 'steps' or 'verify'",
    ]


def test_mistakes_of_a_file_of_variables_are_said_with_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "vars.yml").write_text("a: 1\na: 2\nfrom: [x]\n")
    text = (
        "- {hosts: all, vars_files: vars.yml, steps: [{diagnose: weights, fix: {fetch_weights: {from: '{{ form }}'}}}]}"
    )
    assert said(tmp_path, text) == [
        "p.yml:1:98: undefined variable 'form'. Did you mean 'from'?",
        "vars.yml:2:1: 'a' is here a second time. The first is in line 1.",
    ]


def test_an_extra_variable_that_nothing_uses_is_a_slip(tmp_path: Path) -> None:
    text = "- {hosts: all, vars: {require_gpu: true}, verify: [generate: {require_gpu: '{{ require_gpu }}'}]}"
    assert said(tmp_path, text, parse_extra_vars(["reqire_gpu=no"])) == [
        "-e: nothing uses the variable 'reqire_gpu'. Did you mean 'require_gpu'?"
    ]
    assert said(tmp_path, text, parse_extra_vars(["require_gpu=perhaps"])) == [
        "-e: 'require_gpu' is true or false in the playbook, not 'perhaps'"
    ]
    assert said(tmp_path, text, parse_extra_vars(["ansible_user=ops", '{"service": {}}', "require_gpu=no"])) == []


def test_a_playbook_that_is_not_there_or_unreadable_is_one_problem(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "none.yml", "there is no such file"), (tmp_path, "this is a folder, not a file")):
        with pytest.raises(BadInput) as caught:
            load_playbook(path, VOCABULARY)
        assert str(caught.value) == f"{path}: {message}"
