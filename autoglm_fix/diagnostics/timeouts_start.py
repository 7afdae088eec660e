"""A start that is not done: one that stands still told from one that is slow, by what moves and what it waits for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.facts.start_up import StartUp, Wait
from autoglm_fix.agent.starting.watch import moved
from autoglm_fix.launch import Launch

from . import timeouts_findings as found
from .finding import Finding
from .timeouts_progress import stage_by_progress
from .timeouts_rules import Pace, is_offline, is_whole, rules, span

_FULL = 1 << 20
_LOCKS = re.compile(r"lock|baton|flock", re.IGNORECASE)
_EPOCH = re.compile(r"(\d{9,10}\.\d+) ")
_STAMP = re.compile(r"\b(?:(\d{4})-)?(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)")
# Of a line without a year: a leap year, so that every day is one.
_SOME_YEAR = 2000


def start_up(start: StartUp, service: Service, model: ModelFiles, launch: Launch, pace: Pace) -> Iterator[Finding]:
    """What a close look at a start says; nothing where none was needed."""
    if start.state != "looked" or len(start.samples) < 2:
        return
    stages = timed_stages(start)
    stage = stages[-1][0] if stages else ""
    listens_elsewhere = not start.connects and bool(start.ports) and stage in ("", "ready")
    if listens_elsewhere or (stage == "ready" and not start.connects and service.endpoint):
        return  # it is up, and the endpoint is wrong: whoever asks the endpoint says so
    if not stages and (guess := stage_by_progress(start, model.total_size)):
        stage = f"≈ {guess}"
    first, last = start.samples[0], start.samples[-1]
    passed = max(0.1, last.at - first.at)
    cores = (last.cpu - first.cpu) / passed
    told = [f"{name} {span(seconds)}" if seconds is not None else name for name, seconds in stages]
    still = not moved(first, last)
    if still and cores < rules().idle_cores:
        stalls = list(_stalls(start, service, model, launch, stage, told))
        yield from stalls
        if not stalls:
            yield _slow(start, service, model, pace, stage, told, cores)
    elif still and _turns(start, pace):
        yield _nothing_moves(start, service, stage, told)
    else:
        yield _slow(start, service, model, pace, stage, told, cores)
    yield from _log(start, service, launch)


def _turns(start: StartUp, pace: Pace) -> bool:
    """Whether it computes the same for much longer than it should take, without a word."""
    silent = start.now - (start.logged if start.logged is not None else start.since)
    stood = len(start.stacks) == 2 and start.stacks[0] == start.stacks[1]
    differs = len(start.stacks) == 2 and not stood
    known = start.logged is not None or stood
    return known and not differs and silent > 2 * pace.slow


def _is_silent(start: StartUp) -> bool:
    """Whether it has neither begun nor said anything for a while."""
    still = rules().still_s
    return start.now - start.since >= still and (start.logged is None or start.now - start.logged >= still)


def _stalls(
    start: StartUp, service: Service, model: ModelFiles, launch: Launch, stage: str, told: Sequence[str]
) -> Iterator[Finding]:
    """Why nothing moves, the surest sign first; nothing where what it reads may not be seen, and no sign is sure."""
    blind = start.samples[-1].read is None
    name, watched = _name(service), _watched(start)
    stack = start.stacks[-1] if start.stacks else []
    by_kind: dict[str, Wait] = {}
    for wait in start.waits:
        by_kind.setdefault(wait.kind, wait)
    # Who polls a lock sleeps: only what it does, where that is known, tells for what.
    locks = not stack or any(_LOCKS.search(frame) for frame in stack) or not start.stacked
    lock = by_kind.get("lock") or (by_kind.get("held") if locks else None)
    if lock is not None:
        yield found.StalledLock(subject=lock.what, service=name, holder=lock.who, watched=watched, stack=stack)
    elif "left" in by_kind and locks:
        yield found.LockLeft(subject=by_kind["left"].what, service=name, watched=watched)
    elif "disk" in by_kind and not blind:
        disk = by_kind["disk"]
        yield found.StalledDisk(subject=name, filesystem=disk.who, where=disk.what, pid=disk.pid, watched=watched)
    elif "connect" in by_kind or "dns" in by_kind:
        wait = by_kind.get("connect") or by_kind["dns"]
        if is_offline(launch.environment) and _is_stale(service):
            return  # it was started before that was said: its next start asks nobody
        online = model.source in ("hub", "modelscope") and not is_offline(launch.environment)
        yield found.StalledNetwork(
            subject=name,
            remote=wait.what if wait.kind == "connect" else f"{wait.what}:53 (DNS)",
            stage=stage,
            watched=watched,
            stack=stack,
            hub=online,
            cached=online and is_whole(model),
        )
    elif start.shm_total and start.shm_free is not None and start.shm_free < _FULL:
        yield found.SharedMemoryFull(subject=name, total=start.shm_total, free=start.shm_free)
    elif not blind and _is_silent(start) and (start.connects or service.state == "starting" or service.endpoint):
        yield _nothing_moves(start, service, stage, told)


def _is_stale(service: Service) -> bool:
    """Whether its definition was changed since it was started."""
    since = service.running.since if service.running is not None else 0.0
    return service.changed is not None and service.changed > since


def _nothing_moves(start: StartUp, service: Service, stage: str, told: Sequence[str]) -> Finding:
    return found.Stalled(
        subject=_name(service),
        stage=stage or "-",
        watched=_watched(start),
        process=start.stacked,
        stack=start.stacks[-1] if start.stacks else [],
        unstacked=start.unstacked,
        stages=list(told),
    )


def _slow(
    start: StartUp, service: Service, model: ModelFiles, pace: Pace, stage: str, told: Sequence[str], cores: float
) -> Finding:
    """How far it is, and how fast."""
    first, last = start.samples[0], start.samples[-1]
    passed = max(0.1, last.at - first.at)
    read = (last.read - first.read) if last.read is not None and first.read is not None else 0
    grown = max(read, last.resident - first.resident, (last.gpu or 0) - (first.gpu or 0), 0)
    rate, total = int(grown / passed), model.total_size
    done = min(total, max(last.read or 0, last.resident))
    doing = "reading" if read > _FULL else "writing" if _wrote(start) else "loading" if grown > _FULL else "idle"
    if start.compilers:
        doing = "compiling"
    elif doing == "idle" and cores >= rules().idle_cores:
        doing = "computing"
    left = span((total - done) / rate) if rate > _FULL and done < total else "-"
    up = start.now - start.since if start.since else 0.0
    stack = start.stacks[-1] if start.stacks else []
    if up > pace.slow:
        return found.VerySlowStart(
            subject=_name(service),
            stage=stage or "-",
            doing=doing,
            up=span(up),
            need=span(pace.slow),
            done=done,
            total=total,
            rate=rate,
            left=left,
            stages=list(told),
            stack=stack,
        )
    return found.SlowStart(
        subject=_name(service),
        stage=stage or "-",
        doing=doing,
        up=span(up),
        done=done,
        total=total,
        rate=rate,
        left=left,
        stages=list(told),
        stack=stack,
    )


def _wrote(start: StartUp) -> bool:
    first, last = start.samples[0].written, start.samples[-1].written
    return first is not None and last is not None and last - first > _FULL


def _log(start: StartUp, service: Service, launch: Launch) -> Iterator[Finding]:
    """Why its log says nothing."""
    if start.output:
        yield found.LogLost(subject=_name(service), where=start.output)
        return
    python = service.running is not None and "python" in (service.running.python or "")
    unset = not (launch.environment.get("PYTHONUNBUFFERED") or "-u" in launch.argv[1:3])
    if python and unset and not start.log and launch.engine in ("custom", "transformers"):
        yield found.LogBuffered(subject=_name(service))


def timed_stages(start: StartUp) -> list[tuple[str, float | None]]:
    """The stages that the log tells, in their order, with their seconds where the log tells times, too.

    The last one lasts until now.
    """
    begun: list[tuple[str, float | None]] = []
    for line in start.log:
        for row in reversed(rules().stages):
            if re.search(row.pattern, line):
                if not begun or begun[-1][0] != row.stage:
                    begun.append((row.stage, _stamp(line)))
                break
    ends = [*(at for _, at in begun[1:]), _now(start, begun)]
    return [
        (name, max(end - at, 0.0) if at is not None and end is not None else None)
        for (name, at), end in zip(begun, ends, strict=False)
    ]


def _now(start: StartUp, begun: Sequence[tuple[str, float | None]]) -> float | None:
    """When the last stage ends that the log tells: now, where its times are the epoch's."""
    last = begun[-1][1] if begun else None
    return start.now if last is not None and abs(start.now - last) < 7 * 86400 else None


def _stamp(line: str) -> float | None:
    """When a line was written, in seconds; of a clock without a zone, only spans mean something."""
    epoch = _EPOCH.match(line)
    if epoch:
        return float(epoch[1])
    at = _STAMP.search(line)
    if at is None:
        return None
    year, *rest = (int(each) if each else _SOME_YEAR for each in at.groups())
    month, day, hour, minute, second = rest
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


def _name(service: Service) -> str:
    return service.defined.name if service.defined else service.name


def _watched(start: StartUp) -> str:
    """For how long nothing has moved, as far as that was seen."""
    silent = start.now - start.logged if start.logged is not None else 0.0
    return span(max(start.samples[-1].at, silent if silent < start.now - start.since else 0.0))
