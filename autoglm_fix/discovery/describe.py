"""A draft as an inventory has it, and what a person has to know of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from os.path import basename, join, normpath

from autoglm_fix.agent.facts.landscape import Environment
from autoglm_fix.agent.naming import called, hub_id
from autoglm_fix.launch import Launch
from autoglm_fix.launch.command import understand
from autoglm_fix.launch.tables import words

from .compose_given import published
from .endpoint import Published, api_key, endpoint, of_options, of_record
from .found import Draft, Found, Remark
from .fronts import files_of, front_end, named
from .judge import engine_of, program_of
from .pythons import python_of

_SECRET = re.compile(r"(?:key|token|secret|passw(?:or)?d|passphrase|credentials?|auth)(?:=|\Z)", re.IGNORECASE)
_HELD = re.compile(r"(.*/(models--[^/]+))/blobs/[0-9a-f]+\Z")
# Nothing that a model depends on.
_INCIDENTAL = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING")
_USER_UNIT = re.compile(r"/user@\d+\.service/(?:[^/]+/)*([^/]+\.service)")


def described(draft: Draft, environments: Sequence[Environment], taken: Sequence[str]) -> Found:
    """The service under a name that none of the ``taken`` is."""
    keys: dict[str, object] = {"name": "", **_handle(draft)}
    keys["engine"] = engine_of(draft)
    inside = "container" in keys or "compose" in keys
    if not inside:
        keys |= _by_hand(draft) if draft.service.manager == "none" else _of_host(draft)
        python = python_of(draft, environments)
        keys |= {"python": python} if python else {}
    model = _model(draft)
    keys |= {"model": model} if model else {}
    launch = draft.launch
    if launch is not None:
        keys |= {"served_model_name": launch.served_model_name} if launch.served_model_name else {}
        url = endpoint(launch, _listens(draft), _published(draft))
        keys |= {"endpoint": url} if url else {}
        key = api_key(launch)
        keys |= {"api_key": dict(key)} if key and url else {}
    keys["name"] = _named(keys, taken)
    ended = draft.service.ended or (draft.front.service.ended if draft.front is not None else None)
    return Found(
        keys,
        _state(draft),
        draft.why,
        list(_remarks(draft, keys)),
        ended.code if ended else None,
        ended.signal if ended else "",
        ended.reason if ended else "",
        ended.at if ended else None,
        _names(draft),
    )


def _state(draft: Draft) -> str:
    if draft.front is not None and draft.service.state in ("stopped", "failed"):
        front = draft.front.service.state
        return front if front in ("failed", "restarting") else draft.service.state
    return draft.service.state


def _handle(draft: Draft) -> dict[str, object]:
    """Who starts it and what they know it by."""
    service, container, labels = draft.service, draft.container, draft.labels
    if draft.composed is not None:
        return {"manager": "compose", "compose": dict(draft.composed.keys)}
    behind: dict[str, object] = {}
    if container is not None:
        files = files_of(labels) if service.manager == "compose" else []
        project = {"files": files, "project": labels.get("project", ""), "service": labels.get("service", "")}
        behind = {"compose": project} if files else {"container": container.name}
    if draft.front is not None:
        return {"manager": "systemd", "unit": draft.front.service.handle["unit"], **behind}
    if container is not None:
        return {"manager": "compose" if "compose" in behind else "docker", **behind}
    if service.manager == "none":
        return {}
    front = front_end(draft.launch) if service.manager == "systemd" else None
    name = named(front) if front is not None else None
    return {"manager": service.manager, "unit": service.handle["unit"], **({"container": name} if name else {})}


def _of_host(draft: Draft) -> dict[str, object]:
    defined, launch = draft.service.defined, draft.launch
    user = (launch.user if launch is not None else None) or (defined.user if defined is not None else None)
    folder = (launch.working_dir if launch is not None else None) or (defined.working_dir if defined else None)
    found: dict[str, object] = {"user": user} if user else {}
    return found | ({"working_dir": folder} if folder not in (None, "/") else {})


def _by_hand(draft: Draft) -> dict[str, object]:
    """What nobody else knows of a process that a person started."""
    running = draft.service.running
    if running is None:
        return {}
    found: dict[str, object] = {}
    if running.argv and not any(_SECRET.search(word) and word.startswith("-") for word in running.argv):
        found = {"manager": "command", "command": list(running.argv)}
    found |= {"user": running.user} if running.user else {}
    found |= {"working_dir": running.working_dir} if running.working_dir else {}
    steering = {
        name: value for name, value in (running.environment or {}).items() if _steers(name) and name not in _INCIDENTAL
    }
    return found | ({"environment": steering} if steering else {})


def _steers(name: str) -> bool:
    """Whether a variable is one that model servers read, and no secret."""
    return (
        name.startswith(tuple(words().variables)) and not _SECRET.search(name) and not name.lower().endswith("_proxy")
    )


def _model(draft: Draft) -> str | None:
    """The model as the service names it, else the one whose files it holds, else one that its program names."""
    launch = draft.launch
    if launch is not None:
        variables = launch.environment
        given = launch.model or variables.get("LLAMA_ARG_MODEL") or variables.get("LLAMA_ARG_HF_REPO")
        if given:
            return _whole(given, launch)
    held = next((path for each in draft.family for path in each.holds), "")
    cached = _HELD.match(held)
    if cached:
        return hub_id(cached[2])
    if held:
        return held if held.endswith(".gguf") else held.rpartition("/")[0]
    program = program_of(draft)
    return program.models[0] if program is not None and program.models else None


def _whole(model: str, launch: Launch) -> str:
    """A path that begins in the service's folder, written out."""
    if model.startswith(("./", "../")):
        return normpath(join(launch.working_dir, model)) if launch.working_dir else model
    return model


def _names(draft: Draft) -> list[str]:
    """The names of the model that a server answers to, where it minds."""
    launch = draft.launch
    if launch is None or launch.engine != "vllm":
        return []
    given = launch.options.get("--served-model-name")
    return given.split() if isinstance(given, str) else [launch.model] if launch.model else []


def _listens(draft: Draft) -> list[str]:
    first = [port for each in draft.family[:1] for port in each.listens]
    return first or [port for each in draft.family for port in each.listens]


def _published(draft: Draft) -> list[Published] | None:
    """What a container publishes; None for a service of the host itself."""
    if draft.container is not None:
        return of_record(draft.container.record)
    if draft.composed is not None:
        return published(draft.service)
    argv = draft.launch.argv if draft.launch is not None else ()
    front = understand(argv).front.container
    if front is not None:
        return of_options(argv[front.options : front.image])
    return [] if any(each.isolated for each in draft.family[:1]) else None


def _remarks(draft: Draft, keys: Mapping[str, object]) -> Iterator[Remark]:
    group = draft.family[0].group if draft.family else ""
    if "manager" not in keys or keys["manager"] == "command":
        user_unit = _USER_UNIT.search(group)
        if user_unit:
            yield Remark("discover.user-unit", {"unit": user_unit[1]})
        elif "kubepods" in group:
            yield Remark("discover.pod")
        elif draft.family and draft.family[0].elsewhere:
            yield Remark("discover.unseen-container")
    if "model" not in keys and keys["engine"] != "ollama":
        yield Remark("discover.no-model")
    inside = "container" in keys or "compose" in keys
    if "python" not in keys and not inside and keys["engine"] not in ("llama.cpp", "ollama"):
        yield Remark("discover.no-python")
    listens = _listens(draft)
    if "endpoint" not in keys and listens:
        apart = draft.family[0].isolated
        yield Remark("discover.listens-apart" if apart else "discover.listens", {"ports": listens})
    key = keys.get("api_key")
    if isinstance(key, dict) and "env" in key:
        yield Remark("discover.key", {"variable": key["env"]})


def _named(keys: Mapping[str, object], taken: Sequence[str]) -> str:
    """Its manager's name for it, else the model's, else the engine's; letters that a name may have."""
    compose = keys.get("compose")
    unit = str(keys.get("unit") or "")
    handles = [
        unit.removesuffix(".service"),
        keys.get("container"),
        compose.get("service") if isinstance(compose, dict) else "",
    ]
    own = [keys.get("served_model_name"), called(str(keys.get("model") or "")), keys["engine"]]
    given = next((str(each) for each in [*handles, *own] if each), "model")
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", basename(given.rstrip("/"))).strip("-._") or "model"
    number = 2
    name = plain
    while name in taken:
        name = f"{plain}-{number}"
        number += 1
    return name
