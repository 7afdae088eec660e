"""weights: what its findings carry for a repair."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.diagnostics import Finding
from tests import shards
from tests.diagnostics.broken_weights import (
    SECOND,
    codes,
    cut,
    diagnose,
    write,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return shards.model(tmp_path / "model")


class TestWhatARepairNeeds:
    def values(self, findings: list[Finding]) -> dict[str, Any]:
        assert len(findings) == 1
        return findings[0].evidence

    def test_of_a_truncated_shard_is_its_right_size(self, model: Path) -> None:
        size = (model / SECOND).stat().st_size
        cut(SECOND, 100)(model)
        said = self.values(diagnose(model))
        assert (said["file"], said["host"]) == (SECOND, str(model / SECOND))
        assert (said["size"], said["expected_size"], said["sha256"]) == (size - 100, size, None)

    def test_of_a_pointer_is_what_the_pointer_promises(self, model: Path) -> None:
        write(SECOND, shards.pointer("ab" * 32, 4567))(model)
        said = self.values(diagnose(model))
        assert (said["expected_size"], said["sha256"]) == (4567, "ab" * 32)

    def test_in_a_hubs_cache_is_the_blob_and_its_digest(self, model: Path, tmp_path: Path) -> None:
        snapshot = shards.hub_cache(tmp_path / "hub", model)
        digest = hashlib.sha256((model / SECOND).read_bytes()).hexdigest()
        blob = (snapshot / SECOND).resolve()
        os.truncate(blob, 5000)
        finding = diagnose("org/name", environment={"HF_HUB_CACHE": str(tmp_path / "hub")})
        assert finding[0].subject == str(snapshot / SECOND)
        said = self.values(finding)
        assert (said["host"], said["sha256"]) == (str(blob), digest)

    def test_of_a_blob_that_is_gone_is_where_the_link_leads(self, model: Path, tmp_path: Path) -> None:
        snapshot = shards.hub_cache(tmp_path / "hub", model)
        blob = (snapshot / SECOND).resolve()
        blob.unlink()
        said = self.values(diagnose("org/name", environment={"HF_HUB_CACHE": str(tmp_path / "hub")}))
        assert (said["host"], said["sha256"]) == (str(blob), blob.name)

    def test_of_a_changed_blob_is_the_digest_it_should_have(self, model: Path, tmp_path: Path) -> None:
        snapshot = shards.hub_cache(tmp_path / "hub", model)
        blob = (snapshot / SECOND).resolve()
        shards.overwrite(blob, blob.stat().st_size - 50, b"\x01\x02")
        findings = diagnose("org/name", deep=True, environment={"HF_HUB_CACHE": str(tmp_path / "hub")})
        assert codes(findings) == [("digest-mismatch", SECOND)]
        said = self.values(findings)
        assert (said["sha256"], said["found"]) == (blob.name, hashlib.sha256(blob.read_bytes()).hexdigest())

    def test_of_a_link_that_leads_to_nothing_names_both_ends(self, tmp_path: Path) -> None:
        (tmp_path / "model").symlink_to("/nonexistent/model")
        said = self.values(diagnose(tmp_path / "model"))
        assert (said["link"], said["target"]) == (str(tmp_path / "model"), "/nonexistent/model")
