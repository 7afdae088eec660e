"""Compose services: what is read is what compose itself makes of the files, before and after an edit."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.facts.service import Container, Service
from autoglm_fix.launch import Edit, Launch, read
from tests.launch.services import applied, by_hand, edit, service, source, texts

HERE = Path(__file__).parent
PROJECTS: dict[str, dict[str, str]] = yaml.safe_load((HERE / "projects.yml").read_text("utf-8"))
ENTRYPOINT = ["vllm", "serve"]
EDITS = {
    "a longer value": Edit({"--max-model-len": "16384"}),
    "awkward values": Edit({"--max-model-len": "a b", "--chat-template": """it's "$HOME" ${x} `x` \\ #;%: """}),
    "more options": Edit({"--limit-mm-per-prompt": '{"image": 1, "video": 0}', "--max-num-seqs": "4"}),
    "a flag": Edit({"--enforce-eager": True, "--enable-prefix-caching": False}),
    "one less": Edit({"--max-model-len": None, "--enforce-eager": None}),
    "variables": Edit({}, {"HF_HOME": "/data two", "CUDA_VISIBLE_DEVICES": "0,1", "AWKWARD": """it's "$x" #: """}),
    "times": Edit({}, {}, {"stop_s": 90.0}),
}
# What a bare value of a .env file cannot hold.
IMPOSSIBLE = [("all-options-in-a-variable", EDITS["awkward values"])]


def of(files: dict[str, str]) -> Service:
    kinds = {name: "compose" if name.endswith(".yml") else "env-file" for name in files}
    return service("compose", *(source(kinds[name], f"/srv/a/{name}", files[name]) for name in files), name="vllm")


class Compose:
    """docker-compose's own reading of projects, one process for all of them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def reads(self, files: dict[str, str], folder: Path) -> dict[str, Any]:
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_bytes(text.encode("utf-8"))
        assert self._process.stdin and self._process.stdout
        named = [name for name in files if name.endswith(".yml")]
        self._process.stdin.write(json.dumps({"folder": str(folder), "files": named}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "said" in answer, answer
        found: dict[str, Any] = yaml.safe_load(answer["said"].replace("$$", "$"))
        return found


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import compose"], capture_output=True, check=False).returncode:
        pytest.skip("there is no docker-compose that could be asked")
    # Not this environment's packages, and no variables of the machine's.
    variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    argv = [python, "-s", str(HERE / "compose_says.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=variables, cwd="/") as process:
        yield Compose(process)
        assert process.stdin
        process.stdin.close()


def words(value: Any) -> list[str]:
    return shlex.split(value) if isinstance(value, str) else list(value or [])


def agrees(launch: Launch | None, project: dict[str, Any]) -> None:
    found = project["services"]["vllm"]
    assert launch is not None
    if not launch.shell:
        entrypoint = words(found["entrypoint"]) if "entrypoint" in found else ENTRYPOINT
        assert list(launch.argv) == [*entrypoint, *words(found.get("command"))]
    # Compose prints a number of the file as one.
    own = {name: str(value) for name, value in (found.get("environment") or {}).items()}
    assert own.items() <= launch.environment.items()
    assert launch.engine == "vllm"


@pytest.mark.parametrize("name", PROJECTS)
def test_what_is_read_is_what_compose_starts(name: str, compose: Compose, tmp_path: Path) -> None:
    launch = read(of(PROJECTS[name]))
    agrees(launch, compose.reads(PROJECTS[name], tmp_path / "a"))
    assert launch is not None and launch.options["--max-model-len"] == "25480"


@pytest.mark.parametrize("wanted", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("name", PROJECTS)
def test_an_edited_project_starts_what_was_asked_for(name: str, wanted: Edit, compose: Compose, tmp_path: Path) -> None:
    before, files = of(PROJECTS[name]), PROJECTS[name]
    if (name, wanted) in IMPOSSIBLE:
        assert by_hand(before, wanted).reason == "not-found-in-text"
        return
    after = applied(before, edit(before, wanted))
    edited = {name: texts(after)[f"/srv/a/{name}"] for name in files}
    was, now = compose.reads(files, tmp_path / "a"), compose.reads(edited, tmp_path / "a")
    launch, old = read(after), read(before)
    agrees(launch, now)
    assert launch is not None and old is not None
    expected = {**old.options, **wanted.options}
    assert launch.options == {option: value for option, value in expected.items() if value is not None}
    assert wanted.environment.items() <= launch.environment.items()
    assert ("stop_grace_period" in now["services"]["vllm"]) == bool(wanted.limits)
    for project in (was, now):
        for key in ("command", "entrypoint", "environment", "stop_grace_period"):
            project["services"]["vllm"].pop(key, None)
        # There for its anchors alone.
        project.pop("x-vllm", None)
    assert now == was
    assert edit(after, wanted) == []


@pytest.mark.parametrize("name", PROJECTS)
def test_comments_and_all_other_lines_stay(name: str) -> None:
    before = of(PROJECTS[name])
    after = applied(before, edit(before, EDITS["more options"]))
    for path, text in texts(before).items():
        kept = [line for line in text.splitlines(keepends=True) if "#" in line and "'{" not in line]
        assert [line for line in kept if line not in texts(after)[path]] == []
        assert ("\r\n" in text) == ("\r\n" in texts(after)[path])


def test_a_value_stands_in_the_env_file_and_is_edited_there() -> None:
    before = of(PROJECTS["variables"])
    (change,) = edit(before, Edit({"--max-model-len": "16384"}))
    assert change.path == "/srv/a/.env"
    assert texts(applied(before, [change]))["/srv/a/.env"] == PROJECTS["variables"][".env"].replace("25480", "16384")


def test_a_variable_that_another_service_uses_is_left_alone() -> None:
    before = of(PROJECTS["shared-variable"])
    after = applied(before, edit(before, Edit({"--max-model-len": "16384"})))
    assert texts(after)["/srv/a/.env"] == PROJECTS["shared-variable"][".env"]
    assert "/models/A --max-model-len 16384" in texts(after)["/srv/a/compose.yml"]


def test_what_an_anchor_shares_with_others_is_not_edited_for_them() -> None:
    text = PROJECTS["anchors"]["compose.yml"] + "  second:\n    <<: *vllm\n"
    answer = by_hand(of({"compose.yml": text}), Edit({"--max-model-len": "16384"}))
    assert answer.reason == "not-found-in-text"
    assert answer.command == "HF_HOME=/data vllm serve --model /models/A --max-model-len 16384"


def test_the_health_check_begins_to_count_later() -> None:
    text = PROJECTS["list"]["compose.yml"] + (
        "    healthcheck:\n      test: curl -f http://localhost:8000/health\n      interval: 10s\n      retries: 6\n"
    )
    before = of({"compose.yml": text})
    after = applied(before, edit(before, Edit({}, {}, {"probe_s": 1860.0})))
    assert texts(after)["/srv/a/compose.yml"] == text + "      start_period: 1800s\n"
    assert edit(after, Edit({}, {}, {"probe_s": 1860.0})) == []


def test_the_image_of_a_container_says_what_it_starts() -> None:
    record: dict[str, object] = {"Config": {"Entrypoint": ["/opt/start"], "Cmd": ["--model", "/m"]}}
    container = Container("1", "a_vllm_1", "my/image", compose={"service": "vllm"}, record=record)
    text = "services:\n  vllm:\n    image: my/image\n"
    launch = read(service("compose", source("compose", "/srv/a/compose.yml", text), container=container, name="a"))
    assert launch is not None and launch.argv == ("/opt/start", "--model", "/m")
    assert launch.model == "/m"


def test_an_env_file_that_cannot_be_read_is_no_base_of_an_edit() -> None:
    files = PROJECTS["env-file"]
    masked = source("env-file", "/srv/a/vllm.env", "HF_TOKEN=***\n")
    hidden = type(masked)(masked.kind, type(masked.file)(**{**vars(masked.file), "sha256": "0" * 64}))
    before = service("compose", hidden, source("compose", "/srv/a/compose.yml", files["compose.yml"]), name="vllm")
    assert by_hand(before, Edit({"--max-model-len": "1"})).reason == "unreadable"
