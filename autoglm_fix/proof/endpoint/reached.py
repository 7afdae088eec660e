"""The claim ``endpoint``: the service itself answers, streamed and not, under its name."""

from __future__ import annotations

from typing import Any

from ..claim import Claim, Evidence, rounded
from .problem import Problem, of_transport
from .said import of_text

NAME = "endpoint"
# Programs that hand requests on, as they call themselves in an answer's head.
_FRONTS = ("nginx", "haproxy", "envoy", "traefik", "caddy", "apache", "cloudflare", "squid", "openresty", "litellm")
# Whose processes are in a unit of systemd's, or in none: what these say of theirs can be held against the listener's.
_KNOWN_BY = ("systemd", "docker", "compose")
_DOWN = ("failed", "restarting")
_SILENT = ("stopped", "absent")
# A limit of one token that was kept: some count the end of the answer, too.
_ONE = 3


def judge_reached(evidence: Evidence) -> Claim:
    """Pass: whole answers, streamed and not, of the model asked for, by whom this host says, counted by its engine."""
    facts = _facts(evidence)
    another = _of_owner(evidence)
    if another is not None:
        return another.claim(NAME, facts)
    heard = [evidence[name] for name in ("canary", "main", "plain") if evidence[name]]
    for each in heard:
        problem = of_transport(each, evidence)
        if problem is not None and not (each is evidence["plain"] and _ran_out(evidence)):
            return problem.claim(NAME, facts)
    if len(heard) < 3 or _ran_out(evidence):
        values = {"seconds": round(sum(each["seconds"] for each in heard)), "tokens": evidence["asked"]["counted"]}
        return Problem("endpoint.too-slow", "slow", ("timeouts", "vram", "cuda"), values).claim(NAME, facts)
    problem = _of_streaming(evidence) or _of_name(evidence) or _of_way(evidence)
    return problem.claim(NAME, facts) if problem else Claim(NAME, "pass", facts)


def _ran_out(evidence: Evidence) -> bool:
    """Whether the answer in one piece was given less time than such an answer may well take: it did not hang."""
    main, plain = evidence["main"], evidence["plain"]
    late = plain is not None and plain["error"] is not None and plain["error"]["kind"] == "timeout"
    return bool(late and plain["seconds"] < 2 * main["seconds"])


def counted(evidence: Evidence) -> float | None:
    """By how many tokens the engine's counter went on; None where it has none."""
    before, after = evidence["counters"]["before"], evidence["counters"]["after"]
    names = [name for name in before if name.endswith(("generation_tokens_total", "predicted_total"))]
    return sum(after.get(name, 0) - before[name] for name in names) if names else None


def front(evidence: Evidence) -> str:
    """The name of a program that stands between us and the service, empty where none is seen."""
    owner, service = evidence["owner"], evidence["service"] or {}
    if owner.get("front"):
        return str(owner["front"])
    own = set(service.get("pids") or ())
    if own and owner.get("tree") and not own & set(owner["tree"]):
        return str((owner["names"] or ["?"])[0])
    server, via = (evidence["main"] or {}).get("server") or ("", "")
    return next((name for name in _FRONTS if name in server.lower()), via)


def on_gpu(evidence: Evidence, pids: set[int]) -> list[tuple[Evidence, Evidence]]:
    """The GPUs that list one of these processes, each with its entry."""
    seen = evidence["nvml"]["after"] or evidence["nvml"]["before"]
    listed = [(gpu, process) for gpu in seen.get("gpus", []) for process in gpu.get("processes", [])]
    return [(gpu, process) for gpu, process in listed if process["pid"] in pids]


def _facts(evidence: Evidence) -> dict[str, Any]:
    main, owner, service = evidence["main"] or {}, evidence["owner"] or {}, evidence["service"] or {}
    return {
        "url": evidence["url"],
        "model": evidence["model"],
        "answered_as": main.get("model"),
        "served": (evidence["models"] or {}).get("ids"),
        "owner": owner.get("names", []),
        "pids": owner.get("pids", []),
        "service_state": service.get("state"),
        "counters": evidence["counters"],
        "tokens": evidence["asked"]["counted"],
        "waited_s": rounded(evidence["waited"]["seconds"]),
    }


def _of_owner(evidence: Evidence) -> Problem | None:
    """Another service listens, while this one runs nowhere.

    One that is stopped, or that its manager does not know, may have been started in a way that nobody declared.
    """
    owner, service = evidence["owner"] or {}, evidence["service"] or {}
    units, state = owner.get("others"), service.get("state")
    if not units or owner.get("front") or service.get("manager") not in _KNOWN_BY or state not in (*_DOWN, *_SILENT):
        return None
    values = {"units": units, "state": state, "pids": owner["pids"]}
    return Problem("endpoint.of-another", "none", ("service",), values, "fail" if state in _DOWN else "unproved")


def _of_streaming(evidence: Evidence) -> Problem | None:
    main, plain = evidence["main"], evidence["plain"]
    if not main["streamed"]:
        return Problem("endpoint.not-streamed", "empty", ("service",))
    problem = of_text(plain)
    if problem is None or of_text(main) is not None:
        return None
    values = {**problem.values, "finish": plain["finish"] or "?"}
    if problem.status == "unproved":
        return None
    return Problem("endpoint.lost-unstreamed", "empty", ("service",), values)


def _of_name(evidence: Evidence) -> Problem | None:
    """The answer's model is the one asked for, byte for byte, or another name that the server lists for it."""
    asked, said, served = evidence["model"], evidence["main"]["model"], evidence["models"]["ids"]
    same = said is None or said == asked or said in (f"{asked}:latest", f"{asked}@main") or said.split("@")[0] == asked
    listed = served is not None and asked in served
    values = {"model": asked, "said": said or "?", "served": served if served else ["?"]}
    if not same and not (listed and said in served):
        unknown = served is None
        return Problem("endpoint.wrong-model", "none", ("service",), values, "unproved" if unknown else "fail")
    # The list of transformers serve is that of the hub's cache, whatever it serves.
    close = any(each.split(":")[0] == asked for each in served or ())
    if served and not listed and not close and evidence["engine"] != "transformers":
        return Problem("endpoint.not-listed", "none", ("service",), values, "unproved")
    bogus = evidence["bogus"]
    if evidence["engine"] == "vllm" and bogus and bogus["status"] == 200 and not bogus["error"]:
        return Problem("endpoint.any-model", "none", ("service",), values, "unproved")
    return None


def _of_way(evidence: Evidence) -> Problem | None:
    """Whether what answers is the service on this host: its counter moves, or the driver shows its processes."""
    moved, tokens = counted(evidence), evidence["asked"]["counted"]
    if moved is not None and moved < tokens:
        values = {"moved": round(moved), "tokens": tokens}
        return Problem("endpoint.counters-still", "none", ("service",), values, "unproved")
    between = front(evidence)
    own = set((evidence["service"] or {}).get("pids") or ())
    if between and moved is None and not on_gpu(evidence, own):
        return Problem("endpoint.proxy", "none", ("service",), {"proxy": between}, "unproved")
    one = evidence["one"]
    if one and one["status"] == 200 and one["usage"] and one["tokens"] > _ONE:
        return Problem("endpoint.limit-ignored", "none", ("service",), {"tokens": one["tokens"]}, "unproved")
    return None
