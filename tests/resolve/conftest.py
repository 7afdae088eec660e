"""A resolver with a cache of its own, and an index that is filled by each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autoglm_fix.resolve.packages import Packages
from tests.file_server import FileServer, serving


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return Packages(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as running:
        yield running
