"""Whole runs over a real environment whose packages do not fit together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import shards
from tests.environments import make_environment, snapshot, version_of
from tests.file_server import FileServer, serving
from tests.wheelhouse import offer, wheel

from .command import autoglm_fix, inventory

pytestmark = pytest.mark.slow

PLAYBOOK = """
- name: versions
  hosts: all
  steps:
    - name: What is installed fits together
      diagnose: dependencies
      fix:
        - pin_versions: {index: "{{ package_index }}", wheels: "{{ wheels }}"}
  vars: {package_index: "", wheels: index}
"""
TRANSFORMERS = wheel("transformers", "4.57.1", ["huggingface-hub<1.0,>=0.34.0", "accel"])
HUB = wheel("huggingface-hub", "1.2.0", files={"huggingface_hub/__init__.py": "version = '1.2.0'\n"})
OLD_HUB = wheel("huggingface-hub", "0.36.0", files={"huggingface_hub/__init__.py": "version = '0.36.0'\n"})
ACCEL = wheel("accel", "1.0", ["huggingface-hub"])
TORCH = wheel("torch", "2.9.1")
PRIVATE = wheel("acme-service", "1.0+internal", ["transformers"])


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as running:
        yield running


@pytest.fixture
def index(server: FileServer) -> str:
    return offer(server, OLD_HUB, HUB, ACCEL, wheel("transformers", "5.0.0", ["huggingface-hub>=1.0"]))


@pytest.fixture
def env(tmp_path: Path) -> Path:
    make_environment(tmp_path / "env", TORCH, TRANSFORMERS, HUB, PRIVATE)
    return tmp_path / "env"


@pytest.fixture
def command(tmp_path: Path, env: Path, index: str) -> list[str | Path]:
    (tmp_path / "playbook.yml").write_text(PLAYBOOK)
    hosts = inventory(tmp_path, shards.model(tmp_path / "model"), python=str(env / "bin" / "python"))
    return ["run", tmp_path / "playbook.yml", "-i", hosts, "-e", f"package_index={index}"]


def test_a_dry_run_shows_the_table_and_touches_nothing(command: list[str | Path], env: Path) -> None:
    before = snapshot(env)
    said = autoglm_fix(*command, "--dry-run", "--diff")
    assert said.code == 0, said.out + said.err
    assert "huggingface-hub  1.2.0  0.36.0" in said.out
    assert "transformers 4.57.1 needs huggingface-hub<1.0,>=0.34.0" in said.out
    assert "accel            -      1.0" in said.out
    assert snapshot(env) == before


@pytest.mark.parametrize("way", ["index", "controller", "folder"])
def test_it_is_repaired_once_and_undo_restores_every_byte_offline(
    command: list[str | Path], env: Path, server: FileServer, tmp_path: Path, way: str
) -> None:
    if way == "folder":
        (tmp_path / "wheels").mkdir()
        for file, content in (OLD_HUB, HUB, ACCEL):
            (tmp_path / "wheels" / file).write_bytes(content)
        server.answers.clear()
    wheels = str(tmp_path / "wheels") if way == "folder" else way
    before = snapshot(env)
    said = autoglm_fix(*command, "-e", f"wheels={wheels}", "--format", "json")
    assert said.code == 0, said.out + said.err
    (step,) = said.document["hosts"]["localhost"]["steps"]
    assert step["status"] == "fixed"
    assert [(each["kind"], each["undo"], each["risk"]) for each in step["changes"]] == [("install", "exact", "restart")]
    assert version_of(env, "huggingface_hub") == "0.36.0"
    lock = (env / "autoglm-fix.lock").read_text()
    assert "huggingface-hub==0.36.0 --hash=sha256:" in lock
    again = autoglm_fix(*command, "-e", f"wheels={wheels}", "--format", "json")
    assert again.document["hosts"]["localhost"]["steps"][0]["status"] == "healthy"
    server.answers.clear()
    server.files.clear()
    assert autoglm_fix("undo").code == 0
    assert snapshot(env) == before


def test_what_cannot_be_cured_is_said_in_words_and_the_rest_is_cured(
    command: list[str | Path], env: Path, server: FileServer
) -> None:
    listed = server.answers["/simple/huggingface-hub/"]["files"]
    listed[:] = [each for each in listed if "0.36.0" not in each["filename"]]
    del server.answers["/simple/transformers/"]
    said = autoglm_fix(*command, "--format", "json")
    assert said.code == 2
    (step,) = said.document["hosts"]["localhost"]["steps"]
    assert step["status"] == "unfixed"
    assert [each["summary"] for each in step["changes"]] == ["install accel 1.0"]
    (declined,) = step["declined"]
    assert declined["code"] == "pin_versions.contradiction"
    assert "transformers" in declined["summary"] and "huggingface-hub>=0.34.0,<1.0" in declined["summary"]
    assert version_of(env, "huggingface_hub") == "1.2.0"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a network away")
def test_a_host_without_a_network_is_repaired_through_the_controller(
    command: list[str | Path], env: Path, tmp_path: Path
) -> None:
    """Its agent runs where there is no network at all, not even a loopback."""
    python = tmp_path / "python-without-network"
    python.write_text(f'#!/bin/sh\nexec unshare -n {shutil.which("python3")} "$@"\n')
    python.chmod(0o755)
    hosts = tmp_path / "inventory.yml"
    hosts.write_text(
        hosts.read_text().replace(
            "ansible_connection: local\n", f"ansible_connection: local\n      ansible_python_interpreter: {python}\n"
        )
    )
    failed = autoglm_fix(*command)
    assert failed.code == 2
    said = autoglm_fix(*command, "-e", "wheels=controller")
    assert said.code == 0, said.out + said.err
    assert version_of(env, "huggingface_hub") == "0.36.0"


def test_two_steps_about_one_environment_change_it_once(command: list[str | Path], env: Path, tmp_path: Path) -> None:
    step = PLAYBOOK[PLAYBOOK.index("    - name: What") : PLAYBOOK.index("  vars:")]
    again = step.replace("fits together", "still fits together")
    (tmp_path / "playbook.yml").write_text(PLAYBOOK.replace(step, step + again))
    before = snapshot(env)
    said = autoglm_fix(*command, "--format", "json")
    assert said.code == 0, said.out + said.err
    first, second = said.document["hosts"]["localhost"]["steps"]
    assert (first["status"], second["status"]) == ("fixed", "healthy")
    assert autoglm_fix("undo").code == 0
    assert snapshot(env) == before
