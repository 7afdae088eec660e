"""The commands that advices offer: each can be pasted, and the program takes it."""

from __future__ import annotations

import re
import shlex
from importlib import resources

import click
import pytest
import yaml

from autoglm_fix.cli import cli
from autoglm_fix.locale import LANGUAGES
from autoglm_fix.playbook import find_playbook

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


@pytest.mark.parametrize(("advice"), [text for _, text in advices()], ids=[name for name, _ in advices()])
def test_a_command_in_an_advice_is_marked_as_one_and_can_be_run(advice: str) -> None:
    assert "autoglm-fix run" not in re.sub(r"`[^`]*`", "", advice)
    for offered in re.findall(r"`([^`]+)`", advice):
        program, *words = shlex.split(offered)
        assert program in {"autoglm-fix", *LOOKING} or program.startswith("--")
        if program == "autoglm-fix":
            command = cli.get_command(click.Context(cli), words[0])
            assert command is not None
            context = command.make_context(words[0], words[1:])
            assert set(context.params.get("tags") or ()) <= TAGS
