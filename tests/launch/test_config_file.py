"""Options in the file that ``--config`` names: read with the command, and changed where they stand."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.facts.service import Service, Source
from autoglm_fix.launch import Edit, read
from tests.launch.services import applied, by_hand, edit, service, source, texts

CASES: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
UNIT, FILE = "/etc/systemd/system/autoglm.service", "/etc/vllm.yml"
DROP_IN = f"{UNIT}.d/50-autoglm-fix.conf"
SETTINGS = """\
# For the card in this host.
model: /m
max-model-len: 25480  # what the client needs
gpu-memory-utilization: 0.9
enforce-eager: true
limit-mm-per-prompt:
  image: 10
"""


def of(command: str, text: str | None, **more: Any) -> Service:
    unit = source("unit", UNIT, f"[Service]\nWorkingDirectory=/etc\nExecStart={command}\n")
    return service("systemd", unit, replace(source("config", FILE, text), **more), argv=shlex.split(command))


@pytest.mark.parametrize("name", CASES)
def test_the_command_line_outranks_the_file(name: str) -> None:
    case = CASES[name]
    found = read(of(case["command"], case["file"]))
    assert found is not None
    assert (dict(found.options), found.model) == (case["options"], case["model"])
    assert found.served_model_name == case.get("name")
    assert list(found.argv) == shlex.split(case["command"])


def test_the_live_process_is_read_with_the_file_too() -> None:
    script = source("script", "/opt/start", "")
    script = replace(script, file=replace(script.file, state="unreadable"))
    argv = ["python3", "/bin/vllm", "serve", "--config", FILE]
    found = read(service("command", script, source("config", FILE, SETTINGS), argv=["sh", "/opt/start"], running=argv))
    assert found is not None
    assert (found.model, found.options["--max-model-len"]) == ("/m", "25480")


@pytest.mark.parametrize(
    ("wanted", "old", "new"),
    [
        ({"--gpu-memory-utilization": "0.85"}, "utilization: 0.9\n", "utilization: 0.85\n"),
        ({"--max-model-len": "8192"}, "len: 25480  #", "len: 8192  #"),
        ({"--enforce-eager": None}, "enforce-eager: true\n", ""),
        ({"--limit-mm-per-prompt": '{"image":1,"video":0}'}, "  image: 10\n", '  {"image":1,"video":0}\n'),
        ({"--max-model-len": None}, "max-model-len: 25480  # what the client needs\n", ""),
    ],
)
def test_a_value_is_changed_where_it_stands(wanted: dict[str, str | None], old: str, new: str) -> None:
    before = of(f"vllm serve --config {FILE} --port 8000", SETTINGS)
    changes = edit(before, Edit(wanted))
    assert [change.path for change in changes] == [FILE]
    after = applied(before, changes)
    assert texts(after)[FILE] == SETTINGS.replace(old, new)
    assert edit(after, Edit(wanted)) == []


def test_an_option_that_the_file_does_not_have_goes_to_the_command_line() -> None:
    before = of(f"vllm serve --config {FILE}", SETTINGS)
    after = applied(before, edit(before, Edit({"--max-num-seqs": "8"})))
    assert texts(after)[FILE] == SETTINGS
    assert texts(after)[DROP_IN].endswith(f"vllm serve --config {FILE} --max-num-seqs 8\n")


def test_one_that_the_command_line_has_is_changed_there() -> None:
    before = of(f"vllm serve --config {FILE} --max-model-len 4096", SETTINGS)
    after = applied(before, edit(before, Edit({"--max-model-len": "8192"})))
    assert texts(after)[FILE] == SETTINGS
    assert texts(after)[DROP_IN].endswith("--max-model-len 8192\n")


def test_what_cannot_be_changed_in_the_file_is_outranked() -> None:
    settings = SETTINGS.replace("  image", "  # What the client sends.\n  image").replace(
        "10\n", "10\n  # Never.\n  video: 0\n"
    )
    before = of(f"vllm serve --config {FILE}", settings)
    wanted = Edit({"--limit-mm-per-prompt": '{"image":1,"video":0}'})
    after = applied(before, edit(before, wanted))
    assert texts(after)[FILE] == settings
    found = read(after)
    assert found is not None and found.options["--limit-mm-per-prompt"] == '{"image":1,"video":0}'
    assert edit(after, wanted) == []


def test_a_table_in_braces_is_changed_there() -> None:
    before = of(f"vllm serve --config {FILE}", "limit-mm-per-prompt: {image: 10, video: 1,} # all\nport: 1\n")
    after = applied(before, edit(before, Edit({"--limit-mm-per-prompt": '{"image":1,"video":0}'})))
    assert texts(after)[FILE] == 'limit-mm-per-prompt: {"image":1,"video":0} # all\nport: 1\n'


COMPOSE = """\
services:
  vllm:
    image: vllm/vllm-openai:v0.12.0
    command: [--config, /cfg/vllm.yml, --port, "8000"]
    volumes: [./cfg:/cfg]
"""


def test_a_file_in_a_mount_is_changed_on_the_host() -> None:
    file = source("config", "/cfg/vllm.yml", SETTINGS)
    file = replace(file, file=replace(file.file, host="/srv/cfg/vllm.yml"))
    before = service("compose", source("compose", "/srv/compose.yml", COMPOSE), file, name="vllm")
    (change,) = edit(before, Edit({"--max-model-len": "8192"}))
    assert change.path == "/srv/cfg/vllm.yml"


def in_image(path: str, text: str) -> Source:
    found = source("config", path, text)
    return replace(found, file=replace(found.file, host=None))


def test_a_file_in_an_image_is_outranked() -> None:
    command = f"vllm serve --config {FILE}"
    unit = source("unit", UNIT, f"[Service]\nExecStart={command}\n")
    before = service("systemd", unit, in_image(FILE, SETTINGS), argv=shlex.split(command))
    after = applied(before, edit(before, Edit({"--max-model-len": "8192"})))
    assert texts(after)[DROP_IN].endswith(f"{command} --max-model-len 8192\n")


def test_a_command_to_paste_names_the_file_and_what_outranks_it() -> None:
    running = ["vllm", "serve", "--config", FILE]
    before = service("command", source("config", FILE, "max-model-len: 4096\n"), argv=running)
    changes = edit(before, Edit({"--max-model-len": "8192"}))
    assert [change.path for change in changes] == [FILE]
    answer = by_hand(before, Edit({"--max-model-len": "8192", "--max-num-seqs": "8"}))
    assert answer.command == f"vllm serve --config {FILE} --max-model-len 8192 --max-num-seqs 8"
