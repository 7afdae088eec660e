"""Where no definition can be edited: the whole corrected command, to be pasted."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_fix.agent.changes.recreate import Recreate
from autoglm_fix.agent.facts.service import Container, Running, Source
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.launch import Edit, plainly, read
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.launch.services import applied, by_hand, edit, service, source

COMMAND = ["vllm", "serve", "/models/A", "--max-model-len", "25480", "--limit-mm-per-prompt", '{"image":10}']
SHORTER = Edit({"--max-model-len": "16384"})
UNIT = "[Service]\nEnvironmentFile=/etc/default/autoglm\nExecStart=/opt/vllm serve /m --max-model-len 25480 $ARGS\n"


def test_a_service_started_by_hand_gets_its_command() -> None:
    answer = by_hand(service("none", running=COMMAND), SHORTER)
    assert answer.reason == "no-definition"
    assert answer.command == """vllm serve /models/A --max-model-len 16384 --limit-mm-per-prompt '{"image":10}'"""


def test_the_command_of_the_inventory_is_not_the_hosts_to_edit() -> None:
    answer = by_hand(
        service("command", argv=COMMAND, environment={"HF_HOME": "/data"}, working_dir="/srv/a b"), SHORTER
    )
    assert answer.reason == "no-definition"
    assert answer.command.startswith("cd '/srv/a b' && HF_HOME=/data vllm serve /models/A --max-model-len 16384 ")


def test_only_variables_that_matter_are_named() -> None:
    live = Running(1, [1], COMMAND, {"HOME": "/root", "TERM": "xterm", "CUDA_VISIBLE_DEVICES": "0,1", "PS1": "$ "})
    of = replace(service("none", running=COMMAND), running=live)
    answer = by_hand(of, Edit({}, {"HF_HUB_OFFLINE": "1", "MINE": "it's"}))
    assert answer.command.startswith("CUDA_VISIBLE_DEVICES=0,1 HF_HUB_OFFLINE=1 MINE='it'\"'\"'s' vllm serve")


def test_a_secret_is_named_and_not_shown() -> None:
    argv = [*COMMAND, "--api-key", "sk-secret", "--hf-token=hf_secret"]
    live = Running(1, [1], argv, {"VLLM_API_KEY": "secret", "HF_TOKEN": "***"})
    of = replace(service("none", running=argv), running=live)
    answer = by_hand(of, SHORTER)
    assert "secret" not in answer.command
    assert answer.command.startswith('VLLM_API_KEY="$VLLM_API_KEY" HF_TOKEN="$HF_TOKEN" vllm')
    assert answer.command.endswith('--api-key "$API_KEY" --hf-token="$HF_TOKEN"')


def test_a_variable_that_must_go_is_taken_out() -> None:
    live = Running(1, [1], COMMAND, {"NCCL_P2P_DISABLE": "1"})
    of = replace(service("none", running=COMMAND), running=live)
    assert by_hand(of, Edit({}, {"NCCL_P2P_DISABLE": None})).command.startswith("env -u NCCL_P2P_DISABLE vllm serve")


@pytest.mark.parametrize("value", ["a b", "it's", '{"a": "$HOME"}', "`x`", "\\", "*", "~", "#", ";&|", "é手"])
def test_the_command_survives_the_shell(value: str, tmp_path: Path) -> None:
    tool = tmp_path / "vllm"
    tool.write_text(
        f"#!{sys.executable} -IS\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], os.environ.get('A')]))\n"
    )
    tool.chmod(0o755)
    answer = by_hand(service("none", running=COMMAND), Edit({"--chat-template": value}, {"A": value}))
    said = subprocess.run(
        ["sh", "-c", answer.command],
        env={"PATH": f"{tmp_path}:{os.defpath}", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(said.stdout) == [[*COMMAND[1:], "--chat-template", value], value]


@pytest.mark.parametrize("value", ["a\n b", "it's\n", "\\\n", "\x1b[31m\x07", "\u202e手\u2028", "a\tb", "\U000e0041"])
def test_what_no_line_of_a_terminal_holds_survives_bash(value: str) -> None:
    command = plainly(["printf", "%s", value])
    assert command.isprintable()
    said = subprocess.run(["bash", "-c", command], env={"LC_ALL": "C.UTF-8"}, capture_output=True, check=True)
    assert said.stdout.decode() == value


def test_a_byte_that_is_no_text_survives_bash() -> None:
    command = plainly(["printf", "%s", b"a\xffb".decode("utf-8", "surrogateescape")])
    assert subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout == b"a\xffb"


@pytest.mark.parametrize("word", ["$(touch x)_token=1", "--$(touch x)-token", "`touch x`-key=a", "x;touch x;token=1"])
def test_the_name_of_a_secret_is_no_command(word: str, tmp_path: Path) -> None:
    live = Running(1, [1], [*COMMAND, word, "a"], {"HF_$(touch x)": "1", "HF_;touch x;_TOKEN": "1"})
    of = replace(service("none", running=live.argv), running=live)
    command = by_hand(of, Edit({}, {"A": "1"})).command.replace("vllm", "true", 1)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True)
    assert list(tmp_path.iterdir()) == []


def test_a_masked_source_is_no_base_of_a_write() -> None:
    masked = source("env-file", "/etc/default/autoglm", "ARGS=--port 1\nHF_TOKEN=***\n")
    hidden = replace(masked, file=replace(masked.file, sha256="0" * 64))
    of = service("systemd", source("unit", "/etc/systemd/system/autoglm.service", UNIT), hidden)
    launch = read(of)
    assert launch is not None and launch.options == {"--max-model-len": "25480", "--port": "1"}
    answer = by_hand(of, SHORTER)
    assert answer.reason == "unreadable"
    assert answer.command == 'HF_TOKEN="$HF_TOKEN" /opt/vllm serve /m --max-model-len 16384 --port 1'


@pytest.mark.parametrize("state", ["unreadable", "too-large", "not-text", "not-a-file"])
def test_where_a_part_of_the_definition_cannot_be_read_the_live_process_is_asked(state: str) -> None:
    file = TextFile("autoglm", "/etc/default/autoglm", "/etc/default/autoglm", state)
    unit = source("unit", "/etc/systemd/system/autoglm.service", UNIT)
    of = service("systemd", unit, Source("env-file", file), running=[*COMMAND, "--port", "7"])
    launch = read(of)
    assert launch is not None and launch.options["--port"] == "7"
    assert by_hand(of, SHORTER).reason == "unreadable"


def test_without_a_definition_and_a_process_nothing_is_known() -> None:
    of = replace(service("systemd"), defined=None)
    assert read(of) is None
    answer = by_hand(of, SHORTER)
    assert (answer.command, answer.reason) == ("", "no-definition")


def test_an_option_is_not_forced_on_a_program_that_nobody_knows() -> None:
    unit = source("unit", "/etc/systemd/system/autoglm.service", "[Service]\nExecStart=/opt/own/start --model /m\n")
    assert by_hand(service("systemd", unit), Edit({"--max-num-seqs": "4"})).reason == "not-found-in-text"
    # An option that it has is its own.
    assert edit(service("systemd", unit), Edit({"--model": "/n"})) != []


def test_an_image_that_hands_its_options_on_takes_more_of_them() -> None:
    container = Container("1", "autoglm", "my/image")
    argv = ["/start", "--max-model-len", "25480"]
    of = service("docker", argv=argv, environment={}, container=container, running=COMMAND)
    (change,) = edit(of, Edit({"--max-num-seqs": "4"}))
    assert isinstance(change, Recreate) and change.argv == [*argv, "--max-num-seqs", "4"]


def test_a_script_in_an_image_is_not_edited() -> None:
    container = Container("1", "autoglm", "my/image")
    of = service("docker", argv=["/start.sh"], environment={}, container=container, running=COMMAND)
    inside = Source(
        "script", replace(source("script", "/start.sh", "#!/bin/sh\nexec vllm serve /m --port 1\n").file, host=None)
    )
    assert by_hand(of, Edit({"--max-num-seqs": "4"})).reason == "image"
    assert of.defined is not None
    known = replace(of, defined=replace(of.defined, sources=[inside]))
    assert by_hand(known, Edit({"--port": "2"})).reason == "image"


def test_a_container_is_made_anew_from_its_record() -> None:
    container = Container("c1", "autoglm", "vllm/vllm-openai:v0.12.0")
    of = service("docker", argv=COMMAND, environment={"A": "1", "B": "2"}, container=container)
    (change,) = edit(of, Edit({"--max-model-len": "16384"}, {"A": None, "B": "3", "C": "4"}))
    assert change == Recreate(
        "autoglm",
        "c1",
        argv=[*COMMAND[:4], "16384", *COMMAND[5:]],
        environment={"A": None, "B": "3", "C": "4"},
        says="lower_batch.options",
        values={"service": "autoglm"},
    )
    assert edit(applied(of, [change]), Edit({"--max-model-len": "16384"}, {"A": None, "B": "3", "C": "4"})) == []


def test_only_variables_leave_the_command_as_it_is() -> None:
    of = service("docker", argv=COMMAND, environment={"A": "1"}, container=Container("c1", "autoglm", "x"))
    (change,) = edit(of, Edit({}, {"A": "2"}))
    assert isinstance(change, Recreate) and change.argv is None and change.environment == {"A": "2"}


def test_a_unit_that_starts_a_container_that_is_there_has_it_made_anew() -> None:
    record: dict[str, object] = {"Path": "vllm", "Args": COMMAND[1:], "Config": {"Env": ["A=1"]}}
    container = Container("c1", "autoglm", "vllm/vllm-openai:v0.12.0", record=record)
    unit = source(
        "unit", "/etc/systemd/system/autoglm.service", "[Service]\nExecStart=/usr/bin/docker start -a autoglm\n"
    )
    of = service("systemd", unit, container=container)
    launch = read(of)
    assert launch is not None and launch.argv == tuple(COMMAND) and launch.environment == {"A": "1"}
    (change,) = edit(of, SHORTER)
    assert isinstance(change, Recreate) and change.argv == [*COMMAND[:4], "16384", *COMMAND[5:]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", ["no-definition", "unreadable", "not-found-in-text", "image"])
def test_every_reason_has_its_words_and_offers_the_command(reason: str, language: str) -> None:
    catalogue = Catalogue(language)
    assert catalogue.text(f"launch.{reason}", command="vllm serve /m")
    advice = catalogue.part(f"launch.{reason}", "advice", {"command": shlex.join(COMMAND)})
    assert shlex.join(COMMAND) in advice
