"""What every test has: a state directory of its own, and nothing left running or open behind it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.leaks import held, left_since


def pytest_configure() -> None:
    """Generated tests are the same everywhere, and have the time that they take; what is ignored stays ignored in every
    child: a suite in the background hears, and heeds no more than before."""
    settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("same")
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the most slow tests come first, so that no worker is left with one of them at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """A test that leaks a thread, a child process or a file descriptor fails."""
    before = held()
    yield
    left = left_since(before)
    assert not left, "; ".join(left)


@pytest.fixture(scope="session")
def ansible_cfg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that says nothing: whoever runs the tests may have another."""
    file = tmp_path_factory.mktemp("ansible") / "ansible.cfg"
    file.touch()
    return file


@pytest.fixture(autouse=True)
def what_ansible_is_told(ansible_cfg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing."""
    monkeypatch.setenv("ANSIBLE_CONFIG", str(ansible_cfg))


@pytest.fixture(autouse=True)
def state_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory of this test: journals, locks and records."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("AUTOGLM_FIX_STATE_DIR", str(folder))
    os.environ.pop("HF_ENDPOINT", None)
    return folder
