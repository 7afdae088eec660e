"""A healthy unit of systemd costs one exchange, as a service without a manager does."""

from __future__ import annotations

import json
import sys

import pytest

from tests.hosts import Host

from .lab import ROOT, Served

pytestmark = pytest.mark.slow

LOOK = """
import json, sys
from autoglm_fix.agent.service import ServiceSpec
from tests.engine.overheard import look
channel, facts = look(ServiceSpec(**json.loads(sys.argv[1])))
print(json.dumps([channel.needs, channel.more_code, facts["Service"].state]))
"""


@pytest.mark.parametrize("more", ["", "EnvironmentFile=-/etc/default/autoglm"])
def test_a_healthy_unit_is_looked_at_in_one_exchange(host: Host, served: Served, more: str) -> None:
    served.define(more)
    served.start()
    spec = {**served.spec, "python": sys.executable}  # an environment; the system's own has eggs of its packages
    done = host.run(sys.executable, "-c", LOOK, json.dumps(spec), env={"PYTHONPATH": str(ROOT)})
    assert json.loads(done.stdout) == [[], [], "running"]
