"""What a run on 200 hosts prints: real agents on this machine, each host with a state directory of its own."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from .command import Said, autoglm_fix

HOSTS = [f"gpu{number:03}" for number in range(200)]
# All that a terminal would obey, but for the end of a line.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")

PLAYBOOK = """
- name: A word on each host
  hosts: all
  serial: [1, 25%]
  steps:
    - name: The word is there
      diagnose: {{file: {{path: "{folder}/{{{{ inventory_hostname }}}}", content: "hello\\n"}}}}
      fix: {{file: {{}}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A playbook, and an inventory of 200 names for this machine."""
    made = tmp_path_factory.mktemp("fleet")
    (made / "words").mkdir()
    (made / "p.yml").write_text(PLAYBOOK.format(folder=made / "words"))
    hosts = {
        name: {
            "ansible_connection": "local",
            "autoglm_fix_state_dir": str(made / "state" / name),
            "service": {"name": "svc", "python": sys.executable, "model": "/nowhere"},
        }
        for name in HOSTS
    }
    (made / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    return made


def run(folder: Path, *options: str | Path) -> Said:
    inventory = ("-i", folder / "inventory.json")
    return autoglm_fix(
        *("run", folder / "p.yml", *inventory, *options), cwd=folder, AUTOGLM_FIX_STATE_DIR=str(folder / "here")
    )


@pytest.mark.slow
def test_json_lines_of_200_hosts_are_pure_and_as_their_schema_has_them(folder: Path) -> None:
    said = run(folder, "--format", "jsonl")
    assert said.code == 0
    assert not CONTROL.search(said.err)
    told = [json.loads(line) for line in said.out.splitlines()]
    schema = json.loads(autoglm_fix("schema", "--of", "events").out)
    one = jsonschema.Draft202012Validator(schema)
    kinds: dict[str, list[dict[str, object]]] = {}
    for each in told:
        kinds.setdefault(each["event"], []).append(each)
    for each in (each for of_kind in kinds.values() for each in of_kind[:3]):
        one.validate(each)
    assert len(kinds["host-looked-at"]) == len(kinds["host-settled"]) == len(kinds["host-done"]) == len(HOSTS)
    assert [each["number"] for each in kinds["batch-started"]] == [1, 2, 3, 4, 5]
    assert told[-1]["result"]["counts"] == {"clean": len(HOSTS)}
    assert all((folder / "words" / name).read_text() == "hello\n" for name in HOSTS)


@pytest.mark.slow
def test_json_of_a_fleet_is_pure_beside_a_page_and_a_test_report(folder: Path) -> None:
    page, tests = folder / "page.html", folder / "tests.xml"
    said = run(folder, "--format", "json", "--dry-run", "--html", page, "--junit", tests, "-l", "gpu[000:059]")
    assert said.document["counts"].keys() <= {"pending", "clean"}
    assert len(said.document["hosts"]) == 60
    assert not CONTROL.search(said.err)
    assert page.stat().st_size < 100_000
    assert ET.parse(tests).getroot().get("tests") == "60"


def test_a_pipe_gets_plain_lines_and_few_of_them(folder: Path) -> None:
    said = run(folder, "--dry-run", "-l", "gpu[000:015,017:040]")
    assert "on gpu[000:015,017:040] (40 hosts), dry run" in said.out
    assert not CONTROL.search(said.out)
    assert said.err == ""
    assert len(said.out.splitlines()) < 45
