"""HTTP as fetches need it: verified TLS, http and https only, never from https down to http."""

from __future__ import annotations

import email.message
import http.client
import os
import socket
import ssl
import urllib.error
import urllib.request
from typing import Any, Mapping
from urllib.parse import urlsplit

from .context import Context
from .reach import Who
from .service_run.surroundings import environment
from .unknown import CannotTell


class WebError(Exception):
    """A request that brought nothing, in one sentence for people.

    ``status`` is the server's answer, 0 where there was none; ``again`` says whether a repeat may
    help, ``wait`` how many seconds the server asked to be left alone.
    """

    def __init__(self, message: str, status: int = 0, again: bool = False, hint: str = "", wait: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.again = again
        self.hint = hint
        self.wait = wait


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follows to http and https, keeps the method, and shows a token only to the server it is for."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme == "http"):
            raise WebError(f"{_plain(req.full_url)} redirects to {new.scheme}, which is not followed", code)
        # The proxy's password is added again where the new address is reached through it.
        headers = {name: value for name, value in req.headers.items() if name.lower() != "proxy-authorization"}
        made = urllib.request.Request(newurl, headers=headers, method=req.get_method())
        token = req.unredirected_hdrs.get("Authorization")
        if token and (old.scheme, old.netloc) == (new.scheme, new.netloc):
            made.add_unredirected_header("Authorization", token)
        return made

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302  # unknown to Python < 3.11


class Web:
    """Opens addresses for one piece of work, through the proxies of the agent's environment."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(context=ssl.create_default_context()),
            urllib.request.HTTPDefaultErrorHandler(),
            _Redirect(),
            urllib.request.HTTPErrorProcessor(),
        ):
            self._opener.add_handler(handler)

    def open(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        auth: str = "",
        authorization: str = "",
        timeout: float = 15.0,
    ) -> http.client.HTTPResponse:
        """The open answer to a request, to be closed by the caller; WebError for anything but success.

        ``timeout`` is how many seconds may pass without a byte. ``auth`` names whose token is shown
        ("hf": the one in ``variables`` or kept by the hub's client), over https only; ``authorization`` is a
        header's whole value. Both are for the server of ``url`` alone.
        """
        if not is_address(url):
            raise WebError(f"{url} is not an http or https address")
        request = urllib.request.Request(url, headers={"User-Agent": "autoglm-fix", **(headers or {})}, method=method)
        token = _hub_token(self._variables) if auth == "hf" and url.startswith("https://") else None
        if token:
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        elif authorization:
            request.add_unredirected_header("Authorization", authorization)
        try:
            response: http.client.HTTPResponse = self._opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as err:
            err.close()
            raise _refused(url, err) from err
        except (OSError, http.client.HTTPException, ValueError) as err:
            raise broken(url, err) from err
        return response

    def text(self, url: str, *, limit: int, auth: str = "") -> tuple[str, email.message.Message]:
        """A text of at most ``limit`` bytes and the answer's headers."""
        with self.open(url, auth=auth) as response:
            try:
                content = response.read(limit + 1)
            except (OSError, http.client.HTTPException) as err:
                raise broken(url, err) from err
            if len(content) > limit:
                raise WebError(f"{_plain(url)} answered with more than {limit} bytes")
            return content.decode("utf-8", "replace"), response.headers


def broken(url: str, err: Exception) -> WebError:
    """What an exception of the network says to a person."""
    reason = err.reason if isinstance(err, urllib.error.URLError) and isinstance(err.reason, Exception) else err
    where = urlsplit(url).hostname or url
    if isinstance(reason, ssl.SSLCertVerificationError):
        hint = "set SSL_CERT_FILE to the authority's certificate on that host"
        return WebError(f"the certificate of {where} is not trusted: {reason.verify_message}", hint=hint)
    if isinstance(reason, socket.gaierror):
        return WebError(f"{where} has no address: {reason.strerror}", again=reason.errno == socket.EAI_AGAIN)
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return WebError(f"{where} sends nothing", again=True)
    if isinstance(reason, OSError):
        return WebError(f"{where}: {reason.strerror or reason}", again=True)
    if isinstance(reason, http.client.InvalidURL):
        return WebError(f"{_plain(url)} is not an address")
    return WebError(f"{where} broke off: {type(reason).__name__}", again=isinstance(reason, http.client.HTTPException))


def _refused(url: str, err: urllib.error.HTTPError) -> WebError:
    hints = {
        401: "the source asks for a token: set HF_TOKEN on that host, or name another source",
        403: "the source refuses: accept the model's licence for the token in HF_TOKEN, or name another source",
        407: "the proxy asks for a password",
    }
    after = err.headers.get("Retry-After", "") if err.headers else ""
    return WebError(
        f"{_plain(url)} answered {err.code} {http.client.responses.get(err.code, '')}".rstrip(),
        status=err.code,
        again=err.code in (408, 425, 429) or err.code >= 500,
        hint=hints.get(err.code, ""),
        wait=float(after) if after.isdigit() else 0.0,
    )


def surroundings(ctx: Context) -> dict[str, str]:
    """The agent's variables under those of the service, whose mirror and token are meant for its model."""
    who = Who(ctx.service.user)
    try:
        return {**os.environ, **environment(ctx.service, who.home, who.name)}
    except CannotTell:
        return {**os.environ, **ctx.service.environment, "HOME": who.home}


def _hub_token(variables: Mapping[str, str]) -> str | None:
    """The host's token for the hub, from the environment or the file where its client keeps it."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if variables.get(name, "").strip():
            return variables[name].strip()
    cache = variables.get("XDG_CACHE_HOME") or os.path.join(variables.get("HOME", "~"), ".cache")
    home = variables.get("HF_HOME") or os.path.join(cache, "huggingface")
    try:
        with open(os.path.expanduser(variables.get("HF_TOKEN_PATH") or os.path.join(home, "token"))) as source:
            return source.read(4096).strip() or None
    except (OSError, ValueError):
        return None


def is_address(url: str) -> bool:
    """Whether it is an http or https address that names a host."""
    try:
        return url.startswith(("http://", "https://")) and bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _plain(url: str) -> str:
    """The address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
