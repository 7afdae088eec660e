"""callers: clients and proxies on real files, and what nginx itself says of the same configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.asking.client import client
from autoglm_fix.agent.asking.nginx import FrontEnd, front_ends
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.callers import Callers
from autoglm_fix.agent.service import ServiceSpec

CLIENT = '''"""A client."""
from openai import OpenAI

class ModelConfig:
    base_url: str = "http://localhost:8000/v1"

class ModelClient:
    def __init__(self, config):
        # OpenAI(timeout=1)
        self.client = OpenAI(base_url=config.base_url, api_key=config.api_key{more})
'''


def checkout(folder: Path, more: str = "", **files: str) -> Path:
    at = folder / "phone_agent" / "model"
    at.mkdir(parents=True)
    (at / "client.py").write_text(CLIENT.replace("{more}", more))
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("more", "timeout", "retries"),
    [
        ("", "", ""),
        (", timeout=20", "20", ""),
        (",\n            timeout = 20.5,\n            max_retries=0", "20.5", "0"),
        (", timeout=httpx.Timeout(30.0, connect=5)", "30.0", ""),
        (", timeout=Timeout(timeout=30)", "30", ""),
        (", timeout=None", "None", ""),
        (", timeout=config.timeout, max_retries=tries", "?", "?"),
        (", timeout=WAIT", "?", ""),
        (", timeout=2*60", "?", ""),
        (").with_options(timeout=70", "70", ""),
    ],
)
def test_a_client_tells_how_long_it_waits(tmp_path: Path, more: str, timeout: str, retries: str) -> None:
    found = client(str(checkout(tmp_path, more)), {})
    assert found is not None
    assert (found.timeout, found.retries, found.line) == (timeout, retries, 10)
    assert found.url == "http://localhost:8000/v1"


@pytest.mark.parametrize(
    ("files", "environment", "url"),
    [
        ({"main_py": 'os.getenv("PHONE_AGENT_BASE_URL", "http://localhost:9000/v1")'}, {}, "http://localhost:9000/v1"),
        ({"_env": "PHONE_AGENT_BASE_URL=http://gpu01:8000/v1 # ours\n"}, {}, "http://gpu01:8000/v1"),
        ({"_env": "X=1"}, {"PHONE_AGENT_BASE_URL": "http://127.0.0.1:1/v1"}, "http://127.0.0.1:1/v1"),
    ],
)
def test_a_client_tells_whom_it_asks(tmp_path: Path, files: Any, environment: dict[str, str], url: str) -> None:
    found = client(str(checkout(tmp_path, **files)), environment)
    assert found is not None
    assert found.url == url


def test_what_is_no_client_is_none(tmp_path: Path) -> None:
    assert client(str(tmp_path), {}) is None


NGINX = """
user www-data; # proxy_pass http://127.0.0.1:8000;
events { worker_connections 768; }
http {
    log_format main '$remote_addr "{}" ; $request';
    upstream glm { server 127.0.0.1:8000 max_fails=3; server 10.0.0.2:8000; }
    upstream other { server unix:/run/x.sock; }
    proxy_read_timeout 90s;
    map $uri $backend { default 127.0.0.1:1; }
    include conf.d/*.conf;
    server {
        listen 80;
        location /v1/ { proxy_pass http://glm; proxy_read_timeout 5m; proxy_send_timeout "1m"; }
        location ~ "^/x{1,3}$" { if ($uri) { proxy_pass http://localhost:8000; } }
        location /docs { proxy_pass http://127.0.0.1:9000; }
        location /v { proxy_pass http://${backend}; }
        location /u { proxy_pass http://other; }
    }
}
"""


def configured(folder: Path, text: str = NGINX) -> Path:
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "glm.conf").write_text(
        "server {\n  server_name glm.example;\n  location / {\n    proxy_pass http://127.0.0.1:8000/;\n  }\n}\n"
    )
    (folder / "nginx.conf").write_text(text)
    return folder / "nginx.conf"


def test_every_proxy_to_the_port_is_told_with_the_times_that_hold_there(tmp_path: Path) -> None:
    path, unseen = configured(tmp_path), list[str]()
    main, other = str(path), str(tmp_path / "conf.d" / "glm.conf")
    assert front_ends(main, 8000, unseen) == [
        FrontEnd(other, 4, "http://127.0.0.1:8000/", "90s", f"{main}:8"),
        FrontEnd(main, 13, "http://glm", "5m", f"{main}:13", "1m", f"{main}:13"),
        FrontEnd(main, 14, "http://localhost:8000", "90s", f"{main}:8"),
    ]
    assert [each.line for each in front_ends(main, 9000, unseen)] == [15]
    assert front_ends(main, 8001, unseen) == []
    assert unseen == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "}",
        "{{{{",
        "http { include nginx.conf; }",
        'a "b',
        "proxy_pass",
        "proxy_pass;",
        "upstream;{",
        "{" * 5000,
        "\0;",
    ],
)
def test_no_configuration_is_a_bug(tmp_path: Path, text: str) -> None:
    unseen: list[str] = []
    assert front_ends(str(configured(tmp_path, text)), 8000, unseen) == []


def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    unseen: list[str] = []
    assert front_ends(str(tmp_path / "nginx.conf"), 8000, unseen) == []
    assert unseen == [f"{tmp_path}/nginx.conf: No such file or directory"]


def test_the_client_in_the_services_folder_is_found(tmp_path: Path) -> None:
    checkout(tmp_path, ", timeout=20")
    spec = ServiceSpec(endpoint="http://127.0.0.1:8000/v1", working_dir=str(tmp_path))
    found = Callers.collect(Context(service=spec)).clients
    assert [each.timeout for each in found if each.path.startswith(str(tmp_path))] == ["20"]
    elsewhere = ServiceSpec(endpoint="http://127.0.0.1:8001/v1", working_dir=str(tmp_path))
    assert [each for each in Callers.collect(Context(service=elsewhere)).clients if str(tmp_path) in each.path] == []


@pytest.mark.parametrize("endpoint", [None, "", "x", "http://[", "http://h:99999/v1"])
def test_a_service_without_an_endpoint_has_no_callers(endpoint: str | None) -> None:
    assert Callers.collect(Context(service=ServiceSpec(endpoint=endpoint))) == Callers()
