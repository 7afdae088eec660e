"""set_timeouts: what it sets is enough for the same diagnostic, and stands where the service takes it from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.changes.recreate import Recreate
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.callers import Callers
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics import timeouts_findings as found
from autoglm_fix.diagnostics.timeouts import timeouts
from autoglm_fix.fixes.registry import Declined
from autoglm_fix.fixes.set_timeouts import set_timeouts
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.diagnostics.timeouts_facts import NOW, model, service, start, unit
from tests.launch.services import applied, texts

CASES = yaml.safe_load((Path(__file__).parents[1] / "diagnostics" / "test_timeouts.yml").read_text(encoding="utf-8"))
BY_NAME = {case["case"]: case for case in CASES}
DROP_IN = "/etc/systemd/system/glm.service.d/50-autoglm-fix.conf"


def named(name: str, **more: Any) -> dict[str, Any]:
    return {**BY_NAME[name], **more}


def diagnosed(case: dict[str, Any], of: Service) -> list[Finding]:
    return list(timeouts(start(case), of, model(case), Callers()))


def offered(case: dict[str, Any], of: Service, **options: Any) -> list[Change | Declined]:
    (finding,) = [each for each in diagnosed(case, of) if each.code != "timeouts.slow-start"]
    return list(set_timeouts(finding, of, model(case), **options))


def mended(case: dict[str, Any], folder: Path, **options: Any) -> Service:
    """The service once it is set, as the next look would show it before it is started again."""
    of = service(case, folder)
    changes = offered(case, of, **options)
    made = [each for each in changes if isinstance(each, (WriteFile, Recreate))]
    assert made and len(made) == len(changes), changes
    after = applied(of, made)
    assert after.defined is not None
    if after.manager == "systemd":
        after = replace(after, defined=unit(folder, texts(after)))
    return replace(after, changed=NOW)


UNITS = [
    ("a program that never says that it is up was ended", "Type=simple"),
    ("a program that never says that it is up answers", "Type=simple"),
    ("a program that may never say that it is up", "Type=simple"),
    ("a start that was cut off", "TimeoutStartSec=600"),
    ("a limit that the next start will hardly meet", "TimeoutStartSec=600"),
    ("a start that is cut off again and again", "TimeoutStartSec=600"),
    ("a program of one's own that says when it is up", "TimeoutStartSec=600"),
    ("a limit on its whole life that a start does not fit in", "RuntimeMaxSec=infinity"),
    ("a stop that leaves no time", "TimeoutStopSec=60"),
    ("a stop that took longer than it may", "TimeoutStopSec=60"),
    ("a watchdog that ended it", "WatchdogSec=infinity"),
    ("a watchdog that will end it", "WatchdogSec=infinity"),
]


@pytest.mark.parametrize(("name", "line"), UNITS, ids=[name for name, _ in UNITS])
def test_a_unit_gets_a_drop_in_with_a_limit_that_is_long_enough(name: str, line: str, tmp_path: Path) -> None:
    after = mended(named(name), tmp_path)
    assert texts(after)[DROP_IN].splitlines()[1:] == ["[Service]", line]
    assert diagnosed(named(name), after) == []


ENVIRONMENT = [
    ("an engine that gives up its own start", {"VLLM_ENGINE_READY_TIMEOUT_S": "600"}),
    ("an engine that will give up its own start", {"VLLM_ENGINE_READY_TIMEOUT_S": "600"}),
    ("the default is too short for a very large model", {"VLLM_ENGINE_READY_TIMEOUT_S": "10800"}),
    ("a number with its unit", {"HF_HUB_DOWNLOAD_TIMEOUT": "60"}),
    ("milliseconds taken for seconds", {"VLLM_RPC_TIMEOUT": "10000"}),
    ("ollama hardly waits", {"OLLAMA_LOAD_TIMEOUT": "300s"}),
    ("a hub is asked in vain for a model that is here", {"HF_HUB_OFFLINE": "1"}),
    ("it waits for the network", {"HF_HUB_OFFLINE": "1"}),
    ("a hub that answers slowly", {"HF_HUB_DOWNLOAD_TIMEOUT": "60", "HF_HUB_ETAG_TIMEOUT": "60"}),
    ("an engine that asks itself through a proxy", {"no_proxy": "localhost,127.0.0.1,::1,0.0.0.0"}),
    ("a program that keeps back what it prints", {"PYTHONUNBUFFERED": "1"}),
]


def in_unit(case: dict[str, Any]) -> dict[str, Any]:
    """The same service, as a unit with a file of its variables."""
    lines = "".join(f"Environment={name}={value}\n" for name, value in case.get("environment", {}).items())
    command = case.get("command", "/opt/glm/bin/vllm serve /models/glm").replace("python3", "/usr/bin/python3", 1)
    command = command.replace("ollama", "/usr/bin/ollama", 1).replace("vllm serve z", "/opt/vllm serve z", 1)
    return {**case, "unit": f"[Service]\n{lines}ExecStart={command}\n"}


@pytest.mark.parametrize(("name", "variables"), ENVIRONMENT, ids=[name for name, _ in ENVIRONMENT])
def test_variables_are_set_where_the_service_takes_them_from(
    name: str, variables: dict[str, str], tmp_path: Path
) -> None:
    case = in_unit(named(name))
    of = service(case, tmp_path)
    (finding,) = [each for each in diagnosed(case, of) if not isinstance(each, found.Stalled)]
    changes = list(set_timeouts(finding, of, model(case)))
    after = applied(of, [each for each in changes if isinstance(each, WriteFile)])
    after = replace(after, defined=unit(tmp_path, texts(after)), changed=NOW)
    assert after.defined is not None and after.defined.environment is not None
    set_now = {key: after.defined.environment[key] for key in variables}
    assert set_now == variables
    if not isinstance(finding, (found.StalledNetwork, found.StartTooShort, found.HubSlow)):
        assert finding.code not in [each.code for each in diagnosed(case, after)]


def test_an_option_is_edited_where_it_stands(tmp_path: Path) -> None:
    case = in_unit(named("a watchdog of the engine that ends it at once"))
    after = mended(case, tmp_path)
    assert after.defined is not None and after.defined.argv is not None
    assert after.defined.argv[-2:] == ["--watchdog-timeout", "300"]
    assert diagnosed(case, after) == []


def test_a_worker_gets_twice_the_time_of_an_answer(tmp_path: Path) -> None:
    case = in_unit(named("a worker that is ended while it answers"))
    after = mended(case, tmp_path, generate=120.0)
    assert after.defined is not None and after.defined.argv is not None
    assert "--timeout 300" in " ".join(after.defined.argv)
    assert diagnosed(case, after) == []


def test_a_health_check_of_compose_gets_a_start_period(tmp_path: Path) -> None:
    case = named("a health check that counts too early")
    after = mended(case, tmp_path)
    assert "start_period: 570s" in texts(after)["/srv/compose.yml"]
    assert "timeouts.probe-too-short" not in [each.code for each in diagnosed(case, after)]


def test_who_says_how_long_a_start_takes_is_heeded(tmp_path: Path) -> None:
    after = mended(named("a start that was cut off"), tmp_path, start=2400.0)
    assert "TimeoutStartSec=2400" in texts(after)[DROP_IN]


DECLINED = [
    ("a health check of a container that no compose file describes", "set_timeouts.container"),
    ("nothing moves", "set_timeouts.stuck"),
    ("it waits for a name", "set_timeouts.network"),
    ("it waits for a disk", "set_timeouts.disk"),
    ("it waits for a lock", "set_timeouts.locked"),
    ("it waits for a lock that nobody holds", "set_timeouts.lock-left"),
    ("shared memory is full", "set_timeouts.shared-memory"),
    ("a worker that has nothing but the default", "launch.no-definition"),
]


@pytest.mark.parametrize(("name", "code"), DECLINED, ids=[name for name, _ in DECLINED])
def test_what_no_waiting_time_cures_is_declined_with_advice(name: str, code: str, tmp_path: Path) -> None:
    case = named(name)
    (told,) = offered(case, service(case, tmp_path))
    assert isinstance(told, Declined)
    assert told.code == code
    for language in LANGUAGES:
        assert all(Catalogue(language).part(told.code, part, told.values) for part in ("summary", "advice"))


def test_what_is_set_is_said(tmp_path: Path) -> None:
    case = named("a start that was cut off")
    (change,) = offered(case, service(case, tmp_path))
    assert isinstance(change, WriteFile)
    assert Catalogue("en").text(change.says, **change.values) == "set TimeoutStartSec=10 min"
