"""Container engines for the tests of the agent: each kind is started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.beside_engines import FILES, IMAGE, Beside
from tests.hosts.containers import KINDS, Engine, Kind, engine


@pytest.fixture(scope="session", params=KINDS)
def an_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, Kind]]:
    kind: Kind = request.param
    with engine(tmp_path_factory.mktemp(kind) / "engine", kind=kind) as found:
        found.image(IMAGE, files=FILES, MODEL="glm")
        yield found, kind


@pytest.fixture
def beside(an_engine: tuple[Engine, Kind], tmp_path: Path) -> Iterator[Beside]:
    """The agent beside an engine, whose containers are gone afterwards."""
    found, kind = an_engine
    yield Beside(found, kind, tmp_path / "state")
    found.emptied()
