"""Where pip and uv look, by the files and variables that they read themselves."""

from __future__ import annotations

import os
import textwrap
from typing import Any

import pytest

from autoglm_fix.agent.installed.indexes import index

# What is set up, and what pip and uv would make of it; "~" is the service's home.
CONFIGURED: list[tuple[str, dict[str, str], dict[str, str], dict[str, Any]]] = [
    ("nothing", {}, {}, {"url": "", "set_by": ""}),
    (
        "pip.conf of the user",
        {
            "~/.config/pip/pip.conf": """
                [global]
                index-url = https://a.test/simple
                extra-index-url =
                    https://b.test
                    https://u:p@c.test
            """
        },
        {},
        {
            "url": "https://a.test/simple",
            "extra": ["https://b.test", "https://c.test"],
            "credentials": True,
            "set_by": "~/.config/pip/pip.conf",
        },
    ),
    (
        "the environment's file outranks the user's, and that the system's",
        {
            "/etc/pip.conf": "[global]\nindex-url = https://s.test\nfind-links = /wheels",
            "~/.pip/pip.conf": "[global]\nindex-url = https://a.test",
            "/env/pip.conf": "[install]\nindex_url = https://b.test\nno-index = true",
        },
        {},
        {"url": "https://b.test", "set_by": "/env/pip.conf", "no_index": True, "find_links": ["/wheels"]},
    ),
    (
        "a variable outranks all files",
        {"~/.pip/pip.conf": "[global]\nindex-url = https://a.test\nfind-links = /wheels"},
        {"PIP_INDEX_URL": "https://token@v.test/simple"},
        {"url": "https://v.test/simple", "credentials": True, "find_links": ["/wheels"], "set_by": "PIP_INDEX_URL"},
    ),
    (
        "a file of its own in place of the user's",
        {"~/.pip/pip.conf": "[global]\nindex-url = https://a.test", "/m": "[global]\nindex-url = https://m.test"},
        {"PIP_CONFIG_FILE": "/m"},
        {"url": "https://m.test", "set_by": "/m"},
    ),
    (
        "no files at all",
        {"~/.pip/pip.conf": "[global]\nindex-url = https://a.test"},
        {"PIP_CONFIG_FILE": os.devnull},
        {"url": ""},
    ),
    ("a broken file", {"~/.pip/pip.conf": "index-url = x\n[global"}, {}, {"url": ""}),
    (
        "uv's variables",
        {},
        {"UV_DEFAULT_INDEX": "https://u:p@d.test/simple", "UV_INDEX": "torch=https://t.test https://e.test"},
        {"url": "https://d.test/simple", "extra": ["https://t.test", "https://e.test"], "credentials": True},
    ),
    (
        "uv.toml",
        {
            "~/.config/uv/uv.toml": """
                [[index]]
                name = "x"
                url = "https://i.test/simple"
                default = true

                [[index]]
                url = "https://j.test"  # for torch
                [pip]
                find-links = [
                    "/a",
                    "/b",
                ]
            """
        },
        {},
        {
            "url": "https://i.test/simple",
            "extra": ["https://j.test"],
            "find_links": ["/a", "/b"],
            "set_by": "~/.config/uv/uv.toml",
        },
    ),
    (
        "uv's file, told not to be read",
        {"~/.config/uv/uv.toml": 'index-url = "https://i.test"'},
        {"UV_NO_CONFIG": "1"},
        {"url": ""},
    ),
]


@pytest.mark.parametrize(
    ("files", "variables", "expected"), [row[1:] for row in CONFIGURED], ids=[row[0] for row in CONFIGURED]
)
def test_where_installers_look(files: dict[str, str], variables: dict[str, str], expected: dict[str, Any]) -> None:
    there = {name.replace("~", "/home/a"): textwrap.dedent(text) for name, text in files.items()}
    found = vars(index(False, "/env", "/home/a", variables, there.get))
    found["set_by"] = found["set_by"].replace("/home/a", "~")
    assert {name: found[name] for name in expected} == expected
    assert not any(secret in str(found) for secret in ("u:p", "token"))
