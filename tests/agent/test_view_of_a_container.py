"""What a service in a container sees: findings in its words, changes on the host's paths, advice for its image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.changes.link import Link
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.candidates import Candidates
from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.agent.inside import Inside
from autoglm_fix.agent.reach import Reach, Who
from autoglm_fix.agent.view import View
from autoglm_fix.diagnostics.generation_config import generation_config as judged
from autoglm_fix.diagnostics.weights import FolderDangling, FolderMissing, Unreadable, weights
from autoglm_fix.fixes import Declined
from autoglm_fix.fixes.generation_config import generation_config
from autoglm_fix.fixes.remap_path import remap_path
from tests.agent.beside_engines import Beside
from tests.weight_files import write_model

SLEEP = ("sleep", "1000")
NAME = "AutoGLM-Phone-9B"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder that containers have as /models, with a model in it."""
    write_model(tmp_path / "models" / NAME)
    return tmp_path / "models"


def mounted(models: Path, *more: str) -> list[str]:
    return ["-v", f"{models}:/models/mounted", "--stop-signal", "SIGKILL", *more]


def served(model: str, **more: Any) -> dict[str, Any]:
    return {"manager": "docker", "container": "model", "model": model, **more}


def run(beside: Beside, state: str, options: list[str]) -> None:
    """A container that runs, or one that has ended."""
    beside.run("model", *(SLEEP if state == "running" else ("sh", "-c", "exit 1")), options=options)
    if state == "ended":
        beside.engine.ended("model")


@pytest.mark.slow
@pytest.mark.parametrize("state", ["running", "ended"])
class TestOfAContainer:
    def test_a_healthy_model_in_a_mount_has_nothing_wrong(self, beside: Beside, models: Path, state: str) -> None:
        run(beside, state, mounted(models))
        model = beside.fact(ModelFiles, **served(f"/models/mounted/{NAME}"))
        assert (model.folder.inside, model.folder.host) == (f"/models/mounted/{NAME}", str(models / NAME))
        assert model.state == "ok" and not list(weights(model))
        assert {each.host for each in model.files} == {str(models / NAME / each.name) for each in model.files}

    def test_findings_name_the_inside_path_and_fixes_the_hosts(self, beside: Beside, models: Path, state: str) -> None:
        run(beside, state, mounted(models))
        (models / NAME).rename(models / "moved")
        shutil.copytree(models / "moved", models / "llm" / NAME)
        shutil.rmtree(models / "moved")
        spec = served(f"/models/mounted/{NAME}")
        model = beside.fact(ModelFiles, **spec)
        (finding,) = weights(model)
        assert finding == FolderMissing(subject=f"/models/mounted/{NAME}", host=str(models / NAME))
        (change,) = remap_path(finding, model, beside.fact(Candidates, **spec))
        assert change == Link(str(models / NAME), f"/models/mounted/llm/{NAME}", "remap_path.link")
        assert isinstance(change, Link)
        ahead = beside.fact(ModelFiles, pending={change.path: change.to}, **spec)  # as a dry-run looks
        assert ahead.state == "ok" and not list(weights(ahead))
        (seen,) = beside.preview(change, **spec)
        assert seen["problem"] is None
        (done,) = beside.apply(change, **spec)
        assert done["made"], done
        assert os.readlink(models / NAME) == f"/models/mounted/llm/{NAME}"
        after = beside.fact(ModelFiles, **spec)
        assert after.state == "ok" and not list(weights(after))
        assert not (models / NAME).exists()  # to the host the link says nothing
        assert [each["state"] for each in beside.undo()] == ["removed"]
        assert not os.path.lexists(models / NAME)

    def test_a_link_is_followed_as_the_container_follows_it(self, beside: Beside, models: Path, state: str) -> None:
        run(beside, state, mounted(models))
        (models / "current").symlink_to(f"/models/mounted/{NAME}")
        (models / "hosts-own").symlink_to(models / NAME)  # leads to a file of the host, and nowhere inside
        good = beside.fact(ModelFiles, **served("/models/mounted/current"))
        assert (good.state, good.folder.host) == ("ok", str(models / NAME))
        bad = beside.fact(ModelFiles, **served("/models/mounted/hosts-own"))
        (finding,) = weights(bad)
        assert isinstance(finding, FolderDangling)
        assert (finding.subject, finding.host) == ("/models/mounted/hosts-own", str(models / "hosts-own"))
        assert finding.link == str(models / "hosts-own")

    def test_a_model_in_an_image_is_read_but_never_changed(self, beside: Beside, models: Path, state: str) -> None:
        run(beside, state, mounted(models))
        spec = served("/models/baked")
        model = beside.fact(ModelFiles, **spec)
        assert (model.state, model.folder.inside, model.folder.host) == ("ok", "/models/baked", None)
        assert (model.config.state, model.config.model_type) == ("ok", "glm4v")
        assert {each.host for each in model.files} == {None}
        settings, vocabulary = beside.fact(GenerationSettings, **spec), beside.fact(Vocabulary, **spec)
        findings = [each for each in judged(settings, vocabulary) if each.severity == "error"]
        assert "/models/baked/generation_config.json: max_new_tokens" in {each.subject for each in findings}
        for finding in findings:
            assert list(generation_config(finding, settings, vocabulary)) == [
                Declined("generation_config.no-host-path", {"subject": "/models/baked/generation_config.json"})
            ]

    def test_a_model_that_nothing_mounts_gets_advice(self, beside: Beside, models: Path, state: str) -> None:
        run(beside, state, mounted(models))
        spec = served(str(models / NAME))  # the host's path, which means nothing inside
        model = beside.fact(ModelFiles, **spec)
        (finding,) = weights(model)
        assert finding == FolderMissing(subject=str(models / NAME), host=None)
        (declined,) = remap_path(finding, model, beside.fact(Candidates, **spec))
        assert isinstance(declined, Declined) and declined.code == "remap_path.no-host-path"

    def test_settings_in_a_mount_are_corrected_on_the_host(self, beside: Beside, models: Path, state: str) -> None:
        run(beside, state, mounted(models))
        (models / NAME / "generation_config.json").write_text('{"max_new_tokens": 0}')
        spec = served(f"/models/mounted/{NAME}")
        settings, vocabulary = beside.fact(GenerationSettings, **spec), beside.fact(Vocabulary, **spec)
        (change,) = generation_config(next(iter(judged(settings, vocabulary))), settings, vocabulary)
        assert isinstance(change, WriteFile) and change.path == str(models / NAME / "generation_config.json")

    def test_its_own_users_rights_count(self, beside: Beside, models: Path, state: str) -> None:
        run(beside, state, mounted(models, "--user", "vllm"))
        spec = served(f"/models/mounted/{NAME}")
        config = models / NAME / "config.json"
        config.chmod(0o640)
        os.chown(config, 0, 777)  # a group that only the container knows
        assert not list(weights(beside.fact(ModelFiles, **spec)))
        os.chown(config, 0, 0)
        (finding,) = weights(beside.fact(ModelFiles, **spec))
        assert isinstance(finding, Unreadable)
        assert (finding.user, finding.barrier) == ("4321", str(config))


@pytest.mark.slow
def test_a_container_that_is_not_there_says_nothing_of_any_path(beside: Beside, models: Path) -> None:
    said = beside.collect(ModelFiles, **served(str(models / NAME)))
    assert said == {
        "unknown": f"what model sees at {models.parts[0]}{models.parts[1]} cannot be told: no container is named model"
    }


@pytest.mark.slow
def test_a_named_volume_and_a_file_are_mounts_too(beside: Beside, models: Path) -> None:
    volume = beside.engine.docker("volume", "create", "--label", "lab", "models").strip()
    config = models / NAME / "config.json"
    beside.run("model", *SLEEP, options=[*mounted(models), "-v", f"{volume}:/data", "-v", f"{config}:/etc/config.json"])
    where = Path(beside.engine.docker("volume", "inspect", "-f", "{{.Mountpoint}}", volume).strip())
    write_model(where / NAME)
    model = beside.fact(ModelFiles, **served(f"/data/{NAME}"))
    assert (model.state, model.folder.host) == ("ok", str(where / NAME))
    beside.engine.docker("rm", "-f", "model")
    beside.engine.docker("volume", "rm", volume)


@pytest.mark.slow
def test_a_services_unit_may_be_a_front_end(beside: Beside, models: Path) -> None:
    """Whoever starts it, the container that the inventory names is what the service sees."""
    beside.run("model", *SLEEP, options=mounted(models))
    spec = {**served(f"/models/mounted/{NAME}"), "manager": "systemd", "unit": "model.service"}
    assert beside.fact(ModelFiles, **spec).folder.host == str(models / NAME)


def inside(tmp_path: Path, **mounts: str | None) -> Inside:
    named = {f"/{name.replace('__', '/')}": where for name, where in mounts.items()}
    return Inside("model", named, 0, {})


PLACES = [
    ("/models/a", "/data/models/a"),
    ("/models", "/data/models"),
    ("/models/own/a", "/mnt/own/a"),  # the longest mount wins
    ("/modelsX", None),
    ("/scratch/a", None),
    ("/", None),
]


@pytest.mark.parametrize(("path", "host"), PLACES)
def test_the_longest_mount_wins(tmp_path: Path, path: str, host: str | None) -> None:
    container = inside(tmp_path, models="/data/models", models__own="/mnt/own", scratch=None)
    assert container.host(path) == host


def test_a_path_of_the_host_has_a_name_for_each_mount_that_shows_it(tmp_path: Path) -> None:
    container = inside(tmp_path, models="/data/models", a="/data", models__own="/mnt/own")
    assert set(container.names("/data/models/x")) == {"/models/x", "/a/models/x"}
    assert container.names("/data/models/own/x") == ["/a/models/own/x"]  # hidden below another mount
    assert container.names("/data") == ["/a"]
    assert container.names("/elsewhere/x") == []


def test_the_folders_above_a_mount_are_there_whoever_can_look(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    view = View(container=inside(tmp_path, srv__models=str(tmp_path)))
    reached = Reach(view, Who("4321:4321")).follow("/srv/models/model")
    assert reached.seen is not None and reached.host == str(tmp_path / "model")


def test_a_user_of_a_container_is_its_numbers() -> None:
    who = Who("4321:4321,777")
    assert (who.uid, who.groups, who.name) == (4321, frozenset({4321, 777}), "4321")
    assert Who("vllm of the container model").uid is None  # nobody can say what it may
