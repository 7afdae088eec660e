"""An OpenAI-compatible server that can misbehave in the ways that model servers do, one mode each.

In the process of a test (``serving``) or as one of its own: ``python -m tests.endpoint.server MODE`` prints its port.
"""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import eyes
from .modes import MODEL, MODES, Mode


class FakeServer(http.server.ThreadingHTTPServer):
    """Remembers the bodies of the chats that it was asked. ``released`` ends what it stalls in."""

    daemon_threads = True

    def __init__(self, mode: Mode, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.mode = mode
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.released = threading.Event()
        self.generated = 0
        # What others are given between any two looks at the counters.
        self.others = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def serving(mode: Mode) -> Iterator[FakeServer]:
    """A server in a thread of this process, gone with the block."""
    server = FakeServer(mode)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FakeServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_said: Any) -> None:
        """Says nothing."""

    def version_string(self) -> str:
        return self.server.mode.head.get("Server", "fake")

    def do_GET(self) -> None:
        mode = self.server.mode
        if self.path == "/health":
            self._say(mode.health, "{}")
        elif self.path == "/v1/models":
            self._say(mode.models, json.dumps({"data": [{"id": name} for name in mode.served]}))
        elif self.path == "/metrics" and mode.counts is not None:
            self.server.generated += self.server.others
            bad = self.server.generated if mode.corrupts else 0
            self._say(
                200,
                "# TYPE vllm:generation_tokens_total counter\n"
                f'vllm:generation_tokens_total{{model_name="{MODEL}"}} {float(self.server.generated)}\n'
                f'vllm:corrupted_requests_total{{model_name="{MODEL}"}} {float(bad)}\n',
                "text/plain",
            )
        else:
            self._say(404, '{"detail":"Not Found"}')

    def do_POST(self) -> None:
        mode, server = self.server.mode, self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(body)
        server.keys.append(self.headers["Authorization"])
        if mode.key and self.headers["Authorization"] != f"Bearer {mode.key}":
            wrong = self.headers["Authorization"] or "none"
            self._say(401, json.dumps({"error": {"message": f"Incorrect API key provided: {wrong}"}}))
        elif mode.status != 200 or mode.body:
            self._say(mode.status, mode.body, mode.type)
        elif any(name in body for name in mode.refuses):
            self._say(422, json.dumps({"detail": "Unexpected fields in the request"}))
        elif body["model"] not in mode.served and not mode.any_model:
            self._say(404, json.dumps({"error": {"message": f"The model `{body['model']}` does not exist."}}))
        else:
            self._answer(body)

    def _answer(self, body: dict[str, Any]) -> None:
        mode, server = self.server.mode, self.server
        content = body["messages"][0]["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        question = " ".join(part["text"] for part in parts if part["type"] == "text")
        shown = any(part["type"] == "image_url" for part in parts)
        streamed = bool(body["stream"]) and mode.streams
        says = mode.says if body["stream"] or mode.unstreamed is None else mode.unstreamed
        pieces = [("reasoning_content", each) for each in mode.thinks(question)]
        if shown and mode.blind:
            self._say(400, '{"error": {"message": "At most 0 image(s) may be provided in one prompt."}}')
            return
        seen = [eyes.read(part["image_url"]["url"]) for part in parts if part["type"] == "image_url" and mode.sees]
        pieces += [("content", each) for each in seen or says(question)]
        limit = body["max_tokens"] if mode.keeps_limit else 10**6
        finish = "length" if len(pieces) > limit else mode.finish
        pieces = pieces[:limit]
        server.generated += len(pieces) if mode.counts else 0
        usage = {"prompt_tokens": 20 + (mode.picture_tokens if shown else 0), "completion_tokens": len(pieces)}
        about = {"id": "x", "model": mode.named or body["model"], **({"usage": usage} if mode.usage else {})}
        tools = [{"index": 0, "function": {"name": "x"}}] if pieces and mode.says("") == ["call!"] else None
        if streamed:
            self._stream(pieces, about, finish, tools)
            return
        said: dict[str, Any] = {"role": "assistant", "content": "".join(p for kind, p in pieces if kind == "content")}
        said["reasoning_content"] = "".join(p for kind, p in pieces if kind != "content")
        said["content"] = None if mode.null else said["content"]
        said["tool_calls"] = tools
        chances = [{"token": p, "logprob": mode.logprob} for _, p in pieces]
        choice = {"message": said, "finish_reason": finish}
        if body.get("logprobs") and mode.logprob is not None:
            choice["logprobs"] = {"content": chances}
        self._say(200, json.dumps({**about, "choices": [choice]}))

    def _stream(
        self,
        pieces: list[tuple[str, str]],
        about: dict[str, Any],
        finish: str | None,
        tools: list[dict[str, Any]] | None,
    ) -> None:
        mode, usage = self.server.mode, about.pop("usage", None)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._chunk(": hello\n\n")
        self._event({**about, "choices": [{"delta": {"role": "assistant", "content": None if mode.null else ""}}]})
        for at, (kind, text) in enumerate(pieces or [("content", "")]):
            if mode.stalls_at == at:
                self.server.released.wait()
                return
            if mode.closes_at == at:
                self.close_connection = True
                return
            if mode.fails_at == at:
                self._event({"error": {"message": "CUDA error: an illegal memory access was encountered"}})
                break
            if mode.pause_s:
                self.server.released.wait(mode.pause_s)
            delta = {"tool_calls": tools} if tools else {kind: text}
            self._event(
                {**about, "choices": [{"delta": {} if mode.null and kind == "content" and not tools else delta}]}
            )
        if finish:
            self._event({**about, "choices": [{"delta": {}, "finish_reason": finish}], "usage": None})
        if usage:
            self._event({**about, "choices": [], "usage": usage})
        if mode.done:
            self._chunk("data: [DONE]\r\n\r\n")
        self._chunk("")

    def _event(self, event: dict[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(event)}\n\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        try:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        except ConnectionError:
            self.close_connection = True

    def _say(self, status: int, text: str, kind: str = "application/json") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True


def main() -> None:
    server = FakeServer(MODES[sys.argv[1]])
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
