from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix import locale

SAMPLE = yaml.safe_load((Path(__file__).parent / "sample.yml").read_text("utf-8"))


@pytest.fixture(autouse=True)
def sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogues with a topic of the tests' own: what others say may change, the goldens must not."""
    shipped = locale._topic

    def topic(language: str, name: str) -> dict[str, Any]:
        return SAMPLE[language] if name == "sample" else shipped(language, name)

    monkeypatch.setattr(locale, "_topic", topic)
