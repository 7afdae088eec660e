from __future__ import annotations

from collections.abc import Iterator

import pytest

from .real import Ansible


@pytest.fixture(scope="session")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ansible]:
    """The real Ansible, started once."""
    pytest.importorskip("ansible", reason="ansible-core is not installed")
    real = Ansible(tmp_path_factory.mktemp("ansible"))
    yield real
    real.end()
