"""What both READMEs say, held against the program: commands, tables, links and the picture."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
import yaml

from autoglm_fix import diagnostics, fixes
from autoglm_fix.cli import cli
from autoglm_fix.engine.results import HostStatus, exit_code
from autoglm_fix.inventory import load_inventory, services
from autoglm_fix.playbook import find_playbook

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
PICTURE = ROOT / "docs" / "run.svg"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")

both = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=["en", "zh"])


def blocks(readme: Path) -> list[tuple[str, str]]:
    """The fenced blocks: language and code, comments aside."""
    found = FENCE.findall(readme.read_text("utf-8"))
    return [(language, re.sub(r"[ ]*#.*", "", code)) for language, code in found]


def prose(readme: Path) -> str:
    return FENCE.sub("", readme.read_text("utf-8"))


def headings(readme: Path) -> list[str]:
    return re.findall(r"^(#+) ", prose(readme), re.MULTILINE)


def table(readme: Path, first_row: str) -> dict[str, tuple[str, ...]]:
    """The table that has a row of this name, without its head: the first cell to the others."""
    for found in re.findall(r"(?:^\|.*\|\n)+", prose(readme), re.MULTILINE):
        rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found.splitlines()[2:]]
        named = {row[0].strip("` |"): tuple(row[1:]) for row in rows}
        if first_row in named:
            return named
    raise AssertionError(f"{readme.name} has no table with a row {first_row}")


def spans(text: str) -> list[str]:
    return SPAN.findall(text)


def commands(readme: Path) -> Iterator[list[str]]:
    """The arguments of each ``autoglm-fix ...`` that is shown, in a block or in a sentence."""
    shown = [line for language, code in blocks(readme) if language == "sh" for line in code.splitlines()]
    for text in (*shown, *spans(prose(readme))):
        words = shlex.split(text)
        if words[:1] == ["autoglm-fix"]:
            yield words[1:]


def command_named(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"there is no command {name}"
    return command


def options_of_all_commands() -> set[str]:
    known = [command_named(name) for name in cli.list_commands(click.Context(cli))]
    return {option for command in known for parameter in command.params for option in parameter.opts}


@both
def test_each_command_shown_is_one_that_the_program_takes(readme: Path) -> None:
    shown = list(commands(readme))
    assert len(shown) > 5
    for name, *arguments in filter(None, shown):
        command_named(name).make_context(name, list(arguments))


@both
def test_what_the_commands_name_is_there(readme: Path) -> None:
    codes = {finding.code for finding in diagnostics.findings()}
    for name, *arguments in filter(None, commands(readme)):
        if name == "run":
            assert find_playbook(arguments[0]).is_file()
        if name == "docs" and arguments:
            assert arguments[0] in {*diagnostics.load(), *fixes.load(), *codes}


@both
def test_each_option_named_in_a_sentence_exists(readme: Path) -> None:
    words = [word for span in spans(prose(readme)) if span.startswith("-") for word in span.split()]
    named = {word for word in words if word.startswith("-")}
    assert named
    assert named <= options_of_all_commands()


@both
def test_the_diagnostics_are_those_that_ship(readme: Path) -> None:
    assert set(table(readme, "weights")) == set(diagnostics.load())


@both
def test_a_diagnostic_names_the_fixes_that_cure_its_findings(readme: Path) -> None:
    findings = diagnostics.findings()
    for name, (_, cures) in table(readme, "weights").items():
        own = tuple(finding for finding in findings if finding.code.startswith(f"{name}."))
        curing = {fix.name for fix in fixes.load().values() if any(issubclass(each, fix.cures) for each in own)}
        assert set(spans(cures)) == curing


@both
def test_the_exit_codes_are_those_of_the_engine(readme: Path) -> None:
    explained = {int(code): spans(when[0]) for code, when in table(readme, "130").items()}
    assert set(explained) == {0, 1, 2, 3, 4, 5, 130}
    words = {code: [word for word in explained[code] if not word.startswith("-")] for code in explained if code != 5}
    told = {HostStatus(word): code for code, said in words.items() for word in said}
    assert set(told) == set(HostStatus)
    for status, code in told.items():
        interrupted = status is HostStatus.INTERRUPTED
        assert exit_code([status], interrupted=interrupted, exit_on_pending=False) == code
    assert HostStatus.PENDING in explained[5]
    assert exit_code([HostStatus.PENDING], interrupted=False, exit_on_pending=True) == 5


@both
def test_the_order_of_exit_codes_is_the_engines(readme: Path) -> None:
    (said,) = re.findall(r"(?:\d+(?:, |、)){6}\d+", prose(readme))
    order = [int(code) for code in re.split(", |、", said)]
    assert order == [130, 1, 4, 2, 3, 5, 0]
    worst = [HostStatus.FAILED, HostStatus.UNREACHABLE, HostStatus.PENDING, HostStatus.VERIFIED]
    assert [exit_code(worst[n:], interrupted=False, exit_on_pending=True) for n in range(4)] == order[3:]


@both
def test_the_variables_are_those_of_the_playbook(readme: Path) -> None:
    (play,) = yaml.safe_load(find_playbook("no-output").read_text("utf-8"))
    said = table(readme, "prompt")
    assert set(said) == set(play["vars"])
    for name in ("prompt", "max_new_tokens", "require_gpu"):
        assert said[name][0].strip("`") == yaml.safe_dump(play["vars"][name], allow_unicode=True).split("\n")[0]
    assert set(spans(said["weights_search"][0])) <= set(play["vars"]["weights_search"])


@both
def test_the_inventory_shown_is_one(readme: Path, tmp_path: Path) -> None:
    (shown,) = [code for language, code in blocks(readme) if language == "yaml"]
    file = tmp_path / "inventory.yml"
    file.write_text(shown, encoding="utf-8")
    (host,) = load_inventory([str(file)]).select("all")
    (service,) = services(host)
    assert (host.name, service.name, service.model) == ("localhost", "autoglm", "/models/AutoGLM-Phone-9B")


@both
def test_each_relative_link_leads_somewhere(readme: Path) -> None:
    links = [link for link in LINK.findall(prose(readme)) if not link.startswith("https://")]
    assert "docs/run.svg" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_each_readme_leads_to_the_other() -> None:
    assert f"]({CHINESE.name})" in ENGLISH.read_text("utf-8")
    assert f"]({ENGLISH.name})" in CHINESE.read_text("utf-8")


def test_both_readmes_have_the_same_headings_commands_tables_and_links() -> None:
    assert headings(ENGLISH) == headings(CHINESE)
    assert blocks(ENGLISH) == blocks(CHINESE)
    for row in ("weights", "130", "prompt"):
        assert list(table(ENGLISH, row)) == list(table(CHINESE, row))
    assert LINK.findall(prose(ENGLISH))[1:] == LINK.findall(prose(CHINESE))[1:]


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    source = PICTURE.read_text("utf-8")
    ElementTree.fromstring(source)
    assert re.findall(r"https?://[^\"]+", source) == ["http://www.w3.org/2000/svg"]


def test_the_picture_shows_a_command_that_the_program_takes_and_its_answer() -> None:
    shown = ["".join(text.itertext()).replace("\xa0", " ") for text in ElementTree.parse(PICTURE).iter()]
    (typed,) = {text for text in shown if re.fullmatch(r"\$ autoglm-fix \S[^\n]*", text.strip())}
    name, *arguments = shlex.split(typed)[2:]
    command_named(name).make_context(name, arguments)
    assert any("The capital of France is Paris." in text for text in shown)
