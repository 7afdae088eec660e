"""Asking a server that may be anything."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.endpoint import counters
from autoglm_fix.agent.endpoint.caller import MOST_BYTES, Address, Caller, Trouble
from autoglm_fix.agent.endpoint.chat import Patience, chat
from tests import file_server

from .modes import MODES
from .server import serving

PATIENCE = Patience(first_s=60.0, gap_s=60.0, total_s=60.0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
PIECE = b'data: {"choices": [{"delta": {"content": "hi "}}]}\n\n'


@contextlib.contextmanager
def saying(*parts: bytes, hold: bool = False) -> Iterator[str]:
    """An endpoint that says these bytes to whoever comes, then ends or holds the line."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                line, _ = listening.accept()
                with line:
                    line.recv(65536)
                    for part in parts:
                        line.sendall(part)
                    if hold:
                        done.wait()
                    line.shutdown(socket.SHUT_WR)
                    while line.recv(65536):
                        pass

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            done.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def heard(endpoint: str, patience: Patience = PATIENCE, *, stream: bool = True) -> dict[str, Any]:
    return chat(Caller(Address.of(endpoint), None), {"model": "m", "messages": [], "stream": stream}, patience)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000/v1", ("http", "127.0.0.1", 8000, "/v1", "")),
        ("http://127.0.0.1:8000/v1/", ("http", "127.0.0.1", 8000, "/v1", "")),
        ("http://127.0.0.1:8000", ("http", "127.0.0.1", 8000, "/v1", "")),
        ("https://gpu01/llm/v1", ("https", "gpu01", 443, "/llm/v1", "/llm")),
        ("http://[::1]:8000/v1", ("http", "::1", 8000, "/v1", "")),
        ("http://gpu01/openai", ("http", "gpu01", 80, "/openai", "/openai")),
    ],
)
def test_an_endpoint_is_taken_apart(url: str, address: tuple[str, str, int, str, str]) -> None:
    found = Address.of(url)
    assert (found.scheme, found.host, found.port, found.path, found.root) == address


@pytest.mark.parametrize("url", ["", "ftp://x/v1", "http://", "http://x:port/v1", "http://[::1/v1", "127.0.0.1:8000"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(Trouble) as caught:
        Address.of(url)
    assert caught.value.kind == "address"


def test_a_password_in_an_address_is_not_repeated() -> None:
    assert Address.of("http://me:secret@127.0.0.1:8000/v1").url == "http://127.0.0.1:8000/v1"


def test_a_proxy_of_the_environment_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(MODES["ok"]) as server:
        assert counters.models(Caller(Address.of(server.endpoint), None))["ids"] == list(MODES["ok"].served)


@pytest.mark.parametrize(
    ("parts", "kind", "stage"),
    [
        ([], "closed", "first"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "broken", "first"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"], "closed", "first"),
        ([HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), b"zz\r\n"], "closed", "first"),
        ([HEAD, b"data: " + b"x" * (1 << 20), b"x" * 70000], "large", "first"),
        ([HEAD, *[b": " + b"x" * (1 << 20) + b"\n" for _ in range(5)]], "large", "first"),
    ],
)
def test_what_is_no_answer_is_trouble(parts: list[bytes], kind: str, stage: str) -> None:
    with saying(*parts) as endpoint:
        error = heard(endpoint)["error"]
    assert (error["kind"], error["stage"]) == (kind, stage)


def test_a_body_has_a_bound() -> None:
    assert MOST_BYTES <= 8 << 20


@pytest.mark.parametrize(
    ("parts", "patience", "stage"),
    [
        ([], Patience(0.2, 60.0, 60.0), "first"),
        ([HEAD], Patience(0.2, 60.0, 60.0), "first"),
        ([HEAD, b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n'], Patience(0.2, 60.0, 60.0), "first"),
        ([HEAD, PIECE], Patience(60.0, 0.2, 60.0), "gap"),
        ([HEAD, PIECE], Patience(60.0, 60.0, 1.0), "total"),
    ],
)
def test_each_wait_has_its_own_deadline(parts: list[bytes], patience: Patience, stage: str) -> None:
    with saying(*parts, hold=True) as endpoint:
        error = heard(endpoint, patience)["error"]
    assert (error["kind"], error["stage"]) == ("timeout", stage)


def test_bytes_that_are_no_token_do_not_put_a_deadline_off() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def ping() -> None:
            line, _ = listening.accept()
            with line, contextlib.suppress(OSError):
                line.sendall(HEAD)
                while not stop.wait(0.02):
                    line.sendall(b": ping\n\n")

        thread = threading.Thread(target=ping)
        thread.start()
        error = heard(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", Patience(0.3, 60.0, 60.0))["error"]
        stop.set()
        thread.join()
    assert (error["kind"], error["stage"]) == ("timeout", "first")


@pytest.mark.parametrize("known", [False, True])
def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    file = tmp_path / "server.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", str(file) + ".crt"]
    try:
        subprocess.run(argv, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", str(file) + ".crt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(file) + ".crt", file)
    with file_server.serving({"/health": b"{}"}, context) as server:
        found = counters.health(Caller(Address.of(f"https://127.0.0.1:{server.server_address[1]}/v1"), None))
    assert (found["status"], (found["error"] or {}).get("kind")) == ((200, None) if known else (None, "tls"))


def test_plain_http_behind_https_is_said() -> None:
    with serving(MODES["ok"]) as server:
        error = counters.health(Caller(Address.of(server.endpoint.replace("http:", "https:")), None))["error"]
    assert error["kind"] == "tls"


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"null",
        b'{"choices": null}',
        b'{"choices": [null]}',
        b'{"choices": [{"delta": 7, "finish_reason": 7}], "usage": 7, "model": 7}',
        b'{"choices": [{"message": {"content": {"x": 1}, "tool_calls": 7}, "logprobs": 7}]}',
        b'{"choices": [{"delta": {"content": [7, {"text": 7}]}, "logprobs": {"content": [7, {"logprob": "x"}]}}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_whatever_a_server_says_is_data(content: bytes, stream: bool) -> None:
    head = HEAD if stream else HEAD.replace(b"text/event-stream", b"application/json")
    with saying(head, b"data: " + content + b"\n\n" if stream else content) as endpoint:
        found = heard(endpoint, stream=stream)
    assert not found["content"]
    assert (found["error"], found["pieces"], found["logprob"]) == (None, 0, None)


def test_counters_are_summed_over_their_labels() -> None:
    text = (
        b"# HELP vllm:generation_tokens_total x\n"
        b'vllm:generation_tokens_total{model_name="a b}",engine="0"} 12.0\n'
        b'vllm:generation_tokens_total{engine="1"} 3e1 1700000000\n'
        b"llamacpp:tokens_predicted_total 7\n"
        b"vllm:prompt_tokens_total NaN\n"
        b"vllm:corrupted_requests_total what\n"
        b"other_total 9\n"
    )
    with saying(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", text) as endpoint:
        found = counters.counters(Caller(Address.of(endpoint), None))
    assert found == {"vllm:generation_tokens_total": 42.0, "llamacpp:tokens_predicted_total": 7.0}


def test_a_server_without_metrics_has_no_counters() -> None:
    with serving(MODES["no counters"]) as server:
        assert counters.counters(Caller(Address.of(server.endpoint), None)) == {}


def test_ollama_tells_what_it_holds() -> None:
    body = b'{"models": [{"name": "autoglm:latest", "size": 9, "size_vram": 4, "digest": "x"}, 7]}'
    with saying(b"HTTP/1.0 200 OK\r\n\r\n", body) as endpoint:
        found = counters.loaded_by_ollama(Caller(Address.of(endpoint), None))
    assert found == [{"name": "autoglm:latest", "size": 9, "size_vram": 4}]


@pytest.mark.slow
def test_an_address_that_swallows_everything_is_given_up_soon() -> None:
    """A listener whose queue is full answers no further handshake."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as held:
            for _ in range(4):
                waiting = held.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            error = counters.health(Caller(Address.of(f"http://127.0.0.1:{port}/v1"), None))["error"]
    assert error["kind"] in ("unreachable", "timeout")
