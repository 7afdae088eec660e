from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.playbook import find_playbook, shipped_playbooks


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "no-output.yml").write_text("[]")
    return folder


@pytest.mark.parametrize("name", ["no-output", "no-output.yml"])
def test_a_shipped_playbook_is_found_by_its_name(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_playbook(name, shipped) == shipped / "no-output.yml"
    (tmp_path / "no-output").mkdir()
    assert find_playbook(name, shipped) == shipped / "no-output.yml"


def test_a_file_that_exists_wins(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no-output.yml").write_text("[]")
    assert find_playbook("no-output.yml", shipped) == Path("no-output.yml")
    assert find_playbook(str(tmp_path / "no-output.yml"), shipped) == tmp_path / "no-output.yml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-ouput", "no-ouput: there is no such playbook. Did you mean 'no-output'?"),
        ("playbooks/no-ouput.yml", "playbooks/no-ouput.yml: there is no such playbook. Did you mean 'no-output'?"),
        ("~nobody/no-ouput", "~nobody/no-ouput: there is no such playbook. Did you mean 'no-output'?"),
        ("a\0b", "a\\x00b: there is no such playbook. The shipped playbooks are: no-output."),
        ("gpu", "gpu: there is no such playbook. The shipped playbooks are: no-output."),
    ],
)
def test_a_playbook_that_is_not_there_is_named_with_the_nearest(shipped: Path, name: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        find_playbook(name, shipped)
    assert str(caught.value) == message


def test_the_package_brings_its_playbooks() -> None:
    assert "no-output" in shipped_playbooks()
