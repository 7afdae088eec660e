"""The kernel's own buffer: what it tells of the NVIDIA driver, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

from autoglm_fix.agent.kernel_log import driver_lines


def record(ago: float, text: str) -> str:
    return f"4,817,{int((time.clock_gettime(time.CLOCK_MONOTONIC) - ago) * 1e6)},-;{text}\n"


def test_lines_of_the_driver_are_told_with_their_age(tmp_path: Path) -> None:
    buffer = tmp_path / "kmsg"
    xid = "NVRM: Xid (PCI:0000:65:00): 79, GPU has fallen off the bus."
    buffer.write_text(
        record(900, "usb 1-1: new device") + record(60, xid) + " SUBSYSTEM=pci\n" + record(1, "nvidia-uvm: err -34")
    )
    ((ago, text), (_, last)) = driver_lines(str(buffer))
    assert text == xid
    assert 59 < ago < 120
    assert last == "nvidia-uvm: err -34"


def test_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    buffer = tmp_path / "kmsg"
    buffer.write_text("".join(record(100 - number, f"NVRM: Xid {number}") for number in range(50)))
    found = driver_lines(str(buffer))
    assert [text for _, text in found] == [f"NVRM: Xid {number}" for number in range(30, 50)]


def test_garbage_tells_nothing(tmp_path: Path) -> None:
    buffer = tmp_path / "kmsg"
    buffer.write_bytes(b"\xff\x00;NVRM: Xid\n;;NVRM: Xid 7\n4,1,x,-;NVRM: Xid\n" + os.urandom(4096))
    assert driver_lines(str(buffer)) == []


def test_who_may_not_read_it_is_told_nothing(tmp_path: Path) -> None:
    assert driver_lines(str(tmp_path / "none")) == []


def test_the_real_one_ends() -> None:
    assert len(driver_lines()) <= 20
