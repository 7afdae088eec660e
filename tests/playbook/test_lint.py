from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from autoglm_fix.agent.changes import Change
from autoglm_fix.diagnostics import Finding, Signature, codes
from autoglm_fix.fixes import Fix
from autoglm_fix.playbook import Vocabulary
from autoglm_fix.playbook.lint import lint

from .vocabulary import VOCABULARY


def _said(folder: Path, text: str, outside: frozenset[str] | None = frozenset()) -> list[str]:
    (folder / "p.yml").write_text(text)
    remarks = lint(folder / "p.yml", VOCABULARY, outside=outside)
    return [str(remark).removeprefix(f"{folder}/p.yml:") for remark in remarks]


def test_what_is_likely_not_meant_is_a_warning(tmp_path: Path) -> None:
    text = """\
- hosts: all
  vars: {used: 1, unused: 2, found: 3}
  steps:
    - name: same
      diagnose: {weights: {depth: "{{ used }}"}}
      vars: {alone: 1}
      register: nobody
    - name: same
      diagnose: weights
      register: found
      fix: [mend, fetch_weights, fetch_weights]
    - {name: third, diagnose: weights, when: found.status == "fixed"}
"""
    assert _said(tmp_path, text) == [
        "1:3: warning: this play has no name. Say what is wrong where it helps. [play-name]",
        "1:3: warning: this play repairs, and proves nothing. End it with 'verify: [generate]'. [no-proof]",
        "2:19: warning: nothing uses the variable 'unused' [unused-variable]",
        "6:14: warning: nothing uses the variable 'alone' [unused-variable]",
        "7:7: warning: nothing uses the result 'nobody' [unused-result]",
        "8:7: warning: a second step is named 'same'. The first is in line 4; --start-at means that one. [step-name]",
        "8:7: warning: the result 'found' hides the variable of the same name [hidden-variable]",
        "11:13: warning: the fix 'mend' cures nothing that 'weights' finds [cures-nothing]",
        "11:34: warning: the fix 'fetch_weights' is here a second time [fix-twice]",
    ]


def test_mistakes_are_errors_and_do_not_hide_warnings(tmp_path: Path) -> None:
    text = "- {hosts: all, vars: {a: 1}, verify: [generat]}"
    assert _said(tmp_path, text) == [
        "1:3: warning: this play has no name. Say what is wrong where it helps. [play-name]",
        "1:23: warning: nothing uses the variable 'a' [unused-variable]",
        "1:39: error: unknown proof 'generat'. Did you mean 'generate'? [valid]",
    ]


def test_a_name_that_only_an_inventory_can_define_is_a_warning_without_one(tmp_path: Path) -> None:
    text = "- {name: x, hosts: all, verify: [generate: {prompt: '{{ asked }}'}]}"
    said = "undefined variable 'asked'. Set it under 'vars', in the inventory, or with -e."
    assert _said(tmp_path, text, None) == [f"1:57: warning: {said} [from-outside]"]
    assert _said(tmp_path, text) == [f"1:57: error: {said} [valid]"]
    assert _said(tmp_path, text, frozenset({"asked"})) == []


def test_a_good_playbook_needs_no_words(tmp_path: Path) -> None:
    text = "- {name: x, hosts: all, steps: [{diagnose: tokenizer, fix: mend}], verify: [generate]}"
    assert _said(tmp_path, text) == []


def test_a_fix_of_a_family_cures_what_any_of_it_says(tmp_path: Path) -> None:
    class Bad(Finding, frozen=True, kw_only=True):
        """A base has no code of its own."""

    class Torn(Bad, frozen=True, kw_only=True):
        code = "weights.torn"

    def sew(finding: Bad) -> Iterator[Change]:
        """All is mended."""
        yield from ()

    fixes = {"sew": Fix("sew", (Bad,), sew, Signature({}, {}), "")}
    (tmp_path / "p.yml").write_text(
        "- name: x\n  hosts: all\n  verify: [generate]\n  steps:\n"
        "    - {name: one, diagnose: weights, fix: sew}\n    - {name: two, diagnose: tokenizer, fix: sew}\n"
    )
    remarks = lint(tmp_path / "p.yml", Vocabulary(VOCABULARY.diagnostics, fixes), outside=frozenset())
    assert [remark.rule for remark in remarks] == ["cures-nothing"]
    assert "'tokenizer'" in str(remarks[0])
    assert codes(Bad) == codes(Torn) == {"weights.torn"}
