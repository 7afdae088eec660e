"""Every fix over facts that an adversary wrote: what it yields can be shown, and touches what the facts name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix import diagnostics, fixes
from autoglm_fix.agent.changes import Change, from_wire, to_wire
from autoglm_fix.agent.changes.write_file import WriteFile, splice
from autoglm_fix.agent.facts.candidates import Candidate, Candidates
from autoglm_fix.agent.facts.model_files import Config
from autoglm_fix.agent.facts.package_index import PackageIndex
from autoglm_fix.agent.facts.source import Source
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.offers.offer import Offer
from autoglm_fix.diagnostics import DIAGNOSTICS
from autoglm_fix.engine.results import ChangeRecord
from autoglm_fix.engine.slot import record_of
from autoglm_fix.fixes import Declined
from autoglm_fix.fixes.together import Together
from autoglm_fix.locale import LANGUAGES, Catalogue
from autoglm_fix.resolve import Resolver
from tests import hostile
from tests.diagnostics import tokenizer_facts
from tests.diagnostics.every_case import facts_of, findings_of
from tests.diagnostics.test_tokenizer import CASES as TOKENIZER
from tests.report import runs

from .test_pin_versions import Answers
from .test_tokenizer import CASES as REPAIRED_TOKENIZERS

SHIPPED = sorted(fixes.load())
FIXES = fixes.FIXES
# The diagnostics whose findings a fix cures, and whose cases it is tried on.
ABOUT = {
    name: sorted(
        {finding.code.partition(".")[0] for finding in diagnostics.findings() if issubclass(finding, FIXES[name].cures)}
    )
    for name in SHIPPED
}
NAMES = ("config.json", "tokenizer.json", "model.safetensors", "chat_template.jinja", "generation_config.json")
CANDIDATES = Candidates(
    ["/data"],
    True,
    [
        Candidate("/data/m", "m", format="safetensors", config=Config("ok", model_type="glm4v"), identity="A"),
        Candidate("/data/c", "c", "org/c", "c0ffee", format="safetensors", identity="B", problem="x is truncated"),
    ],
    ["m"],
    ["m"],
    ["/data"],
)
MODEL = tokenizer_facts.model({"rows": 100})
SOURCE = Source(
    "/mirror/m",
    "ok",
    where="/mirror/m",
    offers=[Offer(name, f"/mirror/m/{name}", 100, "ab" * 32) for name in NAMES],
    weights=["model.safetensors"],
)


def cases_of(fix: str, diagnostic: str, folder: Path) -> list[hostile.Facts]:
    """The facts that a diagnostic and then the fix take, of those cases where the fix is asked anything."""
    names = list(DIAGNOSTICS[diagnostic].signature.facts)
    found = []
    for facts in facts_of(diagnostic, folder):
        known = dict(zip(names, facts, strict=True))
        more = [each for each in FIXES[fix].signature.facts if each not in known]
        if any(isinstance(finding, FIXES[fix].cures) for finding in findings_of(diagnostic, *facts)):
            found.append((*facts, *(_beside(each, len(found)) for each in more)))
    return found


def _beside(name: str, at: int) -> object:
    if name == "texts":
        return tokenizer_facts.texts(REPAIRED_TOKENIZERS[at % len(REPAIRED_TOKENIZERS)])
    return {"candidates": CANDIDATES, "source": SOURCE, "model": MODEL, "configured": PackageIndex()}[name]


def offered(fix: str, diagnostic: str, facts: hostile.Facts) -> Iterator[Change | Declined]:
    """All that a fix yields for all findings of a diagnostic."""
    known = dict(zip(_parameters(fix, diagnostic), facts, strict=True))
    looked = {name: known[name] for name in DIAGNOSTICS[diagnostic].signature.facts}
    found = [each for each in findings_of(diagnostic, *looked.values()) if isinstance(each, FIXES[fix].cures)]
    taken = {name: known[name] for name in FIXES[fix].signature.facts}
    for name, kind in FIXES[fix].signature.collaborators.items():
        taken[name] = Together(tuple(found)) if kind is Together else Answers() if kind is Resolver else None
    for finding in found:
        yield from FIXES[fix].function(finding, **taken)


def _parameters(fix: str, diagnostic: str) -> list[str]:
    names = list(DIAGNOSTICS[diagnostic].signature.facts)
    return [*names, *(each for each in FIXES[fix].signature.facts if each not in names)]


def texts_in(value: Any) -> Iterator[str]:
    """All texts of facts."""
    if is_dataclass(value) and not isinstance(value, type):
        yield from texts_in(vars(value))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from texts_in(key)
            yield from texts_in(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, str):
        yield value


def files_in(value: Any) -> Iterator[TextFile]:
    if isinstance(value, TextFile):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for each in vars(value).values():
            yield from files_in(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from files_in(each)


def is_right(change: Change, facts: hostile.Facts) -> ChangeRecord:
    """A change survives the wire, can be said, and touches what the facts name. As reports show it."""
    wire = json.loads(json.dumps(to_wire(change), allow_nan=False))
    assert to_wire(from_wire(wire)) == wire or change.kind == "write_file"
    for language in LANGUAGES:
        assert Catalogue(language).text(change.says, **change.values)
    assert _is_named(change.path, set(texts_in(facts))), change.path
    if isinstance(change, WriteFile):
        file = next((file for file in files_in(facts) if file.host == change.path), None)
        old = file.text.encode("utf-8") if file is not None else b""
        new = splice(old, change.splices)
        # What is not as it was looked at is refused on the host.
        as_seen = file is None or file.sha256 == hashlib.sha256(old).hexdigest()
        assert not as_seen or hashlib.sha256(new).hexdigest() == change.after
    return record_of(change, diff="", problem=None)


def _is_named(path: str, named: set[str]) -> bool:
    """Whether the facts name a path, or a folder that it lies in, or the unit that it is a drop-in of."""
    named = {*named, *map(os.path.dirname, named)}
    if path in named:
        return True
    rests = [path[len(each.rstrip("/")) :] for each in named if each and path.startswith(each.rstrip("/") + "/")]
    rests += [path.partition(f"/{each}.d/")[2] for each in named if each and f"/{each}.d/" in path]
    return any(".." not in rest.split("/") for rest in rests)


PAIRS = [(fix, diagnostic) for fix in SHIPPED for diagnostic in ABOUT[fix]]


@pytest.mark.slow
@pytest.mark.parametrize(("fix", "diagnostic"), PAIRS)
def test_no_text_or_number_is_a_bug_and_nothing_is_touched_that_is_not_named(
    fix: str, diagnostic: str, tmp_path: Path
) -> None:
    cases = cases_of(fix, diagnostic, tmp_path)
    if not cases:
        pytest.skip("no case has such a finding")
    declined: dict[str, Declined] = {}
    made: dict[str, ChangeRecord] = {}
    spoiled = (
        *hostile.every_field(cases, hostile.texts_and_numbers),
        *hostile.left_out(cases),
        *hostile.junk(cases),
    )
    for place, facts in spoiled:
        for offer in offered(fix, diagnostic, facts):
            if isinstance(offer, Declined):
                if repr(offer) not in declined:
                    declined[repr(offer)] = offer
                    hostile.has_its_words(offer)
                    if "command" in offer.values:
                        assert offer.values["command"], (place, offer)
                        hostile.runs_nothing_else(offer.values["command"])
            else:
                made[repr(offer)] = is_right(offer, facts)
    shown = sorted(declined, key=len)
    changes = sorted(made, key=len)
    step = replace(
        runs.UNFIXED_STEP,
        declined=tuple(declined[each] for each in dict.fromkeys([*shown[:20], *shown[-20:]])),
        changes=tuple(made[each] for each in dict.fromkeys([*changes[:20], *changes[-20:]])),
    )
    hostile.shown_safely(step)


@pytest.mark.slow
@pytest.mark.parametrize(("fix", "diagnostic"), PAIRS)
def test_a_very_long_text_is_a_text(fix: str, diagnostic: str, tmp_path: Path) -> None:
    cases = cases_of(fix, diagnostic, tmp_path)
    for _, facts in hostile.every_field(cases, hostile.long_texts):
        for offer in offered(fix, diagnostic, facts):
            assert isinstance(offer, Declined) or to_wire(offer)


def test_every_fix_has_cases() -> None:
    assert all(ABOUT.values())
    assert TOKENIZER
