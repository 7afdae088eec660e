"""Supervisor programs: what is read is what supervisor itself makes of the file, before and after an edit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.launch import Edit, Launch, read
from tests.launch.services import applied, by_hand, edit, service, source, texts

HERE = Path(__file__).parent
PROGRAMS: dict[str, str] = yaml.safe_load((HERE / "programs.yml").read_text("utf-8"))
FILE = "/etc/supervisor/conf.d/autoglm.conf"
EDITS = {
    "a longer value": Edit({"--max-model-len": "16384"}),
    "awkward values": Edit({"--max-model-len": "a b", "--chat-template": """it's "$HOME" `x` \\ 50% %(here)s"""}),
    "more options": Edit({"--limit-mm-per-prompt": '{"image": 1, "video": 0}', "--max-num-seqs": "4"}),
    "a flag": Edit({"--enforce-eager": True, "--enable-prefix-caching": False}),
    "one less": Edit({"--max-model-len": None, "--enforce-eager": None}),
    "variables": Edit({}, {"HF_HOME": "/data two", "CUDA_VISIBLE_DEVICES": "0,1", "AWKWARD": 'a="5" 50%'}),
    "one variable less": Edit({}, {"HF_HOME": None}),
    "times": Edit({}, {}, {"stop_s": 90.0}),
}


class Supervisor:
    """Supervisor's own reading of its files, one process for all of them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def reads(self, text: str, folder: Path) -> dict[str, Any]:
        path = folder / "supervisord.conf"
        path.write_text(text if "[supervisord]" in text else "[supervisord]\n" + text, "utf-8")
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "said" in answer, answer
        found: dict[str, Any] = answer["said"]
        return found


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import supervisor"], capture_output=True, check=False).returncode:
        pytest.skip("there is no supervisor that could be asked")
    variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    argv = [python, "-s", str(HERE / "supervisor_says.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=variables, cwd="/") as process:
        yield Supervisor(process)
        assert process.stdin
        process.stdin.close()


def of(text: str) -> Service:
    return service("supervisor", source("program", FILE, text), name="autoglm")


def agrees(launch: Launch | None, found: dict[str, Any]) -> None:
    assert launch is not None
    if not launch.shell:
        assert list(launch.argv) == found["argv"]
    assert found["environment"].items() <= launch.environment.items()
    assert launch.working_dir == found["folder"]
    assert launch.engine == "vllm"


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_read_is_what_supervisor_starts(name: str, supervisor: Supervisor, tmp_path: Path) -> None:
    launch = read(of(PROGRAMS[name]))
    agrees(launch, supervisor.reads(PROGRAMS[name], tmp_path)["autoglm"])
    assert launch is not None and launch.options["--max-model-len"] == "25480"


@pytest.mark.parametrize("wanted", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_an_edited_program_starts_what_was_asked_for(
    name: str, wanted: Edit, supervisor: Supervisor, tmp_path: Path
) -> None:
    before = of(PROGRAMS[name])
    after = applied(before, edit(before, wanted))
    was, now = supervisor.reads(PROGRAMS[name], tmp_path), supervisor.reads(texts(after)[FILE], tmp_path)
    launch, old = read(after), read(before)
    agrees(launch, now["autoglm"])
    assert launch is not None and old is not None
    expected = {**old.options, **wanted.options}
    assert launch.options == {option: value for option, value in expected.items() if value is not None}
    for variable, value in wanted.environment.items():
        assert launch.environment.get(variable) == value
    if wanted.limits:
        assert now["autoglm"].pop("stops") == 90
        was["autoglm"].pop("stops")
    for programs in (was, now):
        for key in ("argv", "environment"):
            programs["autoglm"].pop(key)
    assert now == was
    assert edit(after, wanted) == []


def test_comments_and_all_other_lines_stay() -> None:
    text = PROGRAMS["several-lines"]
    before = of(text)
    (change,) = edit(before, Edit({"--max-model-len": "16384"}, {"HF_HOME": "/y"}, {"stop_s": 60.0}))
    edited = (
        text.replace("25480", "16384")
        .replace('"/data"', '"/y"')
        .replace("environment =", "stopwaitsecs=60\nenvironment =")
    )
    assert texts(applied(before, [change]))[FILE] == edited


def test_a_value_that_a_comment_would_cut_is_refused() -> None:
    # Supervisor ends a line at " ;" and " #", in quotes, too.
    assert by_hand(of(PROGRAMS["one-line"]), Edit({"--chat-template": "a ;b"})).reason == "not-found-in-text"


def test_supervisor_waits_for_no_start() -> None:
    assert by_hand(of(PROGRAMS["one-line"]), Edit({}, {}, {"start_s": 600.0})).reason == "not-found-in-text"
