from __future__ import annotations

import pytest

from autoglm_fix.agent.endpoint.caller import Trouble
from autoglm_fix.agent.endpoint.events import Events

STREAMS: dict[str, tuple[bytes, list[str]]] = {
    "two events": (b"data: one\n\ndata: two\n\n", ["one", "two"]),
    "lines that end with CR and LF": (b"data: one\r\n\r\ndata: two\r\n\r\n", ["one", "two"]),
    "lines that end with CR": (b"data: one\r\rdata: two\r\r", ["one", "two"]),
    "comments, other fields, no blank": (b": ping\n\nevent: x\nid: 7\ndata:one\n\n", ["one"]),
    "several lines of data": (b"data: one\ndata: two\n\n", ["one\ntwo"]),
    "a blank that belongs to the data": (b"data:  one\n\n", [" one"]),
    "no empty line at the end": (b"data: one\n\ndata: [DONE]", ["one", "[DONE]"]),
    "letters of many bytes": ("data: 你好\n\n".encode(), ["你好"]),
    "broken bytes": (b"data: \xff\n\n", ["\ufffd"]),
    "only comments": (b": ping\n\n: ping\n\n", []),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_events_do_not_depend_on_how_the_stream_was_cut(name: str, size: int) -> None:
    stream, expected = STREAMS[name]
    events = Events()
    found = [each for at in range(0, len(stream), size) for each in events.feed(stream[at : at + size])]
    assert [*found, *events.end()] == expected


@pytest.mark.parametrize("piece", [b"x" * 4096, b"data: x\n" * 512])
def test_an_event_without_an_end_is_given_up(piece: bytes) -> None:
    events = Events()
    with pytest.raises(Trouble) as caught:
        for _ in range(1000):
            list(events.feed(piece))
    assert caught.value.kind == "large"
