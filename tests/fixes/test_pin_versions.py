"""pin_versions: one change for an environment, or the reason why there is none."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from autoglm_fix.agent.changes import to_wire
from autoglm_fix.agent.changes.install import Install
from autoglm_fix.agent.facts.environment import Environment, Index
from autoglm_fix.agent.facts.package_index import PackageIndex
from autoglm_fix.diagnostics.versions import NeedsVersions
from autoglm_fix.fixes.pin_versions import pin_versions
from autoglm_fix.fixes.registry import Declined
from autoglm_fix.fixes.together import Together
from autoglm_fix.locale import LANGUAGES, Catalogue
from autoglm_fix.resolve import Demand, NoSolution, Pin, Resolver, Solution, Tool, Wheels
from tests.resolve.environments import SITE, dist, environment

PINS = (
    Pin("lib", "1.9", "2.0", "https://x/lib-1.9.whl", "lib-1.9.whl", "ab" * 32, 1000, "engine 1.0 needs lib<2"),
    Pin("tool", "1.0", None, "https://x/tool-1.0.whl", "tool-1.0.whl", "cd" * 32, None, "engine 1.0 needs tool"),
)
ENV = environment(dist("engine", "1.0", "lib<2", "tool"), dist("lib", "2.0"))


class Wrong(NeedsVersions, frozen=True, kw_only=True):
    code: ClassVar[str] = "dependencies.conflict"


class WrongCard(NeedsVersions, frozen=True, kw_only=True):
    code: ClassVar[str] = "cuda.cpu-build"


@dataclass
class Answers(Resolver):
    """Answers what it is told to, and remembers what it was asked."""

    answer: Solution | NoSolution = field(default_factory=lambda: Solution(PINS, "the lock\n"))
    refuses: str = "\0"
    asked: list[tuple[Demand, Tool, str, Wheels]] = field(default_factory=list)

    def solve(
        self, environment: Environment, demand: Demand, *, tool: Tool, index: str, wheels: Wheels
    ) -> Solution | NoSolution:
        self.asked.append((demand, tool, index, wheels))
        if self.refuses in " ".join(demand.requirements):
            return NoSolution("contradiction", f"{self.refuses} cannot be")
        return self.answer


def offers(finding: NeedsVersions, env: Environment, answers: Resolver, *others: NeedsVersions, **more: Any) -> object:
    (offer,) = pin_versions(finding, env, PackageIndex(env.index), answers, Together(others or (finding,)), **more)
    return offer


LIB = Wrong(subject="lib", requirements=["lib<2"])
TOOL = Wrong(subject="tool", requirements=["tool"])


def test_the_solution_becomes_one_change_of_the_environment() -> None:
    made = offers(LIB, ENV, Answers())
    assert isinstance(made, Install)
    assert (made.path, made.site, made.python) == ("/srv/env", SITE, "/srv/env/bin/python")
    assert (made.lock, made.lock_path) == ("the lock\n", "/srv/env/autoglm-fix.lock")
    assert (made.source, made.values) == ("index", {"packages": "lib 1.9, tool 1.0"})
    assert made.pins[0] == {
        "name": "lib",
        "version": "1.9",
        "before": "2.0",
        "info": "lib-2.0.dist-info",
        "file": "lib-1.9.whl",
        "url": "https://x/lib-1.9.whl",
        "sha256": "ab" * 32,
        "size": 1000,
        "why": "engine 1.0 needs lib<2",
    }
    assert (made.pins[1]["before"], made.pins[1]["info"]) == (None, "")


def test_all_findings_of_an_environment_are_the_same_change() -> None:
    answers = Answers()
    one, other = offers(LIB, ENV, answers, LIB, TOOL), offers(TOOL, ENV, answers, LIB, TOOL)
    assert isinstance(one, Install) and isinstance(other, Install)
    assert to_wire(one) == to_wire(other)
    assert {demand.requirements for demand, *_ in answers.asked} == {("lib<2", "tool")}


def test_a_finding_that_cannot_be_cured_does_not_keep_the_others_from_it() -> None:
    answers = Answers(refuses="impossible")
    bad = Wrong(subject="engine", requirements=["engine>9", "impossible"])
    assert offers(bad, ENV, answers, LIB, bad, TOOL) == Declined(
        "pin_versions.contradiction", {"reason": "impossible cannot be"}
    )
    made = offers(LIB, ENV, answers, LIB, bad, TOOL)
    assert isinstance(made, Install)
    assert answers.asked[-1][0].requirements == ("lib<2", "tool")
    assert offers(TOOL, ENV, answers, LIB, bad, TOOL) == made


def test_the_demand_is_what_all_findings_need() -> None:
    answers = Answers()
    card = WrongCard(
        subject="GPU 0",
        requirements=["torch==2.9.1+cu126"],
        indexes=[
            {"url": "https://whl/cu126", "names": ["torch"]},
            {"url": "https://whl/cu126", "names": ["torch", "x"]},
        ],
        overrides=["transformers>=5"],
    )
    whole = Wrong(subject="engine", requirements=["lib>1"])
    offers(card, ENV, answers, card, whole, resolver_="pip-tools", index="https://mirror", wheels="/srv/wheels")
    demand, tool, index, wheels = answers.asked[0]
    # "engine" is installed and itself at fault: named although its finding asks for something else.
    assert demand.requirements == ("torch==2.9.1+cu126", "lib>1", "engine")
    assert demand.indexes == (("https://whl/cu126", ("torch", "x")),)
    assert demand.overrides == ("transformers>=5",)
    assert (tool, index, wheels) == ("pip-tools", "https://mirror", Wheels("folder", "/srv/wheels"))


@pytest.mark.parametrize(
    ("options", "set_by", "source"),
    [
        ({}, Index(), "index"),
        ({"wheels": "index"}, Index(), "index"),
        ({"wheels": "controller"}, Index(), "parcels"),
        ({"wheels": "/srv/wheels"}, Index(), "parcels"),
        ({"index": "https://user:secret@mirror/simple"}, Index(), "parcels"),
        ({}, Index(url="https://mirror", set_by="/etc/pip.conf", credentials=True), "parcels"),
        ({"index": "https://pypi.org/simple"}, Index(credentials=True), "index"),
    ],
)
def test_wheels_come_by_the_way_that_can_be_gone(options: dict[str, str], set_by: Index, source: str) -> None:
    made = offers(LIB, dataclasses.replace(ENV, index=set_by), Answers(), **options)
    assert isinstance(made, Install)
    assert made.source == source
    assert "secret" not in str(to_wire(made))


SYSTEM = {"prefix": "/usr", "site": ["/usr/lib/python3/dist-packages"], "base": True}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an image": ({"host": ""}, "container-image"),
    "the system's Python": ({**SYSTEM, "managed": True}, "managed"),
    "another's": ({"writable": False, "owner": "autoglm"}, "not-writable"),
    "no folder of its own": ({"site": ["/opt/deps"]}, "no-site"),
    "no Python": ({"absent": "llama.cpp is no Python program"}, "no-python"),
    "an unknown Python": ({"version": ""}, "no-python"),
    "conda's": (
        {"distributions": [dist("engine", "1.0", "lib<2"), dist("lib", "2.0", installer="conda")]},
        "conda",
    ),
    "one before it on the path": (
        {
            "site": ["/opt/first", SITE],
            "distributions": [dist("lib", "2.0", location="/opt/first/lib-2.0.dist-info")],
        },
        "elsewhere",
    ),
}


@pytest.mark.parametrize(("more", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_must_not_be_changed_from_here_gets_advice(more: dict[str, Any], code: str) -> None:
    declined = offers(LIB, dataclasses.replace(ENV, **more), Answers())
    assert isinstance(declined, Declined)
    assert declined.code == f"pin_versions.{code}"
    for language in LANGUAGES:
        summary = Catalogue(language).part(declined.code, "summary", declined.values)
        assert summary and "{" not in summary
        assert "{" not in Catalogue(language).part(declined.code, "advice", declined.values)


def test_a_container_gets_the_line_of_its_dockerfile() -> None:
    declined = offers(LIB, dataclasses.replace(ENV, host=""), Answers())
    assert isinstance(declined, Declined)
    advice = Catalogue("en").part(declined.code, "advice", declined.values)
    assert "RUN /srv/env/bin/python -m pip install --no-deps lib==1.9 tool==1.0" in advice


@pytest.mark.parametrize("code", ["contradiction", "no-index", "not-here", "no-wheel", "no-hash"])
def test_no_solution_is_said_with_the_resolvers_reason(code: str) -> None:
    declined = offers(LIB, ENV, Answers(NoSolution(code, "because of this")))
    assert declined == Declined(f"pin_versions.{code}", {"reason": "because of this"})
    for language in LANGUAGES:
        assert "because of this" in Catalogue(language).part(f"pin_versions.{code}", "summary", declined.values)


def test_where_nothing_would_move_nothing_is_changed() -> None:
    declined = offers(LIB, ENV, Answers(Solution(())))
    assert declined == Declined("pin_versions.nothing", {"subject": "lib"})


def test_a_build_for_the_cpu_cures_no_finding_about_a_card() -> None:
    cpu = Answers(Solution((Pin("torch", "2.9.1+cpu", "2.9.1+cu126"),)))
    declined = offers(WrongCard(subject="torch", requirements=["torch"]), ENV, cpu)
    assert declined == Declined("pin_versions.cpu-only", {"torch": "torch 2.9.1+cpu"})
    assert isinstance(offers(Wrong(subject="torch", requirements=["torch"]), ENV, cpu), Install)


def test_a_python_without_an_environment_keeps_its_lock_beside_its_packages() -> None:
    site = "/usr/local/lib/python3.11/site-packages"
    base = dataclasses.replace(ENV, prefix="/usr/local", base=True, site=[site], python="python3", host="/usr/bin/x")
    made = offers(LIB, base, Answers())
    assert isinstance(made, Install)
    assert (made.path, made.lock_path, made.python) == (site, f"{site}/autoglm-fix.lock", "/usr/bin/x")
