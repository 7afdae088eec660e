"""Reading every byte of weight files once, on all cores: digests, runs of zeros, NaN."""

from __future__ import annotations

import hashlib
import json
import os
import selectors
from typing import Any, Callable, Dict, Generator, Iterator, NamedTuple

from . import BadRange, Source, Tensor
from .damage import damage
from .patterns import not_numbers, zero_blocks

_CHUNK = 1 << 18  # stays in a core's own cache together with what is taken from it
_HASHED = 1 << 20
_PIECE = 1 << 26
_MOST_WORKERS = 8

Said = Dict[str, Any]


class Job(NamedTuple):
    """One weight file to read. ``recorded`` is a sha256 that proves its bytes, None where there is none."""

    path: str
    size: int
    tensors: list[Tensor]
    recorded: str | None = None


class Outcome(NamedTuple):
    """What reading it found; ``error`` where it could not be read to its end."""

    sha256: str | None
    bad: list[BadRange]
    error: str


def read_all(jobs: list[Job], tell: Callable[[int, int], None]) -> list[Outcome]:
    """Read every byte of the files once (twice where a digest shows damage), and say what was found.

    ``tell(done, total)`` is called with bytes as it goes on.
    """
    total = sum(job.size for job in jobs)
    units = _units(jobs)
    workers = min(len(os.sched_getaffinity(0)), _MOST_WORKERS, len(units), 1 + total // _PIECE)
    digests: dict[int, str] = {}
    errors: dict[int, str] = {}
    runs: dict[int, list[tuple[int, int]]] = {}
    nans: dict[int, dict[int, tuple[int, int]]] = {}
    done = 0
    for said in _work(jobs, units) if workers < 2 else _fork(jobs, _dealt(units, workers)):
        done += said.get("read", 0)
        number = said.get("job", 0)
        if "sha256" in said:
            digests[number] = said["sha256"]
        if "error" in said:
            errors[number] = said["error"]
        if "zeros" in said:
            runs.setdefault(number, []).extend((begin, end) for begin, end in said["zeros"])
        if "nan" in said:
            count, first = said["nan"]
            known = nans.setdefault(number, {}).get(said["tensor"], (0, first))
            nans[number][said["tensor"]] = known[0] + count, min(known[1], first)
        tell(min(done, total), total)
    outcomes = []
    for number, job in enumerate(jobs):
        bad: list[BadRange] = []
        if number in runs or number in nans:
            with open(job.path, "rb", buffering=0) as opened:
                source = Source(opened.fileno(), job.size)
                bad = damage(source, job.tensors, runs.get(number, []), nans.get(number, {}))
        outcomes.append(Outcome(digests.get(number), bad, errors.get(number, "")))
    tell(total, total)
    return outcomes


class _Unit(NamedTuple):
    """A share of the work: a whole file to hash, or ranges of its tensors to scan."""

    job: int
    cost: int
    ranges: list[tuple[int, int, int]] | None  # tensor, begin, end


def _units(jobs: list[Job]) -> list[_Unit]:
    units: list[_Unit] = []
    for number, job in enumerate(jobs):
        if job.recorded:
            units.append(_Unit(number, job.size * 4, None))
        else:
            units += _pieces(number, job)
    return units


def _pieces(number: int, job: Job) -> Iterator[_Unit]:
    ranges: list[tuple[int, int, int]] = []
    length = 0
    for at, tensor in enumerate(job.tensors):
        begin = tensor.begin
        while begin < tensor.end:
            end = min(tensor.end, begin + _PIECE)
            ranges.append((at, begin, end))
            length += end - begin
            begin = end
            if length >= _PIECE:
                yield _Unit(number, length, ranges)
                ranges, length = [], 0
    if ranges:
        yield _Unit(number, length, ranges)


def _dealt(units: list[_Unit], workers: int) -> list[list[_Unit]]:
    """The units shared out by cost; each hand is in the order of the files, as disks like it."""
    hands: list[list[_Unit]] = [[] for _ in range(workers)]
    loads = [0] * workers
    for unit in sorted(units, key=lambda each: -each.cost):
        least = loads.index(min(loads))
        hands[least].append(unit)
        loads[least] += unit.cost
    return [sorted(hand, key=lambda unit: (unit.job, unit.ranges or [])) for hand in hands]


def _fork(jobs: list[Job], hands: list[list[_Unit]]) -> Iterator[Said]:
    """What the workers say, each a child of its own: taking bytes out of a buffer holds the interpreter's lock."""
    with selectors.DefaultSelector() as selector:
        children: dict[int, tuple[int, list[bytes]]] = {}
        for hand in hands:
            source, sink = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(source)
                _child(jobs, hand, sink)
            os.close(sink)
            children[source] = pid, [b""]
            selector.register(source, selectors.EVENT_READ)
        failed = False
        while children:
            for key, _ in selector.select():
                pid, rest = children[key.fd]
                data = os.read(key.fd, 1 << 16)
                *lines, rest[0] = (rest[0] + data).split(b"\n")
                for line in lines:
                    yield json.loads(line)
                if not data:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    del children[key.fd]
                    failed = os.waitpid(pid, 0)[1] != 0 or failed
        if failed:
            raise ChildProcessError("a process that read weights was ended")


def _child(jobs: list[Job], hand: list[_Unit], sink: int) -> None:
    """One worker's whole life; it never returns. A parent that is gone ends it at its next word."""
    status = 1
    try:
        os.nice(10)  # a service that answers goes first
        with os.fdopen(sink, "wb", buffering=0) as out:
            for said in _work(jobs, hand):
                line = json.dumps(said).encode() + b"\n"
                while line:
                    line = line[out.write(line) or 0 :]
        status = 0
    finally:
        os._exit(status)


def _work(jobs: list[Job], units: list[_Unit]) -> Iterator[Said]:
    """Read these shares, and say what is found as it is found."""
    for unit in units:
        job = jobs[unit.job]
        try:
            with open(job.path, "rb", buffering=0) as opened:
                if unit.ranges is not None:
                    yield from _scan(opened.fileno(), unit.job, job, unit.ranges)
                else:
                    yield from _compare(opened.fileno(), unit.job, job)
        except OSError as err:
            yield {"job": unit.job, "error": err.strerror or str(err)}


def _compare(fd: int, number: int, job: Job) -> Iterator[Said]:
    """Hash a whole file. Where the digest is not the recorded one, scan its tensors, which counts as read already."""
    digest = yield from _hash(fd)
    yield {"job": number, "sha256": digest}
    if digest != job.recorded:
        for piece in _pieces(number, job):
            for said in _scan(fd, number, job, piece.ranges or []):
                yield {**said, "read": 0}


def _hash(fd: int) -> Generator[Said, None, str]:
    digest, buffer = hashlib.sha256(), bytearray(_HASHED)
    view = memoryview(buffer)
    at = told = 0
    while True:
        length = os.preadv(fd, [buffer], at)
        if not length:
            break
        digest.update(view[:length])
        at += length
        if at - told >= _PIECE:
            yield {"read": at - told}
            told = at
    yield {"read": at - told}
    return digest.hexdigest()


def _scan(fd: int, number: int, job: Job, ranges: list[tuple[int, int, int]]) -> Iterator[Said]:
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    read = 0
    for index, begin, end in ranges:
        tensor = job.tensors[index]
        zeros: list[tuple[int, int]] = []
        count, first = 0, 0
        for at in range(begin, end, _CHUNK):
            length = min(_CHUNK, end - at)
            filled = 0
            while filled < length:
                more = os.preadv(fd, [view[filled:length]], at + filled)
                if not more:
                    raise OSError(0, f"it ends at byte {at + filled}")
                filled += more
            zeros += [(at + run[0], at + run[1]) for run in zero_blocks(buffer, length)]
            found, where = not_numbers(buffer, length, tensor.dtype, at - tensor.begin)
            if found:
                first = first if count else at + where
                count += found
        read += end - begin
        if zeros:
            yield {"job": number, "zeros": zeros}
        if count:
            yield {"job": number, "tensor": index, "nan": (count, first)}
        if read >= _CHUNK * 32:
            yield {"read": read}
            read = 0
    yield {"read": read}
