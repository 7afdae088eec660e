"""Metadata as bytes: whatever stands there, what counts is found and nothing is raised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoglm_fix.agent.installed.distributions import normal, parse, without_credentials

names = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?\Z")
words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)


@pytest.mark.parametrize("system", ["\n", "\r\n"])
def test_a_header_of_any_length(system: str) -> None:
    raw = system.join(["Name: x", *["Classifier: y"] * 20000, "Requires-Dist: z", "", "Version: 9"])
    assert parse(raw.encode()).requires == ["z"]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_are_a_bug(raw: bytes) -> None:
    parse(b"Name: " + raw + b"\nRequires-Dist: " + raw)


@settings(max_examples=200, deadline=None)
@given(names, words, st.lists(words, max_size=5))
def test_headers_come_back_as_they_were_written(name: str, version: str, requires: list[str]) -> None:
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {each}" for each in requires)]
    found = parse("\n".join(["Metadata-Version: 2.1", *lines]).encode())
    assert (found.name, found.version, found.requires) == (name, version, requires)


@given(names)
def test_names_are_normal_once(name: str) -> None:
    assert normal(normal(name)) == normal(name) == normal(name.upper()) == normal(name.replace("-", "_"))


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://user:pass@host/simple", "https://host/simple"),
        ("https://token@host:8443/simple", "https://host:8443/simple"),
        ("https://host/simple@1", "https://host/simple@1"),
        ("git+ssh://git@host/x@abc", "git+ssh://host/x@abc"),
        ("/wheels", "/wheels"),
    ],
)
def test_no_password_stays_in_a_url(url: str, clean: str) -> None:
    assert without_credentials(url) == clean
