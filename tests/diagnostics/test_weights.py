"""weights: one row for each way in which the files of a model break."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import CannotTell
from autoglm_fix.diagnostics import Finding, findings
from autoglm_fix.diagnostics.weights import weights
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests import shards
from tests.diagnostics.broken_weights import (
    BROKEN,
    BROKEN_DEEP,
    FIRST,
    HARMLESS_DEEP,
    INDEX,
    SECOND,
    THIRD,
    Break,
    codes,
    cut,
    diagnose,
    link_to_nothing,
    remove,
    several,
)
from tests.models import tiny


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return shards.model(tmp_path / "model")


@pytest.mark.parametrize(("apply", "expected"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_headers_look_finds_that(model: Path, apply: Break, expected: list[tuple[str, str]]) -> None:
    apply(model)
    assert codes(diagnose(model)) == expected


@pytest.mark.parametrize(("apply", "expected"), [row[1:] for row in BROKEN_DEEP], ids=[row[0] for row in BROKEN_DEEP])
def test_a_deep_look_finds(model: Path, apply: Break, expected: list[tuple[str, str]]) -> None:
    apply(model)
    assert codes(diagnose(model, deep=True)) == expected


@pytest.mark.parametrize("apply", [row[1] for row in HARMLESS_DEEP], ids=[row[0] for row in HARMLESS_DEEP])
def test_a_deep_look_does_not_mind(model: Path, apply: Break) -> None:
    apply(model)
    assert diagnose(model, deep=True) == []


@pytest.mark.parametrize("deep", [False, True])
def test_a_healthy_model_has_no_findings(model: Path, deep: bool) -> None:
    assert diagnose(model, deep=deep) == []


@pytest.mark.parametrize("deep", [False, True])
def test_a_healthy_model_in_a_hubs_cache_has_no_findings(model: Path, tmp_path: Path, deep: bool) -> None:
    shards.hub_cache(tmp_path / "hub", model)
    assert diagnose("org/name", deep=deep, environment={"HF_HUB_CACHE": str(tmp_path / "hub")}) == []


@pytest.mark.slow
@pytest.mark.parametrize("build", [tiny.build_text, tiny.build_vision])
def test_a_model_that_transformers_saved_has_no_findings(tmp_path: Path, build: Callable[[Path], None]) -> None:
    pytest.importorskip("transformers")
    build(tmp_path)
    assert diagnose(tmp_path, deep=True) == []


def test_several_faults_are_all_found(model: Path) -> None:
    several(cut(FIRST, 10), remove(SECOND, "tokenizer.json"), link_to_nothing(THIRD))(model)
    assert set(codes(diagnose(model))) == {
        ("shard-truncated", FIRST),
        ("shard-missing", SECOND),
        ("dangling-link", THIRD),
        ("tokenizer-missing", "tokenizer.json"),
    }


class TestTheFolder:
    @pytest.mark.parametrize(
        ("make", "code"),
        [
            (lambda path: None, "folder-missing"),
            (lambda path: path.symlink_to("gone"), "folder-dangling"),
            (lambda path: path.write_text("x"), "not-a-folder"),
            (lambda path: path.mkdir(), "folder-empty"),
        ],
    )
    def test_is_judged_before_its_files(self, tmp_path: Path, make: Callable[[Path], object], code: str) -> None:
        make(tmp_path / "model")
        assert codes(diagnose(tmp_path / "model")) == [(code, "model")]

    def test_of_a_hubs_model_that_was_never_downloaded(self, tmp_path: Path) -> None:
        findings = diagnose("org/name", environment={"HF_HUB_CACHE": str(tmp_path)})
        assert [each.code for each in findings] == ["weights.not-downloaded"]

    def test_of_no_service_cannot_be_told(self) -> None:
        with pytest.raises(CannotTell):
            ModelFiles.collect(Context(service=ServiceSpec(endpoint="http://127.0.0.1:8000/v1")))


class TestTheEngine:
    @pytest.mark.parametrize("engine", ["vllm", "sglang"])
    def test_may_need_no_index(self, model: Path, engine: str) -> None:
        remove(INDEX)(model)
        assert diagnose(model, engine=engine) == []

    def test_may_be_given_tokenizer_and_template_from_elsewhere(self, model: Path) -> None:
        remove("tokenizer.json", "tokenizer_config.json")(model)
        assert diagnose(model, command=["vllm", "serve", str(model), "--tokenizer=/other"]) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_what_the_services_user_cannot_read_is_named_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("shared")
    for folder in (base, *base.parents[:-2]):
        folder.chmod(0o755)
    model = shards.model(base / "model")
    blobs = base / "blobs"
    blobs.mkdir(mode=0o700)
    for name in (FIRST, SECOND):
        (model / name).rename(blobs / name)
        (model / name).symlink_to(f"../blobs/{name}")
    (finding,) = diagnose(model, user="nobody")
    assert (finding.code, finding.subject) == ("weights.unreadable", str(model / FIRST))
    assert finding.evidence["barrier"] == str(blobs)


CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_facts_give_findings(case: dict[str, Any]) -> None:
    found = list(weights(msgspec.convert(case["fact"], ModelFiles)))
    assert [(each.code, each.subject) for each in found] == [tuple(each) for each in case["findings"]]


def shipped() -> list[type[Finding]]:
    return [each for each in findings() if each.code.startswith("weights.")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_has_its_sentences(language: str) -> None:
    catalogue = Catalogue(language)
    values = {"str": "x", "int": 5, "bool": True, "list[str]": ["x"], "str | None": "x", "int | None": 5}
    for kind in shipped():
        named = {name: values[hint] for name, hint in hints(kind).items()}
        assert catalogue.part(kind.code, "summary", named)
        if kind.severity == "error":
            assert catalogue.part(kind.code, "advice", named)


def hints(kind: type[Finding]) -> dict[str, str]:
    found = {"subject": "str", **kind.__annotations__}
    return {name: hint for name, hint in found.items() if not hint.startswith("ClassVar")}
