from __future__ import annotations

from pathlib import Path

from autoglm_fix.authored.variables import Variables
from autoglm_fix.authored.yaml_source import Value
from autoglm_fix.playbook import Play, check_hosts, check_play, play_variables

from .vocabulary import load, step

OUTSIDE = frozenset({"source", "folders", "limit"})


def _variables(play: Play, **inventory: Value) -> Variables:
    return play_variables(play, inventory, {"service": {"engine": "vllm"}})


def _said(play: Play, **inventory: Value) -> list[str]:
    return [
        f"{problem.line}:{problem.column}: {problem.message}"
        for problem in check_play(play, _variables(play, **inventory))
    ]


def test_all_that_can_be_told_before_a_host_is_touched_is_told(tmp_path: Path) -> None:
    text = """\
- hosts: all
  steps:
    - diagnose: {weights: {depth: "{{ limit }}"}}
      register: found
      timeout: "{{ limit }}"
      fix: [{remap_path: {search: "{{ folders }}"}}, {fetch_weights: {from: "{{ source }}"}}]
    - diagnose: {weights: {depth: "{{ found.number }}", share: "{{ limit }}"}}
  verify:
    - generate: {max_new_tokens: "{{ limit }}"}
"""
    (play,) = load(tmp_path, text, outside=OUTSIDE).plays
    assert _said(play, source="x", folders=["/a"], limit=3) == []
    assert _said(play, folders="/a", limit="x") == [
        "3:35: 'depth' of 'weights' takes a whole number, not the text 'x'",
        "6:35: 'search' of 'remap_path' takes a list of text, not the text '/a'",
        "6:77: cannot evaluate '{{ source }}': 'source' is undefined",
        "5:16: 'timeout' takes a number above 0, not the text 'x'",
        "7:64: 'share' of 'weights' takes a number, not the text 'x'",
        "9:34: 'max_new_tokens' of 'generate' takes a whole number, not the text 'x'",
    ]


def test_a_step_that_is_not_done_needs_no_variables(tmp_path: Path) -> None:
    text = step("when: service.engine == 'ollama'\nfix: {fetch_weights: {from: '{{ source }}'}}")
    (play,) = load(tmp_path, text, outside=OUTSIDE).plays
    assert _said(play) == []


def test_items_of_a_loop_are_tried_where_the_list_is_known(tmp_path: Path) -> None:
    text = step("loop: '{{ folders }}'\nfix: {fetch_weights: {from: '{{ item }}'}}")
    (play,) = load(tmp_path, text, outside=OUTSIDE).plays
    assert _said(play, folders=["/a", 3, 4]) == [
        "5:35: 'from' of 'fetch_weights' takes text, not 3",
        "5:35: 'from' of 'fetch_weights' takes text, not 4",
    ]
    assert _said(play, folders="/a") == ["4:13: 'loop' takes a list, not the text '/a'"]


def test_a_mistake_of_some_hosts_names_them(tmp_path: Path) -> None:
    text = step("fix: {fetch_weights: {from: '{{ source }}'}}\ntimeout: '{{ limit }}'")
    (play,) = load(tmp_path, text, outside=OUTSIDE).plays
    each = {f"gpu{n:02}": _variables(play, limit=-1, **({} if n > 1 else {"source": "x"})) for n in range(9)}
    assert [problem.message for problem in check_hosts(play, each)] == [
        "'timeout' takes a number above 0, not -1",
        "cannot evaluate '{{ source }}': 'source' is undefined (on gpu02, gpu03, gpu04, gpu05, gpu06 and 2 more)",
    ]
