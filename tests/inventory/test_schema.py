from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from autoglm_fix.authored.yaml_source import parse_yaml, plain, read_yaml
from autoglm_fix.inventory import load_inventory, services
from autoglm_fix.inventory.routes import Asked, reach
from autoglm_fix.inventory.schema import schema
from autoglm_fix.inventory.unheeded import unheeded

from .test_services import BAD, WHOLE, _host

EXAMPLE = Path(__file__).parents[2] / "inventory.example.yml"
VALIDATOR = jsonschema.Draft202012Validator(schema())
# What a schema cannot see, or does not look at.
_BEYOND = ("made of letters", "is a URL", "undefined")


def _is_valid(text: str) -> bool:
    node = parse_yaml(text, "i", [])
    return node is not None and VALIDATOR.is_valid(plain(node))


def test_the_schema_is_one_and_takes_the_example() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    example = read_yaml(EXAMPLE, [])
    assert example is not None
    VALIDATOR.validate(plain(example))
    assert _is_valid(WHOLE)


@pytest.mark.parametrize(("service", "message"), BAD)
def test_the_schema_judges_services_as_the_loader_does(service: str, message: str) -> None:
    assert _is_valid(_host(service)) == any(words in message for words in _BEYOND)


@pytest.mark.parametrize(
    "text", ["[]", "gpu: {host: }", "gpu: {hosts: [a]}", "gpu: {children: {a: 1}}", "gpu: {vars: 1}"]
)
def test_the_schema_refuses_what_is_no_inventory(text: str) -> None:
    assert not _is_valid(text)


def test_the_example_declares_what_it_says() -> None:
    inventory = load_inventory([str(EXAMPLE)])
    declared = {host.name: [(each.name, each.model) for each in services(host)] for host in inventory.select("all")}
    assert declared == {
        "gpu01.example.com": [("autoglm", "/models/AutoGLM-Phone-9B")],
        "gpu02.example.com": [("autoglm", "/models/AutoGLM-Phone-9B")],
        "gpu03.example.com": [("autoglm", "/data/models/AutoGLM-Phone-9B")],
        "worker01.example.com": [("chat", "/srv/chat/model"), ("vision", "/srv/vision/GLM-4.1V-9B-Thinking")],
        "chat-container": [("model", "/models/chat")],
        "localhost": [("model", "~/models/AutoGLM-Phone-9B")],
    }
    reached = [reach(host, inventory, {}, Asked()).route for host in inventory.select("all")]
    assert [route.connection for route in reached] == ["ssh"] * 4 + ["docker", "local"]
    assert (reached[0].user, reached[0].options) == ("ops", {"proxyjump": "ops@bastion.example.com"})
    assert unheeded(inventory.select("all"), {}) == []
