"""Who is shown what on the way of a request that is redirected."""

from __future__ import annotations

import urllib.request

import pytest

from autoglm_fix.agent.web import _Redirect


@pytest.mark.parametrize("to", ["http://models.internal/file", "http://hub.example/file"])
def test_a_proxys_password_does_not_follow_a_redirect(to: str) -> None:
    request = urllib.request.Request("http://hub.example/file", headers={"Range": "bytes=1-"})
    # As urllib.request.ProxyHandler does with http://user:password@proxy.
    request.add_header("Proxy-authorization", "Basic dXNlcjpwYXNzd29yZA==")
    made = _Redirect().redirect_request(request, None, 302, "Found", {}, to)
    assert not made.has_header("Proxy-authorization")
    assert made.get_header("Range") == "bytes=1-"
