"""Bad input of every kind: one clear message each with its place, exit code 4, and nothing touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import shards

from .command import autoglm_fix, inventory

PLAY = "- name: p\n  hosts: all\n  steps:\n    - name: s\n      diagnose: weights\n"


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    return inventory(tmp_path, tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "play.yml: there is no such playbook"),
        ("", "play.yml"),
        ("- name: p\n  hosts: all\n   steps: []\n", "play.yml:3:"),
        (PLAY.replace("weights", "wieghts"), "play.yml:5:17: unknown diagnostic 'wieghts'. Did you mean 'weights'?"),
        (
            PLAY.replace("diagnose", "diagnos"),
            "play.yml:5:7: a step has no keyword 'diagnos'. Did you mean 'diagnose'?",
        ),
        (PLAY + "      diagnose: weights\n", "play.yml:6:7: "),
        (PLAY.replace("weights", "{weights: {deep: often}}"), "play.yml:5:34: "),
        (PLAY.replace("weights", '{weights: {deep: "{{ depe }}"}}'), "'depe'"),
        (PLAY.replace("hosts: all", "hosts: gpus"), "gpus"),
        (PLAY.replace("- name: s", "- name: s\n      become: true"), "play.yml:5:7: 'become' differs from the play's"),
    ],
    ids=[
        "missing",
        "empty",
        "bad YAML",
        "unknown diagnostic",
        "unknown keyword",
        "duplicate key",
        "wrong type",
        "undefined variable",
        "unknown hosts",
        "a step of another user than its play",
    ],
)
def test_a_wrong_playbook_is_refused_at_its_place(tmp_path: Path, hosts: Path, text: str | None, said: str) -> None:
    play = tmp_path / "play.yml"
    if text is not None:
        play.write_text(text)
    found = autoglm_fix("run", "play.yml", "-i", hosts, cwd=tmp_path)
    assert found.code == 4
    assert said in found.err
    assert found.err.endswith("Nothing was touched.\n")
    assert not list((Path(os.environ["AUTOGLM_FIX_STATE_DIR"])).iterdir())


def test_all_mistakes_of_a_command_line_are_said_at_once(tmp_path: Path) -> None:
    found = autoglm_fix("run", "no-outptu", "-i", "hosts.yml", "-e", "x", cwd=tmp_path)
    assert found.code == 4
    assert "no-outptu: there is no such playbook. Did you mean 'no-output'?" in found.err
    assert "hosts.yml: there is no such file or folder" in found.err
    assert "-e: 'x' sets no variable" in found.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-l", "gpu99"), "gpu99"),
        (("-t", "wieghts"), "no step has the tag 'wieghts'. Did you mean 'weights'?"),
        (("--start-at", "nothing"), "no step is named 'nothing'"),
        (("--service", "other"), "no selected host has a service named 'other'"),
        (("-e", "require_gpu=maybe"), "require_gpu"),
    ],
)
def test_a_choice_that_selects_nothing_is_an_error(hosts: Path, arguments: tuple[str, ...], said: str) -> None:
    found = autoglm_fix("run", "no-output", "-i", hosts, *arguments)
    assert (found.code, said in found.err) == (4, True), found.err


def test_a_host_without_a_service_says_how_to_declare_one() -> None:
    found = autoglm_fix("run", "no-output")
    assert found.code == 4
    assert "no service is declared for localhost" in found.err
    assert "'autoglm-fix' alone prints one to start with" in found.err


def test_with_json_the_errors_are_one_document(tmp_path: Path) -> None:
    found = autoglm_fix("run", "nowhere.yml", "--format", "json", cwd=tmp_path)
    document = found.document
    assert (found.code, document["schema"], document["exit_code"]) == (4, 1, 4)
    assert document["errors"][0]["file"] == "nowhere.yml"
    assert set(document["errors"][0]) == {"file", "line", "column", "message", "hint"}


@pytest.mark.parametrize("arguments", [("--no-such-option",), ("run",), ("rnu",), ("run", "x", "--forks", "0")])
def test_wrong_usage_exits_with_4(arguments: tuple[str, ...]) -> None:
    assert autoglm_fix(*arguments).code == 4


def test_a_playbook_that_is_a_folder_is_named(tmp_path: Path, hosts: Path) -> None:
    (tmp_path / "plays").mkdir()
    found = autoglm_fix("run", "plays", "-i", hosts, cwd=tmp_path)
    assert (found.code, "plays" in found.err) == (4, True)


def test_a_report_file_that_cannot_be_written_is_refused_before_anything(tmp_path: Path, hosts: Path) -> None:
    found = autoglm_fix("run", "no-output", "-i", hosts, "--junit", tmp_path / "no" / "where.xml")
    assert (found.code, "--junit: cannot write" in found.err) == (4, True)


def test_a_model_that_is_no_folder_is_a_finding(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_text("not a model")
    found = autoglm_fix("run", "no-output", "-i", inventory(tmp_path, model), "-t", "weights", "--dry-run")
    assert found.code == 2
    assert "weights.not-a-folder" in found.out
    assert model.read_text() == "not a model"


def test_a_python_that_is_not_there_fails_the_proof_with_its_name(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, tmp_path, python="/no/such/python")
    found = autoglm_fix("verify", "-i", hosts)
    assert found.code == 2
    assert "/no/such/python" in found.out


def test_a_record_that_cannot_be_kept_ends_the_run_before_anything_is_changed(tmp_path: Path) -> None:
    model = shards.model(tmp_path / "model")
    shard = model / shards.shard_name(2)
    good = shard.read_bytes()
    shard.write_bytes(good[:100])
    (tmp_path / "file").write_text("")
    source = shards.model(tmp_path / "mirror")
    found = autoglm_fix(
        *("run", "no-output", "-i", inventory(tmp_path, model), "-t", "weights", "-e", f"weights_source={source}"),
        AUTOGLM_FIX_STATE_DIR=str(tmp_path / "file" / "state"),
    )
    assert (found.code, "no record of this run can be kept" in found.err) == (4, True), found.err
    assert shard.read_bytes() == good[:100]
