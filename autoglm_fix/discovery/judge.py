"""What speaks for a service of a model: its command, its program, what it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoglm_fix.agent.facts.landscape import Program
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.launch import Launch, read
from autoglm_fix.launch.command import understand

from .compose_given import wants_a_gpu
from .found import Draft, Remark

# A program that imports these loads models; one that imports a client's library alone asks for answers.
_LOADS = ("vllm", "sglang", "llama_cpp", "transformers", "modelscope", "diffusers", "torch")
_ENGINES = {"vllm": "vllm", "sglang": "sglang", "llama_cpp": "llama.cpp"}
_PYTHON = re.compile(r"(?:.*/)?(?:python|pypy)[\d.]*")
_MODEL = re.compile(r"(?:/|~/|\./)\S+|[\w.-]+/[\w.-]+|\S+\.gguf")


def reasons(draft: Draft) -> list[Remark]:
    """Why this serves a model; none where nothing says so."""
    return list(_reasons(draft))


def launch_of(service: Service) -> Launch | None:
    """What is started; where nothing can be read out of a script, the command that starts that."""
    launch = read(service)
    defined = service.defined
    if launch is not None or defined is None or not defined.argv:
        return launch
    command = understand(defined.argv)
    variables = {**(defined.environment or {}), **command.variables}
    return Launch(
        command.words,
        variables,
        command.engine,
        command.options,
        command.model,
        command.served_model_name,
        defined.user,
        defined.working_dir,
    )


def engine_of(draft: Draft) -> str:
    """The engine: of a program of one's own the library that it loads a model with."""
    if draft.engine != "custom":
        return draft.engine
    program = program_of(draft)
    loaded = next((name for name in _LOADS if program is not None and name in program.imports), "")
    if loaded in ("transformers", "modelscope"):
        return "transformers"
    return _ENGINES.get(loaded, "custom")


def program_of(draft: Draft) -> Program | None:
    """The program's own text, as its process or its definition names it."""
    of = [each.program for each in draft.family[:1]] + [each.program for each in (draft.managed,) if each is not None]
    return next((each for each in of if each is not None), None)


def _reasons(draft: Draft) -> Iterator[Remark]:
    launch = draft.launch
    if launch is not None and launch.engine != "custom":
        yield Remark("discover.by-command", {"engine": launch.engine})
    for each in draft.family:
        if each.holds:
            yield Remark("discover.by-files", {"pid": each.running.pid, "path": each.holds[0]})
            break
    memory = [each.gpu for each in draft.family if each.gpu is not None]
    if memory:
        yield Remark("discover.by-gpu", {"memory": sum(memory)}) if sum(memory) else Remark("discover.by-gpu-alone")
    program = program_of(draft)
    loads = [name for name in _LOADS if program is not None and name in program.imports]
    if program is not None and loads and (launch is None or launch.engine == "custom"):
        yield Remark("discover.by-program", {"path": program.path, "libraries": loads})
    asks = _asks_for_a_gpu(draft)
    if asks and launch is not None and launch.engine == "custom" and _runs_python(launch):
        yield Remark("discover.by-gpu-request")
    model = launch.model if launch is not None and launch.engine == "custom" else None
    if model and _MODEL.fullmatch(model) and (draft.container is None or asks):
        yield Remark("discover.by-option", {"model": model})


def _asks_for_a_gpu(draft: Draft) -> bool:
    """Whether a container is given a GPU, by its record or its compose file."""
    if draft.composed is not None:
        return wants_a_gpu(draft.service)
    host = draft.container.record.get("HostConfig") if draft.container is not None else None
    if not isinstance(host, dict):
        return False
    return bool(host.get("DeviceRequests")) or host.get("Runtime") == "nvidia" or "nvidia" in str(host.get("Devices"))


def _runs_python(launch: Launch) -> bool:
    argv = launch.argv[understand(launch.argv).front.at :]
    return bool(argv) and (_PYTHON.fullmatch(argv[0]) is not None or any(word.endswith(".py") for word in argv[:3]))
