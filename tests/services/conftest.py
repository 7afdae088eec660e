"""One host for the services of a module, and a model that each test may break."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.hosts import Host, boot

from .lab import FOLDER, ROOT, STATE, UNITS, Served, inventory

BUILD = "import pathlib, sys; from tests.cli.test_every_fault import chat_model; chat_model(pathlib.Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with the good files of a model below /srv/good."""
    with boot(tmp_path_factory.mktemp("host")) as host:
        host.run("mkdir", "-p", "/srv/good", "/srv/models")
        host.run(sys.executable, "-c", BUILD, "/srv/good/name", env={"PYTHONPATH": str(ROOT)})
        yield host


@pytest.fixture
def host(lab: Host) -> Iterator[Host]:
    """The host with the model in place, and nothing of an earlier test."""
    lab.run("cp", "-a", "/srv/good/name", FOLDER)
    yield lab
    for name in ("autoglm", "other"):
        lab.run("systemctl", "kill", "-s", "KILL", name, check=False)
        lab.run("systemctl", "stop", name, check=False)
        lab.run("systemctl", "reset-failed", name, check=False)
        lab.run("rm", "-rf", f"{UNITS}/{name}.service", f"{UNITS}/{name}.service.d")
    lab.run("rm", "-rf", STATE, "/srv/models", "/srv/disk2")
    lab.run("mkdir", "/srv/models")
    lab.run("systemctl", "daemon-reload")
    lab.run("journalctl", "--rotate")
    lab.run("journalctl", "--vacuum-time=1s")


@pytest.fixture
def served(host: Host) -> Served:
    """The service that the tests are about: declared, defined, and not started."""
    service = Served(host, "autoglm", 8123)
    service.define()
    inventory(host, service.spec)
    return service
