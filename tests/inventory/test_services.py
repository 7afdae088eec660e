from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.authored.problems import BadInput
from autoglm_fix.inventory import load_inventory, services
from autoglm_fix.playbook import parse_extra_vars


def _services(folder: Path, text: str, *extra: str) -> tuple[ServiceSpec, ...]:
    (folder / "i").write_text(text)
    inventory = load_inventory([str(folder / "i")])
    (host,) = inventory.select("all")
    return services(host, parse_extra_vars(extra).values)


def _said(folder: Path, text: str, *extra: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        _services(folder, text, *extra)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def _host(service: str) -> str:
    return f"all: {{hosts: {{gpu01:  {{service: {service}}}}}}}"


WHOLE = """\
all:
  vars: {root: /models}
  hosts:
    gpu01:
      service:
        name: autoglm
        manager: compose
        unit: autoglm.service
        container: autoglm
        compose: {files: [/srv/compose.yml], project: autoglm, service: vllm}
        command: [python, serve.py]
        user: autoglm
        working_dir: /srv/autoglm
        environment: {HF_HOME: "{{ root }}/hub"}
        env_files: [/etc/default/autoglm]
        engine: vllm
        python: /opt/autoglm/bin/python
        model: "{{ root }}/AutoGLM-{{ inventory_hostname }}"
        served_model_name: autoglm-phone-9b
        endpoint: http://127.0.0.1:8000/v1
        api_key: {env: AUTOGLM_KEY}
        logs: [/var/log/autoglm.log]
        drain: [lbctl, drain]
        undrain: [lbctl, undrain]
        drain_timeout: 600
"""


def test_every_key_of_a_service_is_read(tmp_path: Path) -> None:
    (service,) = _services(tmp_path, WHOLE)
    assert service == ServiceSpec(
        name="autoglm",
        manager="compose",
        unit="autoglm.service",
        container="autoglm",
        compose={"files": ["/srv/compose.yml"], "project": "autoglm", "service": "vllm"},
        command=["python", "serve.py"],
        user="autoglm",
        working_dir="/srv/autoglm",
        environment={"HF_HOME": "/models/hub"},
        env_files=["/etc/default/autoglm"],
        engine="vllm",
        python="/opt/autoglm/bin/python",
        model="/models/AutoGLM-gpu01",
        served_model_name="autoglm-phone-9b",
        endpoint="http://127.0.0.1:8000/v1",
        api_key={"env": "AUTOGLM_KEY"},
        logs=["/var/log/autoglm.log"],
        drain=["lbctl", "drain"],
        undrain=["lbctl", "undrain"],
        drain_timeout=600.0,
    )
    assert ServiceSpec(**json.loads(json.dumps(asdict(service)))) == service


def test_a_service_without_a_name_is_called_model_and_a_host_may_have_none(tmp_path: Path) -> None:
    assert [service.name for service in _services(tmp_path, _host("{model: /x}"))] == ["model"]
    assert _services(tmp_path, _host("")) == ()
    assert _services(tmp_path, "all: {hosts: {gpu01: }}") == ()


def test_services_is_a_list_of_several(tmp_path: Path) -> None:
    text = "all: {hosts: {gpu01: {services: [{name: a, unit: }, {name: b, logs: journal}]}}}"
    assert [(service.name, service.unit, service.logs) for service in _services(tmp_path, text)] == [
        ("a", None, None),
        ("b", None, "journal"),
    ]


def test_the_command_line_may_declare_the_service(tmp_path: Path) -> None:
    (service,) = _services(tmp_path, _host("{model: /x}"), '{"service": {"model": "/y"}}')
    assert service.model == "/y"
    (tmp_path / "s.yml").write_text("service: {model: '{{ inventory_hostname }}'}\n")
    (service,) = _services(tmp_path, _host("{model: /x}"), f"@{tmp_path}/s.yml")
    assert service.model == "gpu01"


_SECRET = "Say where it is kept: {env: NAME} or {file: PATH}."

BAD = [
    ("text", "i:1:33: a service is a mapping of keys"),
    ("[{}]", "i:1:33: a service is a mapping of keys. For several write 'services:'."),
    ("{engin: vllm}", "i:1:34: a service has no key 'engin'. Did you mean 'engine'?"),
    (
        "{engine: vlm}",
        "i:1:42: 'engine' takes one of custom, llama.cpp, ollama, sglang, transformers, vllm, not the text 'vlm'. "
        "Did you mean 'vllm'?",
    ),
    ("{manager: systemd}", "i:1:34: the manager 'systemd' needs the key 'unit'"),
    ("{manager: docker, container: }", "i:1:34: the manager 'docker' needs the key 'container'"),
    ("{manager: command}", "i:1:34: the manager 'command' needs the key 'command'"),
    ("{compose: {file: x}}", "i:1:44: 'compose' has no key 'file'. Did you mean 'files'?"),
    ("{compose: {files: x}}", "i:1:51: 'compose' takes a list of text, not the text 'x'"),
    (
        "{command: python serve.py}",
        "i:1:43: 'command' takes a list of text, not the text 'python serve.py'. Write it as a list of words.",
    ),
    ("{command: [python, 8000]}", "i:1:52: 'command' takes text, not 8000. Put quotes around it."),
    ("{environment: {PORT: 8000}}", "i:1:54: 'environment' takes text, not 8000. Put quotes around it."),
    ("{model: 9}", "i:1:41: 'model' takes text, not 9. Put quotes around it."),
    ("{name: a b}", "i:1:40: 'name' is made of letters, digits, '.', '_' and '-', not 'a b'"),
    (
        "{endpoint: 127.0.0.1:8000}",
        "i:1:44: 'endpoint' is a URL that begins with http:// or https://, not '127.0.0.1:8000'",
    ),
    (
        "{logs: jurnal}",
        "i:1:40: 'logs' takes container, journal or a list of text, not the text 'jurnal'. Did you mean 'journal'?",
    ),
    ("{model: '{{ nowhere }}'}", "i:1:41: cannot evaluate '{{ nowhere }}': 'nowhere' is undefined"),
    ("{api_key: {env: A, file: b}}", f"i:1:43: 'api_key' has one key, 'env' or 'file'. {_SECRET}"),
    ("{drain_timeout: 10m}", "i:1:49: 'drain_timeout' takes a number, not the text '10m'"),
    ("{drain_timeout: 0}", "i:1:49: 'drain_timeout' is a number of seconds greater than 0"),
    ("{api_key: {env: 5}}", f"i:1:43: 'api_key' needs a text below 'env'. {_SECRET}"),
]


@pytest.mark.parametrize(("service", "message"), BAD)
def test_a_service_that_is_wrong_is_named_with_its_place(tmp_path: Path, service: str, message: str) -> None:
    assert _said(tmp_path, _host(service)) == [message]


@pytest.mark.parametrize(
    "key", ["sk-very-secret", "{token: sk-very-secret}", "{env: sk-very-secret}", "[sk-very-secret]"]
)
def test_a_secret_in_the_wrong_place_is_never_repeated(tmp_path: Path, key: str) -> None:
    (message,) = _said(tmp_path, _host(f"{{api_key: {key}}}"))
    assert "very-secret" not in message and message.endswith(_SECRET)


def test_all_mistakes_of_all_services_are_said_at_once(tmp_path: Path) -> None:
    text = """\
all:
  hosts:
    gpu01:
      services:
        - {name: a, engin: vllm, manager: systemd}
        - {name: b}
        - {name: b, model: [x]}
        - {name: b}
        - 3
"""
    assert _said(tmp_path, text) == [
        "i:5:21: a service has no key 'engin'. Did you mean 'engine'?",
        "i:5:34: the manager 'systemd' needs the key 'unit'",
        "i:7:28: 'model' takes text, not a list",
        "i:8:12: a second service of the host 'gpu01' is named 'b'",
        "i:9:11: a service is a mapping of keys",
    ]


def test_both_service_and_services_are_one_too_many(tmp_path: Path) -> None:
    text = "all: {hosts: {gpu01: {service: {}, services: []}}}"
    assert _said(tmp_path, text) == ["i:1:32: the host 'gpu01' has both 'service' and 'services'. Keep one of them."]


def test_mistakes_of_the_command_line_are_said_as_such(tmp_path: Path) -> None:
    message = "-e: a service has no key 'modle'. Did you mean 'model'?"
    assert _said(tmp_path, _host(""), '{"service": {"modle": "/x"}}') == [message]
