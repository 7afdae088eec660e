from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.playbook import Playbook, Selection, select_steps, split_tags

from .vocabulary import load

TEXT = """\
- hosts: all
  steps:
    - {name: a, diagnose: weights, tags: [files]}
    - {name: b, diagnose: weights, tags: [files, slow]}
    - {name: c, diagnose: weights}
    - {name: d, diagnose: weights, tags: never}
    - {name: e, diagnose: weights, tags: [always]}
  verify: [generate]
- hosts: all
  tags: late
  steps:
    - {name: f, diagnose: weights}
"""


@pytest.fixture
def playbook(tmp_path: Path) -> Playbook:
    return load(tmp_path, TEXT)


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(), "abcef"),
        (Selection(tags=("files",)), "abe"),
        (Selection(tags=("files",), skip_tags=("slow",)), "ae"),
        (Selection(skip_tags=("files", "always")), "cf"),
        (Selection(tags=("never",)), "de"),
        (Selection(tags=("tagged",)), "abef"),
        (Selection(tags=("untagged",)), "ce"),
        (Selection(tags=("all",), skip_tags=("late",)), "abce"),
        (Selection(start_at="c"), "cef"),
        (Selection(start_at="b", tags=("slow",)), "be"),
        (Selection(start_at="f"), "f"),
    ],
)
def test_tags_and_the_first_step_select_as_in_ansible(playbook: Playbook, selection: Selection, names: str) -> None:
    selected = select_steps(playbook, selection)
    assert "".join(step.name for play in selected.plays for step in play.steps) == names


def test_proofs_stay_whatever_the_tags(playbook: Playbook) -> None:
    selected = select_steps(playbook, Selection(tags=("late",), skip_tags=("always",)))
    assert [len(play.verify) for play in selected.plays] == [1, 0]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(tags=("fiels",)), "--tags: no step has the tag 'fiels'. Did you mean 'files'?"),
        (
            Selection(skip_tags=("gpu",)),
            "--skip-tags: no step has the tag 'gpu'. The tags are: always, files, late, never, slow.",
        ),
        (
            Selection(tags=("slow",), skip_tags=("files", "always")),
            "--tags: these tags leave no step. The tags are: always, files, late, never, slow.",
        ),
        (Selection(start_at="zz"), "--start-at: no step is named 'zz'. The steps are: a, b, c, d, e, f."),
    ],
)
def test_what_selects_nothing_is_a_mistake(playbook: Playbook, selection: Selection, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        select_steps(playbook, selection)
    assert str(caught.value) == message


def test_tags_are_words_with_commas_between_them() -> None:
    assert split_tags(["a,b", "b, c", ","]) == ("a", "b", "c")
