"""Scripts: what is read out of them is what a real shell starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.launch import Edit, Launch, read
from autoglm_fix.launch.command import understand
from tests.launch.services import applied, by_hand, edit, service, source, texts

HERE = Path(__file__).parent
SCRIPTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "scripts.yml").read_text("utf-8"))
OBSCURE: dict[str, str] = yaml.safe_load((HERE / "not_understood.yml").read_text("utf-8"))
SERVER = (
    f"#!{sys.executable} -IS"
    + """
import json, os, sys
with open(os.environ["SEEN"], "w") as out:
    json.dump({"argv": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}, out)
"""
)
EDITS = {
    "a longer value": Edit({"--max-model-len": "16384"}),
    "awkward values": Edit({"--max-model-len": "a b", "--chat-template": """it's "$HOME" `x` \\ #;%"""}),
    "more options": Edit({"--limit-mm-per-prompt": '{"image": 1, "video": 0}', "--max-num-seqs": "4"}),
    "a flag": Edit({"--enforce-eager": True, "--enable-prefix-caching": False}),
    "one less": Edit({"--max-model-len": None, "--enforce-eager": None}),
    "variables": Edit({}, {"HF_HOME": "/data two", "CUDA_VISIBLE_DEVICES": "0,1"}),
}


def started(script: str, argv: list[str], environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """What the server got when the script was run."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("vllm", "python3"):
        (tools / name).write_text(SERVER)
        (tools / name).chmod(0o755)
    path, seen = folder / "start.sh", folder / "seen.json"
    path.write_text(script)
    path.chmod(0o755)
    seen.unlink(missing_ok=True)
    shell = script.partition("\n")[0].removeprefix("#!")
    variables = {"PATH": f"{tools}:{os.defpath}", "SEEN": str(seen), **environment}
    done = subprocess.run(
        [shell, str(path), *argv], env=variables, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert seen.exists(), done.stderr
    found: dict[str, Any] = json.loads(seen.read_text())
    return found


def of(case: dict[str, Any]) -> Any:
    return service(
        "command",
        source("script", "/srv/start.sh", case["text"]),
        argv=["/srv/start.sh", *case.get("argv", [])],
        environment=case.get("environment", {}),
    )


def agrees(launch: Launch | None, seen: dict[str, Any]) -> None:
    assert launch is not None
    program = understand(launch.argv).front.at
    assert list(launch.argv[program + 1 :]) == seen["argv"]
    assert launch.shell
    assert {name: seen["environment"].get(name) for name in launch.environment} == launch.environment


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_is_read_is_what_the_shell_starts(name: str, tmp_path: Path) -> None:
    case = SCRIPTS[name]
    launch = read(of(case))
    agrees(launch, started(case["text"], case.get("argv", []), case.get("environment", {}), tmp_path))
    assert launch is not None
    assert launch.options["--max-model-len"] == "25480"
    assert launch.engine == "vllm"


@pytest.mark.parametrize("wanted", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_edited_script_starts_what_was_asked_for(name: str, wanted: Edit, tmp_path: Path) -> None:
    case = SCRIPTS[name]
    before = read(of(case))
    changes = edit_or_none(of(case), wanted)
    if changes is None:
        return
    after = applied(of(case), changes)
    text = texts(after)["/srv/start.sh"]
    seen = started(text, case.get("argv", []), case.get("environment", {}), tmp_path)
    agrees(read(after), seen)
    launch = read(after)
    assert launch is not None and before is not None
    expected = {**before.options, **wanted.options}
    assert launch.options == {name: value for name, value in expected.items() if value is not None}
    for variable, value in wanted.environment.items():
        assert seen["environment"][variable] == value
    assert edit(after, wanted) == []


def edit_or_none(of_case: Any, wanted: Edit) -> Any:
    """The changes; None where no file of the definition could hold what was asked for."""
    from autoglm_fix.launch import ByHand, edited

    changes = edited(of_case, wanted, says="x.y", values={})
    if not isinstance(changes, ByHand):
        return changes
    # The inventory's own words cannot be edited, and a variable that the script does not set has no place in it.
    outside = wanted.environment or any(name in " ".join(of_case.defined.argv) for name in ("--port", "25480"))
    assert outside or "--max-model-len" in wanted.options, changes
    return None


@pytest.mark.parametrize("name", OBSCURE)
def test_what_only_the_shell_could_tell_is_not_guessed(name: str) -> None:
    case = service("command", source("script", "/srv/start.sh", OBSCURE[name]), argv=["/srv/start.sh"])
    assert read(case) is None
    assert by_hand(case, Edit({"--max-model-len": "1"})).reason == "not-found-in-text"


@pytest.mark.parametrize("name", OBSCURE)
def test_where_a_script_is_not_understood_the_live_process_is_asked(name: str) -> None:
    live = ["/opt/vllm/bin/python", "/opt/vllm/bin/vllm", "serve", "/m", "--max-model-len", "25480"]
    case = service("command", source("script", "/srv/start.sh", OBSCURE[name]), argv=["/srv/start.sh"], running=live)
    launch = read(case)
    assert launch is not None and launch.options == {"--max-model-len": "25480"}
    assert by_hand(case, Edit({"--max-model-len": "1"})).command == (
        "/opt/vllm/bin/python /opt/vllm/bin/vllm serve /m --max-model-len 1"
    )


def test_what_is_computed_stands_as_it_is_written() -> None:
    text = "#!/bin/sh\nvllm serve /m --tensor-parallel-size $(nvidia-smi -L | wc -l) --max-model-len 25480\n"
    case = service("command", source("script", "/srv/start.sh", text), argv=["sh", "/srv/start.sh"])
    launch = read(case)
    assert launch is not None
    assert launch.options == {"--tensor-parallel-size": "$(nvidia-smi -L | wc -l)", "--max-model-len": "25480"}
    (change,) = edit(case, Edit({"--max-model-len": "9"}))
    assert texts(applied(case, [change]))["/srv/start.sh"] == text.replace("25480", "9")
