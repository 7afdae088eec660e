"""Units: what is read is what systemd itself starts, before and after an edit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.launch import Edit, Launch, read
from autoglm_fix.launch.command import understand
from tests.hosts import Host, boot
from tests.launch.services import applied, by_hand, edit, service, source, texts

HERE = Path(__file__).parent
UNITS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "units.yml").read_text("utf-8"))
SERVER = (
    f"#!{sys.executable} -IS"
    + """
import json, os, sys
print(json.dumps({"argv": sys.argv[1:], "environment": dict(os.environ)}))
"""
)
EDITS = {
    "as it is": Edit(),
    "a longer value": Edit({"--max-model-len": "16384"}),
    "awkward values": Edit({"--max-model-len": "a b", "--chat-template": """it's "$HOME" ${x} `x` \\ #;% $A"""}),
    "more options": Edit({"--limit-mm-per-prompt": '{"image": 1, "video": 0}', "--max-num-seqs": "4"}),
    "a flag": Edit({"--enforce-eager": True, "--enable-prefix-caching": False}),
    "one less": Edit({"--max-model-len": None, "--enforce-eager": None}),
    "variables": Edit({}, {"HF_HOME": "/data two", "CUDA_VISIBLE_DEVICES": "0,1", "AWKWARD": """it's "$x" 5% \\ #"""}),
    "one variable less": Edit({}, {"HF_HOME": None}),
    "times": Edit({}, {}, {"start_s": 1800.0, "stop_s": 45.0}),
}
CASES = [(unit, wanted) for unit in UNITS for wanted in EDITS]


def name_of(unit: str, wanted: str) -> str:
    return f"{unit}--{wanted.replace(' ', '-')}"


def of(unit: str, wanted: str) -> Service:
    case, name = UNITS[unit], name_of(unit, wanted)
    files = [source("unit", f"/usr/lib/systemd/system/{name}.service", case["unit"].replace("@@", name))]
    for path, text in case.get("drop-ins", {}).items():
        files.append(source("drop-in", f"/etc/systemd/system/{name}.service.d/{path}", text))
    for path, text in case.get("files", {}).items():
        kind = "script" if path.endswith(".sh") else "env-file"
        files.append(source(kind, path.replace("@@", name), text))
    return service("systemd", *files, name=f"{name}.service", working_dir="/")


def after(unit: str, wanted: str) -> Service:
    before = of(unit, wanted)
    return applied(before, edit(before, EDITS[wanted]))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("systemd")
    tree = folder / "tree"
    lay(tree / "opt/tools/vllm", SERVER, 0o755)
    for unit, wanted in CASES:
        if (unit, wanted) not in IMPOSSIBLE:
            for path, text in texts(after(unit, wanted)).items():
                lay(tree / path.lstrip("/"), text, 0o755 if path.endswith(".sh") else 0o644)
        # Output of a unit of several shells and of systemd's own is apart.
        told = f"[Service]\nStandardOutput=file:/var/tmp/{name_of(unit, wanted)}\n"
        lay(tree / f"etc/systemd/system/{name_of(unit, wanted)}.service.d/00-told.conf", told, 0o644)
    with boot(folder / "gpu01", share=[folder]) as running:
        running.run("cp", "-r", f"{tree}/.", "/")
        running.run("systemctl", "daemon-reload")
        names = [name_of(*case) + ".service" for case in CASES if case not in IMPOSSIBLE]
        for at in range(0, len(names), 40):
            running.run("systemctl", "start", *names[at : at + 40])
        yield running


def lay(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    path.chmod(mode)


# A bare value of an env file by systemd's rules holds one line of words; these are all that none of them can.
IMPOSSIBLE: list[tuple[str, str]] = []


def seen(host: Host, name: str) -> dict[str, Any]:
    """What the server was given, once it has said so."""
    host.run("sh", "-c", f"timeout 120 sh -c 'until grep -q argv /var/tmp/{name}; do sleep 0.05; done'", check=False)
    found: dict[str, Any] = json.loads(host.run("cat", f"/var/tmp/{name}").stdout)
    return found


def agrees(launch: Launch | None, found: dict[str, Any]) -> None:
    assert launch is not None
    program = understand(launch.argv).front.at
    assert list(launch.argv[program + 1 :]) == found["argv"]
    assert {name: found["environment"].get(name) for name in launch.environment} == launch.environment


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "wanted"), CASES)
def test_what_is_read_is_what_systemd_starts(unit: str, wanted: str, host: Host) -> None:
    if (unit, wanted) in IMPOSSIBLE:
        pytest.skip("nothing was edited")
    found = seen(host, name_of(unit, wanted))
    agrees(read(after(unit, wanted)), found)
    for variable, value in EDITS[wanted].environment.items():
        assert found["environment"].get(variable) == value
    if EDITS[wanted].limits:
        shown = host.run(
            "systemctl", "show", f"{name_of(unit, wanted)}.service", "-p", "TimeoutStartUSec,TimeoutStopUSec"
        )
        assert shown.stdout.split() == ["TimeoutStartUSec=30min", "TimeoutStopUSec=45s"]


@pytest.mark.parametrize(("unit", "wanted"), CASES)
def test_what_was_edited_is_read_back(unit: str, wanted: str) -> None:
    before, edited = of(unit, wanted), EDITS[wanted]
    if (unit, wanted) in IMPOSSIBLE:
        assert by_hand(before, edited).reason == "not-found-in-text"
        return
    then, now = read(before), read(after(unit, wanted))
    assert then is not None and now is not None
    expected = {**then.options, **edited.options}
    assert now.options == {option: value for option, value in expected.items() if value is not None}
    for variable, value in edited.environment.items():
        assert now.environment.get(variable) == value
    assert edit(after(unit, wanted), edited) == []


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_itself_is_left_as_it_is(unit: str) -> None:
    for wanted in EDITS:
        if (unit, wanted) not in IMPOSSIBLE:
            path = f"/usr/lib/systemd/system/{name_of(unit, wanted)}.service"
            assert texts(after(unit, wanted))[path] == texts(of(unit, wanted))[path]
