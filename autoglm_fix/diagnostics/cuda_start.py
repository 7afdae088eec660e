"""Why CUDA does not start though the driver works: by cuInit's code, and by what the kernel told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from autoglm_fix.agent.facts.gpus import Gpus
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.knowledge import compat

from . import cuda_start_findings as said
from .finding import Finding
from .timeouts_rules import span

_FAMILIES: Mapping[int, type[said.InitFailed]] = {
    2: said.NoMemory,
    3: said.NotInitialized,
    35: said.DriverOutgrown,  # the runtime's number for what libcuda calls 36
    36: said.DriverOutgrown,
    46: said.DeviceUnavailable,
    100: said.NoDevice,
    101: said.WrongDevice,
    102: said.Unlicensed,
    214: said.CardFailed,
    220: said.CardFailed,
    304: said.SystemCallFailed,
    800: said.SystemCallFailed,
    803: said.LibraryDiffers,
    **dict.fromkeys(range(805, 811), said.SharingFailed),
    999: said.UnknownError,
}
# Older than that it says nothing of a service that fails now.
_RECENT_S = 86400.0
# What NVIDIA asks for (xid.json): nothing, since it only echoes another error.
_ECHOES = (
    "IGNORE",
    "IGNORE (sympathetic)",
    "SYMPATHETIC_REPORT_SOLO",
    "N/A Informational only regarding another Xid",
    "",
)
# What a program can have made; NVIDIA's own order is to start it again, and to look at it first.
_OF_PROGRAMS = ("RESTART_APP", "CHECK_APP/CUDA", "WORKFLOW_XID_13", "WORKFLOW_XID_31", "WORKFLOW_XID_45")


def not_started(code: int, path: str) -> Finding:
    """What a code of cuInit means."""
    known = compat.codes().cuda.get(str(code))
    kind = _FAMILIES.get(code, said.InitFailed)
    name, doc = (known.name, known.doc.replace("::", "")) if known else (str(code), "")
    return kind(subject=path, init=code, name=name, doc=doc, path=path)


def kernel(gpus: Gpus, service: Service) -> Iterator[Finding]:
    """What the kernel told of the driver lately, the latest of each kind."""
    recent = [(ago, line) for ago, line in gpus.kernel if ago < _RECENT_S]
    hmm = re.compile(next(bug.signature for bug in compat.drivers().bugs if bug.id == "kaslr-hmm") or "(?!)")
    failing = [each for each in recent if hmm.search(each[1])] if gpus.cuda.init else []
    if failing:
        yield said.HmmFails(subject="nvidia_uvm", line=failing[-1][1], ago=span(failing[-1][0]))
    table = compat.xids()
    pattern = re.compile(table.pattern)
    seen = set()
    for ago, line in reversed(recent):
        told = pattern.search(line)
        row = next((row for row in table.xids if told and row.xid == int(told[2])), None)
        if told is None or row is None or row.immediate in _ECHOES or (told[1], row.xid) in seen:
            continue
        seen.add((told[1], row.xid))
        ours = row.immediate in _OF_PROGRAMS
        if ours and service.state == "running":
            continue
        kind = said.Xid if ours else said.XidOfCard
        yield kind(
            subject=f"GPU {told[1]}, Xid {row.xid}",
            xid=row.xid,
            mnemonic=row.mnemonic,
            says=row.description,
            process=told[4] or "-",
            ago=span(ago),
            line=line,
        )
