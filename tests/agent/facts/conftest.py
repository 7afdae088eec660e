"""The model that these tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import shards


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return shards.model(tmp_path / "model")
