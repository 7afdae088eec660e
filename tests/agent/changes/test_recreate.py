"""Containers made anew from their record by real engines, and the old ones brought back."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.changes.container_body import body_of, differences, relaunched
from autoglm_fix.agent.changes.recreate import Recreate, launch_lines
from autoglm_fix.agent.changes.restart import Restart
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.report.secrets import Secrets
from tests.agent.beside_engines import IMAGE, Beside
from tests.pythons import python_3_8

OLD, NEW = ("sleep", "1000"), ["sleep", "2000"]
AT_ONCE = ["--stop-signal", "SIGKILL"]


def made(entries: list[dict[str, Any]]) -> None:
    assert [each["made"] for each in entries] == [True] * len(entries), entries


def anew(planned_on: str = "", argv: list[str] | None = None) -> Recreate:
    return Recreate("model", planned_on, argv=argv or NEW, settle=0.2)


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def command(record: dict[str, Any]) -> list[str]:
    return [record["Path"], *record["Args"]]


def variables(record: dict[str, Any]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in record["Config"]["Env"] if "=" in line)


@pytest.mark.slow
def test_the_new_command_runs_and_all_else_is_as_it_was(beside: Beside, tmp_path: Path) -> None:
    limits = ["--oom-score-adj", "99", "--shm-size", "48m", "--cap-drop", "MKNOD"]
    limits += ["--ulimit", "nofile=900:1000", "--ulimit", "nproc=1000:1000"]
    more = ["--label", "team=a b", "-w", "/srv", "--user", "vllm", "--restart", "unless-stopped", "--stop-timeout", "3"]
    volumes = ["-v", f"{tmp_path}:/srv/models:ro", "-v", "/anonymous", "--tmpfs", "/scratch"]
    first = beside.run("model", *OLD, options=[*limits, *more, *volumes, "-e", "A=1", "-e", "KEY=x", *AT_ONCE])
    old = beside.inspect("model")
    quoted = "'c'"
    variables_now = {"A": f"a=b {quoted}", "VLLM_ATTENTION_BACKEND": "X", "KEY": None}
    change = Recreate("model", first, argv=NEW, environment=variables_now, settle=0.2)
    (seen,) = beside.preview(change)
    assert seen["problem"] is None
    changed = {line for line in seen["diff"].splitlines() if line[0] in "+-" and line[1] not in "+-"}
    assert changed == {
        "-  sleep 1000",
        "+  sleep 2000",
        "-  A=1",
        f"+  A={shlex.quote('a=b ' + quoted)}",
        "-  KEY=x",
        "+  VLLM_ATTENTION_BACKEND=X",
    }
    made(beside.apply(change))
    new = beside.inspect("model")
    assert new["Id"] != first and new["State"]["Running"] and command(new) == NEW
    assert new["Image"] == old["Image"] and new["Config"]["Image"] == old["Config"]["Image"]
    assert "KEY" not in variables(new) and variables(new)["A"] == "a=b 'c'"
    assert Path(f"/proc/{new['State']['Pid']}/environ").read_bytes().count(b"VLLM_ATTENTION_BACKEND=X\0") == 1
    assert differences(old, new) == []
    volume = next(each["Name"] for each in old["Mounts"] if each["Destination"] == "/anonymous")
    assert next(each["Name"] for each in new["Mounts"] if each["Destination"] == "/anonymous") == volume


@pytest.mark.slow
def test_the_image_is_the_same_where_its_name_means_another_by_now(beside: Beside) -> None:
    beside.engine.image("lab/moving:1", MODEL="old")
    first = beside.run("model", *OLD, options=AT_ONCE, image="lab/moving:1")
    before = beside.inspect("model")
    beside.engine.image("lab/moving:1", MODEL="new")
    made(beside.apply(anew(first)))
    after = beside.inspect("model")
    assert (after["Image"], variables(after)["MODEL"]) == (before["Image"], "old")


@pytest.mark.slow
def test_undo_brings_the_old_container_back(beside: Beside) -> None:
    first = beside.run("model", *OLD, options=AT_ONCE)
    made(beside.apply(anew(first)))
    assert beside.names() == {"model", f"model.autoglm-fix-{first[:12]}"}
    assert not beside.inspect(first)["State"]["Running"]
    assert [each["state"] for each in beside.undo()] == ["restored"]
    back = beside.inspect("model")
    assert (back["Id"], back["State"]["Running"], command(back)) == (first, True, list(OLD))
    assert beside.names() == {"model"}


@pytest.mark.slow
def test_the_oldest_python_can_do_it_too(beside: Beside) -> None:
    beside.python = python_3_8()
    first = beside.run("model", "sh", "-c", "exit 1", options=["--user", "vllm", *AT_ONCE])
    beside.engine.ended("model")
    spec = {"manager": "docker", "container": "model", "model": "/models/baked"}
    assert beside.service(**spec).state == "failed"
    assert beside.fact(ModelFiles, **spec).config.model_type == "glm4v"
    made(beside.apply(anew(first)))
    assert [each["state"] for each in beside.undo()] == ["restored"]


@pytest.mark.slow
def test_two_steps_of_a_run_are_undone_to_what_the_first_one_found(beside: Beside) -> None:
    first = beside.run("model", *OLD, options=AT_ONCE)
    made(beside.apply(anew(first), anew(argv=["sleep", "3000"])))
    assert command(beside.inspect("model")) == ["sleep", "3000"]
    assert {each["state"] for each in beside.undo()} == {"restored"}
    assert beside.inspect("model")["Id"] == first and beside.names() == {"model"}


@pytest.mark.slow
def test_a_restart_before_it_does_not_keep_the_old_one_from_coming_back(beside: Beside) -> None:
    first = beside.run("model", *OLD, options=AT_ONCE)
    restart = Restart({"name": "model", "manager": "docker", "container": "model"}, "model", settle=0.2)
    made(beside.apply(restart, anew(first), restart))
    assert {each["state"] for each in beside.undo()} == {"restored"}
    back = beside.inspect("model")
    assert (back["Id"], back["State"]["Running"]) == (first, True)


@pytest.mark.slow
def test_a_later_run_has_to_be_undone_first(beside: Beside) -> None:
    first = beside.run("model", *OLD, options=AT_ONCE)
    made(beside.apply(anew(first), run="one"))
    made(beside.apply(anew(argv=["sleep", "3000"]), run="two"))
    assert [each["state"] for each in beside.undo("one")] == ["refused"]
    assert [each["state"] for each in beside.undo("two")] == ["restored"]
    assert command(beside.inspect("model")) == NEW
    assert [each["state"] for each in beside.undo("one")] == ["restored"]
    assert beside.inspect("model")["Id"] == first and beside.names() == {"model"}


@pytest.mark.slow
def test_a_command_that_ends_at_once_leaves_the_old_container_running(beside: Beside) -> None:
    first = beside.run("model", *OLD, options=AT_ONCE)
    (failed,) = beside.apply(anew(first, ["sh", "-c", "echo no such option; exit 2"]))
    assert not failed["made"] and "no such option" in failed["problem"]
    back = beside.inspect("model")
    assert (back["Id"], back["State"]["Running"]) == (first, True)
    assert beside.names() == {"model"}


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["made", "stopped", "moved", "renamed"])
def test_what_was_cut_off_is_put_back(beside: Beside, cut: str) -> None:
    first = beside.run("model", *OLD, options=AT_ONCE)
    made(beside.apply(anew(first)))
    docker = beside.engine.docker
    kept, new = f"model.autoglm-fix-{first[:12]}", beside.inspect("model")["Id"]
    docker("kill", "model")
    if cut != "renamed":
        docker("rename", "model", "model.autoglm-fix-new")
    if cut in ("made", "stopped"):
        docker("rename", kept, "model")
    if cut == "made":
        docker("start", "model")
    journal = beside.state / "runs" / "run" / "journal.jsonl"
    journal.write_text(journal.read_text().splitlines()[0] + "\n")  # killed before the outcome was written
    assert beside.verb("recover", {}, {}) == ["model"]
    assert beside.inspect("model")["Id"] == first and beside.inspect("model")["State"]["Running"]
    assert beside.names() == {"model"} and new not in docker("ps", "-aq", "--no-trunc")


@pytest.mark.slow
def test_a_container_that_had_failed_is_started_anew_and_left_down_by_undo(beside: Beside) -> None:
    first = beside.run("model", "sh", "-c", "exit 1", options=AT_ONCE)
    beside.engine.ended("model")
    made(beside.apply(anew(first)))
    assert beside.inspect("model")["State"]["Running"]
    beside.undo()
    back = beside.inspect("model")
    assert (back["Id"], back["State"]["Running"]) == (first, False)


@pytest.mark.slow
def test_somebody_elses_container_of_that_name_is_left_alone(beside: Beside) -> None:
    first = beside.run("model", *OLD, options=AT_ONCE)
    made(beside.apply(anew(first)))
    beside.engine.docker("rm", "-f", "model")
    theirs = beside.run("model", *OLD, options=AT_ONCE)
    (entry,) = beside.undo()
    assert (entry["state"], entry["problem"]) == ("refused", "model was edited since")
    beside.undo(force=True)
    assert beside.inspect("model")["Id"] == theirs
    assert any("is another container by now" in each.get("line", "") for each in beside.said)


@pytest.mark.slow
class TestRefused:
    """Where something would be lost, and nothing is touched."""

    def refusal(self, beside: Beside, change: Recreate) -> str:
        before = beside.engine.docker("ps", "-a", "--format", "{{.ID}} {{.Names}} {{.State}}")
        (seen,) = beside.preview(change)
        (failed,) = beside.apply(change)
        assert failed["problem"] == seen["problem"]
        assert beside.engine.docker("ps", "-a", "--format", "{{.ID}} {{.Names}} {{.State}}") == before
        return str(seen["problem"])

    def test_with_data_in_its_own_layer(self, beside: Beside) -> None:
        write = "mkdir -p /root/.cache/huggingface/hub /root/.cache/vllm /srv; echo 1 > /root/.cache/vllm/x;"
        write += " echo 1 > /tmp/x; echo 1 > /root/.cache/huggingface/hub/blob; echo ready; exec sleep 1000"
        first = beside.run("model", "sh", "-c", write, options=AT_ONCE)
        while "ready" not in beside.engine.docker("logs", "model"):
            pass
        problem = self.refusal(beside, anew(first))
        assert problem == "model holds what is in no volume and would be lost: /root/.cache/huggingface/hub/blob"

    def test_with_its_container(self, beside: Beside) -> None:
        first = beside.run("model", *OLD, options=["--rm", *AT_ONCE])
        assert "(--rm)" in self.refusal(beside, anew(first))

    def test_with_another_that_uses_its_network(self, beside: Beside) -> None:
        first = beside.run("model", *OLD, options=AT_ONCE)
        beside.engine.docker("create", "--name", "side", "--network", "container:model", IMAGE, *OLD)
        problem = self.refusal(beside, anew(first))
        beside.engine.docker("rm", "-f", "side")
        assert problem == "side shares the network of model and would lose it"

    def test_where_another_definition_would_undo_it(self, beside: Beside) -> None:
        label = "com.docker.compose.project=shop"
        first = beside.run("model", *OLD, options=["--label", label, *AT_ONCE])
        assert self.refusal(beside, anew(first)) == "model is defined by a compose file"

    def test_for_a_container_that_was_made_anew_meanwhile(self, beside: Beside) -> None:
        beside.run("model", *OLD, options=AT_ONCE)
        assert "made anew since" in self.refusal(beside, Recreate("model", "0" * 64, argv=NEW))

    def test_for_a_container_that_is_not_there(self, beside: Beside) -> None:
        assert self.refusal(beside, anew()) == "no container is named model"


@pytest.mark.slow
class TestCompose:
    """A compose service is made anew by compose, after its file was edited."""

    @pytest.fixture
    def project(self, beside: Beside, tmp_path: Path) -> Path:
        folder = tmp_path / "shop"
        folder.mkdir()
        service = {
            "image": IMAGE,
            "command": "sleep 1000",
            "network_mode": "host",
            "stop_signal": "SIGKILL",
            "volumes": beside.engine.lent,
        }
        services = {"vllm": service, "other": {**service, "command": "sleep 1001"}}
        (folder / "compose.yml").write_text(json.dumps({"version": "3.7", "services": services}))
        beside.engine.compose("-f", "compose.yml", "up", "-d", cwd=folder)
        return folder

    def restart(self, project: Path) -> Restart:
        compose = {"files": [str(project / "compose.yml")], "service": "vllm"}
        return Restart({"name": "vllm", "manager": "compose", "compose": compose}, "vllm", settle=0.2)

    def edit(self, file: Path) -> WriteFile:
        text = file.read_text()
        at = text.index("sleep 1000")
        after = text.replace("sleep 1000", "sleep 2000")
        return WriteFile(str(file), [(at, at + 10, "sleep 2000")], sha256_of(text), sha256_of(after), risk="restart")

    def test_the_edited_service_alone_is_made_anew(self, beside: Beside, project: Path) -> None:
        ids = {name: beside.inspect(name)["Id"] for name in beside.names()}
        made(beside.apply(self.edit(project / "compose.yml"), self.restart(project)))
        assert beside.names() == set(ids)
        (changed,) = [name for name in ids if beside.inspect(name)["Id"] != ids[name]]
        assert "vllm" in changed and command(beside.inspect(changed)) == NEW
        assert {each["state"] for each in beside.undo()} == {"restored"}
        back = beside.inspect(changed)
        assert command(back) == list(OLD) and back["State"]["Running"]
        assert [name for name in ids if beside.inspect(name)["Id"] != ids[name]] == [changed]

    def test_without_an_edit_it_is_restarted(self, beside: Beside, project: Path) -> None:
        (name,) = [name for name in beside.names() if "vllm" in name]
        before = beside.inspect(name)
        made(beside.apply(self.restart(project)))
        after = beside.inspect(name)
        assert after["Id"] == before["Id"]
        assert after["State"]["StartedAt"] != before["State"]["StartedAt"] and after["State"]["Running"]

    def test_one_that_is_down_is_brought_up(self, beside: Beside, project: Path) -> None:
        beside.engine.compose("-f", "compose.yml", "rm", "-fs", "vllm", cwd=project)
        made(beside.apply(self.restart(project)))
        (name,) = [name for name in beside.names() if "vllm" in name]
        assert beside.inspect(name)["State"]["Running"]

    def test_data_in_the_containers_own_layer_is_not_thrown_away(self, beside: Beside, project: Path) -> None:
        (name,) = [name for name in beside.names() if "vllm" in name]
        beside.engine.docker("exec", name, "sh", "-c", "echo weights > /root/model.safetensors")
        first = beside.inspect(name)["Id"]
        done = beside.apply(self.edit(project / "compose.yml"), self.restart(project))
        assert done[0]["made"] and not done[1]["made"]
        assert "/root/model.safetensors would be lost" in done[1]["problem"]
        assert beside.inspect(name)["Id"] == first and beside.inspect(name)["State"]["Running"]

    def test_a_file_that_compose_cannot_read_is_said(self, beside: Beside, project: Path) -> None:
        (project / "compose.yml").write_text("services: [")
        (failed,) = beside.apply(self.restart(project))
        assert not failed["made"] and "compose.yml" in failed["problem"]


def test_a_secret_in_a_diff_is_one_that_is_masked() -> None:
    words = ["vllm", "serve", "/models/x", "--api-key", "geheim1234", "--enforce-eager", "--port", "8000"]
    lines = launch_lines(words, {"MY_API_KEY": "geheim1234", "A": "1", "GONE": None})
    assert lines == [
        "  vllm serve /models/x",
        "    --api-key geheim1234",
        "    --enforce-eager",
        "    --port 8000",
        "",
        "  A=1",
        "  MY_API_KEY=geheim1234",
    ]
    for sign in "+- ":
        assert "geheim" not in Secrets().hide("\n".join(sign + line for line in lines))


RECORD: dict[str, Any] = {
    "Id": "abcdef" * 10 + "abcd",
    "Image": "sha256:1",
    "Config": {"Hostname": "abcdefabcdef", "Image": "vllm:1", "Env": ["A=1", "B=2"], "Entrypoint": ["vllm", "serve"]},
    "HostConfig": {"NetworkMode": "shop", "Binds": ["/data:/models:ro"], "ShmSize": 1},
    "NetworkSettings": {"Networks": {"shop": {"Aliases": ["vllm", "abcdefabcdef"]}, "back": {"IPAMConfig": {}}}},
    "Mounts": [{"Type": "bind", "Source": "/data", "Destination": "/models"}],
}
COMMANDS = [
    (["vllm", "serve", "/models/x", "--port", "1"], (["vllm", "serve"], ["/models/x", "--port", "1"])),
    (["vllm", "serve"], (["vllm", "serve"], [])),
    (["python", "-m", "x"], (["python"], ["-m", "x"])),
]


@pytest.mark.parametrize(("argv", "split"), COMMANDS)
def test_the_entrypoint_stays_where_the_command_begins_with_it(
    argv: list[str], split: tuple[list[str], list[str]]
) -> None:
    assert relaunched(RECORD, argv) == split


def test_a_container_is_put_into_all_its_networks_again() -> None:
    body, more = body_of(RECORD, "vllm:1", None, {"A": None, "C": "3"}, False)
    assert body["NetworkingConfig"]["EndpointsConfig"]["shop"]["Aliases"] == ["vllm"]
    assert set(more) == {"back"}
    assert body["Env"] == ["B=2", "A", "C=3"]
    assert "Hostname" not in body  # it was the engine's own choice
    assert body["Labels"] == {"autoglm-fix.replaces": RECORD["Id"]}


def test_what_an_engine_leaves_out_is_noticed() -> None:
    host = {**RECORD["HostConfig"], "ShmSize": 2, "DeviceRequests": []}
    assert differences(RECORD, {**RECORD, "HostConfig": host}) == ["ShmSize"]
    assert differences(RECORD, {**RECORD, "Image": "sha256:2", "Mounts": []}) == ["Image", "Mounts"]
