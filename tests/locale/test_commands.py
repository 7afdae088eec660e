"""The commands that advices offer: each can be pasted, and the program takes it."""

from __future__ import annotations

import re
import shlex
from importlib import resources
from typing import Any

import click
import pytest
import yaml

from autoglm_fix.cli import cli
from autoglm_fix.locale import LANGUAGES
from autoglm_fix.playbook import find_playbook
from autoglm_fix.report.again import OPTIONS, Again
from autoglm_fix.report.words import advice

# What may stand in backticks beside our own commands: programs that only look.
LOOKING = {
    "chmod",
    "curl",
    "df",
    "dmesg",
    "du",
    "file",
    "fuser",
    "getent",
    "head",
    "ip",
    "ls",
    "namei",
    "nc",
    "nvidia-smi",
    "ping",
    "ss",
    "ssh",
    "ssh-add",
    "ssh-keygen",
}
TAGS = {
    tag
    for play in yaml.safe_load(find_playbook("no-output").read_text("utf-8"))
    for s in play["steps"]
    for tag in s["tags"]
}


def advices() -> list[tuple[str, str]]:
    found = []
    for language in LANGUAGES:
        for topic in resources.files("autoglm_fix.locale").joinpath(language).iterdir():
            for code, entry in yaml.safe_load(topic.read_text("utf-8")).items():
                if isinstance(entry, dict) and "advice" in entry:
                    found.append((f"{language} {code}", entry["advice"].replace("{{", "{").replace("}}", "}")))
    return found


@pytest.mark.parametrize("text", [text for _, text in advices()], ids=[name for name, _ in advices()])
def test_a_command_in_an_advice_is_marked_as_one_and_can_be_run(text: str) -> None:
    assert "autoglm-fix run" not in re.sub(r"`[^`]*`", "", text)
    for offered in re.findall(r"`([^`]+)`", text):
        program, *words = shlex.split(offered)
        assert program in {"autoglm-fix", *LOOKING} or program in OPTIONS
        if program in OPTIONS:
            # An option alone is added to the run that was made.
            program, words = "autoglm-fix", ["run", "no-output", program, *words]
        if program == "autoglm-fix":
            assert set(parsed(words).get("tags") or ()) <= TAGS


def parsed(words: list[str]) -> dict[str, Any]:
    """The options of a command of ours. Fails where it does not take them."""
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    return command.make_context(words[0], words[1:]).params


@pytest.mark.parametrize("text", [text for _, text in advices()], ids=[name for name, _ in advices()])
def test_what_a_report_offers_next_of_an_advice_can_be_typed(text: str) -> None:
    """The last lines of a report hold it, completed with what the run was given."""
    again = Again("no-output", ("-i", "gpus.yml", "-l", "gpu01"), ("-t", "vram"))
    offered = advice(text).command
    if offered is not None:
        line = again.same(offered) if offered.startswith("-") else again.completed(offered)
        program, *words = shlex.split(line)
        assert program in LOOKING or parsed(words)


def test_an_option_of_an_engine_is_no_command_of_ours() -> None:
    assert advice("over more GPUs (`--tensor-parallel-size`)").command is None
    assert advice("run again with `--allow kill`, for `--tensor-parallel-size`").command == "--allow kill"
