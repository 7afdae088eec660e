"""The order in which hosts are brought back; what becomes of one of them is tested on real services and hosts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from autoglm_fix.connect import Channel, NotConnected
from autoglm_fix.engine.undoing import HostUndo, Restored, Undo

RUN, UNDO = "20261122T110000-ab12", "20261122T120000-ab12"


def undo(*hosts: str, meanwhile: Callable[[], object] = lambda: None, stop: threading.Event | None = None) -> Undo:
    """Of hosts of which none can be reached."""

    def connect() -> Channel:
        meanwhile()
        raise NotConnected("link.refused", {"host": "a host", "port": 22})

    return Undo(RUN, UNDO, "tests", dict.fromkeys(hosts, (connect, "")), print, stop=stop or threading.Event())


def previewed(*hosts: str, interrupts: bool) -> list[HostUndo]:
    return [HostUndo(host, (Restored("x", "would-restore", None, interrupts),)) for host in hosts]


def codes(done: Sequence[HostUndo]) -> dict[str, str]:
    return {each.host: each.error.code for each in done if each.error is not None}


@pytest.mark.parametrize("what", ["preview", "carry_out"])
def test_hosts_are_asked_side_by_side(what: str) -> None:
    together = threading.Barrier(8, timeout=120)
    hosts = [f"gpu{n}" for n in range(8)]
    to_undo = undo(*hosts, meanwhile=together.wait)
    done = (
        to_undo.preview() if what == "preview" else to_undo.carry_out(previewed(*hosts, interrupts=False), force=False)
    )
    assert codes(done) == dict.fromkeys(hosts, "link.refused")
    assert all(each.unreachable for each in done)


def test_after_one_that_went_wrong_no_further_service_is_interrupted_unless_it_is_forced() -> None:
    preview = [*previewed("gpu1", "gpu2", interrupts=True), *previewed("gpu3", interrupts=False)]
    to_undo = undo("gpu1", "gpu2", "gpu3")
    assert codes(to_undo.carry_out(preview, force=False)) == {
        "gpu1": "link.refused",
        "gpu2": "undo.not-begun",
        "gpu3": "link.refused",
    }
    assert set(codes(to_undo.carry_out(preview, force=True)).values()) == {"link.refused"}


def test_no_host_is_begun_after_a_ctrl_c() -> None:
    stop = threading.Event()
    stop.set()
    done = undo("gpu1", "gpu2", stop=stop).carry_out(force=False)
    assert codes(done) == dict.fromkeys(("gpu1", "gpu2"), "undo.interrupted")
