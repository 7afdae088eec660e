"""choose_build: the smallest change that makes torch, its engine, the driver and the cards fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from autoglm_fix.diagnostics.cuda_choice import Choice, choose_build, fits
from autoglm_fix.diagnostics.cuda_installed import Engine, Installed
from autoglm_fix.diagnostics.cuda_machine import Build, Machine, cuda_of, pair, tier, variant_of
from autoglm_fix.knowledge import compat

CASES = yaml.load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def machine(case: dict[str, Any]) -> Machine:
    return Machine(
        case["driver"],
        None,
        tuple(map(pair, case["cards"])),
        case.get("python", "3.11.4"),
        case.get("machine", "x86_64"),
        case.get("glibc", "2.36"),
    )


def installed(case: dict[str, Any]) -> Installed:
    version, _, variant = case["torch"].partition("+")
    release = compat.torch_release(version)
    from_pypi = release is not None and variant_of(release.cuda) == variant
    versions = {"torch": version if from_pypi else case["torch"], **case.get("installed", {})}
    name, _, number = case.get("engine", "").partition(" ")
    admits, engine = case.get("admits", ""), None
    if name:
        cuda = release.cuda if release else ""
        engine, admits = Engine(name, number, pair(cuda), known=True), f"=={version}"
        versions[name] = number
    build = Build(version, variant, cuda_of(variant))
    return Installed(build, engine, versions, SpecifierSet(admits), autoglm=case.get("autoglm") == "true")


def chosen(case: dict[str, Any]) -> Choice | None:
    return choose_build(machine(case), installed(case))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_the_smallest_change_that_fits(case: dict[str, Any]) -> None:
    choice = chosen(case)
    if case["requires"] == "none":
        assert choice is None
        return
    assert choice is not None
    assert list(choice.requirements) == case["requires"]
    if "index" in case:
        names = ("torch", "torchvision", "torchaudio")
        assert choice.indexes == ((f"https://download.pytorch.org/whl/{case['index']}", names),)


DRIVERS = ["470.82.01", "525.60.13", "535.183.01", "550.54.15", "570.124.06", "580.95.05", "595.71.05"]
CARDS = ["5.2", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"]


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("python", ["3.9.18", "3.11.4", "3.13.1", "3.14.0"])
def test_whatever_is_chosen_runs_there(driver: str, card: str, python: str) -> None:
    for torch in ("2.6.0+cu124", "2.9.1+cpu", "2.13.0+cu130"):
        case = {"driver": driver, "cards": [card], "python": python, "torch": torch}
        choice = chosen(case)
        if choice is None:
            continue
        (wanted,) = [Requirement(each) for each in choice.requirements]
        exact = next(str(each.version) for each in wanted.specifier if each.operator == "==")
        version, _, variant = exact.partition("+")
        release = compat.torch_release(version)
        assert release is not None
        build = Build(version, variant or variant_of(release.cuda), cuda_of(variant or variant_of(release.cuda)))
        assert fits(build, machine(case))
        assert build.cuda is not None
        assert tier(machine(case), build.cuda) in ("direct", "minor")
        assert not wanted.specifier.contains(installed(case).versions["torch"]), "what is installed would stay"
