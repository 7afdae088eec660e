"""One model folder that several services need: what one of them had repaired is well for all."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import shards

from .command import autoglm_fix
from .test_repair import tree, truncate


@pytest.fixture
def model(tmp_path: Path) -> Path:
    shards.model(tmp_path / "mirror" / "name")
    model = shards.model(tmp_path / "models" / "name")
    truncate(model / shards.shard_name(2))
    return model


def service(model: Path, name: str) -> dict[str, Any]:
    return {"name": name, "python": sys.executable, "model": str(model)}


def hosts_of(folder: Path, hosts: dict[str, dict[str, Any]]) -> Path:
    """An inventory whose hosts are all this machine."""
    file = folder / "inventory.yml"
    everything = {"all": {"vars": {"ansible_connection": "local"}, "hosts": hosts}}
    file.write_text(json.dumps(everything))  # JSON is YAML
    return file


def run(tmp_path: Path, hosts: Path, playbook: str | Path = "no-output") -> dict[str, Any]:
    source = f"weights_source={tmp_path / 'mirror' / 'name'}"
    done = autoglm_fix("run", playbook, "-i", hosts, "-t", "all", "--no-verify", "-e", source, "--format", "json")
    assert done.code == 0, done.out
    return done.document


def made(document: dict[str, Any]) -> list[bool]:
    steps = [step for host in document["hosts"].values() for step in host["steps"]]
    return [change["made"] for step in steps for change in step["changes"]]


WEIGHTS = """\
- name: p
  hosts: all
  {more}
  steps:
    - name: s
      diagnose: weights
      fix: {{fetch_weights: {{from: "{{{{ weights_source }}}}"}}}}
"""


def weights_only(folder: Path, more: str = "") -> Path:
    playbook = folder / "weights.yml"
    playbook.write_text(WEIGHTS.format(more=more or "vars: {}"))
    return playbook


def test_two_services_of_a_host_have_it_repaired_once(tmp_path: Path, model: Path) -> None:
    before = tree(model)
    hosts = hosts_of(tmp_path, {"here": {"services": [service(model, "one"), service(model, "two")]}})
    document = run(tmp_path, hosts, weights_only(tmp_path))
    assert [step["status"] for step in document["hosts"]["here"]["steps"]] == ["fixed", "healthy"]
    assert made(document) == [True]
    assert autoglm_fix("undo", "--yes").code == 0
    assert tree(model) == before


@pytest.mark.parametrize("more", ["", "serial: 1"], ids=["side by side", "one after the other"])
def test_hosts_that_are_the_same_machine_take_turns(tmp_path: Path, model: Path, more: str) -> None:
    before = tree(model)
    hosts = hosts_of(tmp_path, {name: {"service": service(model, "one")} for name in ("a", "b", "c")})
    document = run(tmp_path, hosts, weights_only(tmp_path, more))
    statuses = [host["steps"][0]["status"] for host in document["hosts"].values()]
    assert sorted(statuses) == ["fixed", "healthy", "healthy"]
    assert made(document) == [True]
    assert autoglm_fix("undo", "--yes").code == 0
    assert tree(model) == before
