"""dependencies: one row for each way in which an environment does not suit itself, Python or the model."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics.dependencies import dependencies
from autoglm_fix.diagnostics.dependency_rules import rules
from autoglm_fix.diagnostics.dependency_tree import Tree, version_of
from autoglm_fix.diagnostics.versions import NeedsVersions
from autoglm_fix.locale import LANGUAGES, Catalogue

from .dependency_facts import MODELS, environment, model, service

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))


def judged(case: dict[str, Any]) -> list[Any]:
    known = environment(case["installed"], case.get("python", "3.11.7"), **case.get("environment", {}))
    engine = case.get("engine", "vllm")
    launched = service(case.get("argv"), case.get("variables"))
    return list(dependencies(known, launched, model(case.get("model", "unread"), engine)))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_an_environment_gives_findings(case: dict[str, Any]) -> None:
    found = judged(case)
    assert [[each.code.partition(".")[2], each.subject] for each in found] == case["findings"]
    assert len({(each.code, each.subject) for each in found}) == len(found)
    for name in ("requirements", "overrides"):
        if name in case:
            assert found[0].evidence[name] == case[name]
    for name in ("signature", "wanted"):
        if name in case:
            assert case[name] in str(next(each for each in found if name in each.evidence).evidence[name])


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_what_a_repair_is_told_can_be_read_and_every_finding_has_words(case: dict[str, Any]) -> None:
    for each in judged(case):
        if isinstance(each, NeedsVersions):
            for line in (*each.requirements, *each.overrides):
                Requirement(line)
            assert all(set(index) == {"url", "names"} for index in each.indexes)
        values = {"subject": each.subject, **each.evidence}
        for language in LANGUAGES:
            assert Catalogue(language).text(each.code, **values)
            assert Catalogue(language).part(each.code, "advice", values)


@pytest.mark.parametrize("config", sorted(MODELS))
@pytest.mark.parametrize("engine", ["vllm", "sglang", "transformers", "llama.cpp", "ollama", "custom"])
@pytest.mark.parametrize("text", ["", "\x00", "{{ 7*7 }}", "a" * 5000, "1" * 400, "-r /etc/passwd", "\ud800", "../x"])
def test_no_text_is_a_bug(text: str, engine: str, config: str) -> None:
    about = {
        "requires": [text, f"torch{text}", f"torch; {text}", f"torch>={text}", f"transformers[{text}]"],
        "requires_python": text,
        "extras": [text],
        "direct_url": text,
        "build": text,
        "problem": text,
    }
    names = ("vllm", "sglang", "transformers", "torch", "torchvision", "numpy", "flashinfer-python", "flashinfer-cubin")
    known = environment({f"{name} {text}": about for name in names})
    for argv in (None, [text], ["vllm", "serve", text]):
        for finding in dependencies(known, service(argv), model(config, engine)):
            assert finding.code.startswith("dependencies.")


def test_the_healthy_environment_of_these_tests_raises_no_alarm() -> None:
    known = Environment.collect(Context(service=ServiceSpec(python=sys.executable)))
    found = list(dependencies(known, service(), model("glm4", "transformers")))
    if known.installed("transformers") is None:
        assert {each.code for each in found if each.severity == "error"} == {"dependencies.engine-missing"}
    else:
        assert [each for each in found if each.severity != "info"] == []


def test_every_rule_names_versions_that_can_be_compared_and_has_a_source() -> None:
    for rule in rules().rules:
        assert len(rule.when) > 1
        assert rule.source
        assert rule.signature or rule.kind == "prescribed"
        for versions in rule.when.values():
            SpecifierSet(versions)
        for line in (*rule.cure, *rule.overrides):
            Requirement(line)
    for each in rules().architectures.values():
        assert all(version_of(least) for least in each.values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", rules().read)


def test_no_rule_is_cured_by_versions_that_it_holds_for() -> None:
    for rule in rules().rules:
        cured = {Requirement(line).name: Requirement(line).specifier for line in rule.cure}
        for name in cured.keys() & rule.when.keys():
            if rule.kind != "prescribed":
                bad = SpecifierSet(rule.when[name])
                assert not any(
                    cured[name].contains(version, prereleases=True) and bad.contains(version, prereleases=True)
                    for version in ("1.26.4", "2.0.0", "2.1.0", "4.52.0", "4.57.1", "5.0.0", "9.10.2.21", "9.16.0.29")
                )


names = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,12}[A-Za-z0-9])?\Z")
versions = st.from_regex(
    r"\A[0-9]{1,2}(\.[0-9]{1,3}){0,3}((a|b|rc)[0-9])?(\.post[0-9])?(\.dev[0-9])?(\+[a-z0-9]{1,5})?\Z"
)


@settings(max_examples=200, deadline=None)
@given(names, versions)
def test_whatever_is_installed_satisfies_its_own_exact_pin(name: str, version: str) -> None:
    tree = Tree(environment({"vllm 0.30.0": [f"{name}=={version}", f"{name}>={Version(version).public}"]}))
    has = Tree(environment({"vllm 0.30.0": [f"{name}=={version}"], f"{name} {version}": []}))
    assert {tree.judge(need) for need in tree.needs("vllm")} <= {"missing", "conflict"}
    if name.lower() != "vllm":
        assert [has.judge(need) for need in has.needs("vllm")] == ["fits"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_a_line_is_read_or_noted(line: str) -> None:
    tree = Tree(environment({"vllm 0.30.0": [line]}))
    found = list(tree.closure([("vllm", "")]).needs)
    try:
        Requirement(line)
    except InvalidRequirement:
        assert not found
        assert tree.unreadable == {"vllm": [line]} or "extra" in line.partition(";")[2]
