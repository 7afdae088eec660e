"""What a host shows, and the services found on it; each inventory made of them is one that our loader takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.cli.survey import Surveyed
from autoglm_fix.cli.telling import Sentences, written
from autoglm_fix.discovery import Found, services
from autoglm_fix.inventory import load_inventory
from autoglm_fix.inventory import services as declared
from tests.discovery.landscapes import NOW, landscape

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
BESIDE = {"why", "remarks", "state", "line", "without"}


def loaded(text: str, folder: Path) -> list[dict[str, Any]]:
    """The services that our loader finds in an inventory."""
    file = folder / "inventory.yml"
    file.write_text(text, encoding="utf-8")
    (host,) = load_inventory([str(file)]).select("all")
    return [asdict(each) for each in declared(host)]


def as_inventory(found: Sequence[Found], language: str = "en") -> str:
    return written({"localhost": Surveyed(found)}, {"localhost": {"ansible_connection": "local"}}, Sentences(language))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_what_is_found(case: dict[str, Any]) -> None:
    found = services(landscape(case))
    assert [each.name for each in found] == [each.get("name", found[n].name) for n, each in enumerate(case["found"])]
    for each, wanted in zip(found, case["found"], strict=True):
        keys = {key: value for key, value in wanted.items() if key not in BESIDE}
        assert {key: each.keys.get(key) for key in keys} == keys
        assert not set(wanted.get("without", ())) & set(each.keys)
        for what in ("why", "remarks"):
            assert what not in wanted or [remark.code for remark in getattr(each, what)] == wanted[what]
        assert each.state == wanted.get("state", each.state)
        assert "line" not in wanted or Sentences("en").line(each, NOW) == wanted["line"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_the_inventory_says_what_was_found(case: dict[str, Any], language: str, tmp_path: Path) -> None:
    found = services(landscape(case))
    text = as_inventory(found, language)
    read = loaded(text, tmp_path)
    assert [{key: given[key] for key in each.keys} for each, given in zip(found, read, strict=True)] == [
        dict(each.keys) for each in found
    ]
    assert "sk-sososecret" not in text and "hf_aaaa" not in text
    assert text.isprintable() or all(line.isprintable() for line in text.splitlines())
