"""``become`` of plays and steps: read, and refused where one process could not serve both."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.playbook import load_playbook
from autoglm_fix.playbook.model import Becoming

ONE = "One process serves a host for the whole run: say it once, at the play."


def read(folder: Path, keywords: str, step: str = "diagnose: {weights: {}}") -> Becoming:
    path = folder / "p.yml"
    path.write_text(f"- hosts: all\n{keywords}  steps:\n    - {step}\n")
    return load_playbook(path).plays[0].becoming


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ("", Becoming()),
        ("  become: true\n", Becoming(True)),
        ("  become: false\n", Becoming(False)),
        ("  become: true\n  become_user: ml\n  become_method: doas\n", Becoming(True, "ml", "doas")),
        ("  become_user: ml\n", Becoming(None, "ml")),
    ],
)
def test_a_play_says_who_acts_on_its_hosts(tmp_path: Path, keywords: str, said: Becoming) -> None:
    assert read(tmp_path, keywords) == said


@pytest.mark.parametrize(
    ("keywords", "step"),
    [
        ("  become: true\n", "{diagnose: {weights: {}}, become: true}"),
        ("", "{diagnose: {weights: {}}, become: false}"),
        ("  become: true\n  become_user: ml\n", "{diagnose: {weights: {}}, become_user: ml}"),
    ],
)
def test_a_step_may_say_what_its_play_says(tmp_path: Path, keywords: str, step: str) -> None:
    read(tmp_path, keywords, step)


@pytest.mark.parametrize(
    ("keywords", "step", "message"),
    [
        ("", "{diagnose: {weights: {}}, become: true}", f"p.yml:3:33: 'become' differs from the play's. {ONE}"),
        (
            "  become: true\n  become_user: ml\n",
            "{diagnose: {weights: {}}, become_user: root}",
            f"p.yml:5:33: 'become_user' differs from the play's. {ONE}",
        ),
    ],
)
def test_a_step_that_wants_another_user_is_a_mistake(tmp_path: Path, keywords: str, step: str, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(tmp_path, keywords, step)
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in refused.value.problems] == [message]
