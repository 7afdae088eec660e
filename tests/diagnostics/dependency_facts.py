"""Facts about an environment, from the few distributions that a test is about."""

from __future__ import annotations

from typing import Any

from autoglm_fix.agent.facts.environment import Distribution, Environment
from autoglm_fix.agent.facts.model_files import Config, ModelFiles
from autoglm_fix.agent.facts.service import Definition, Service
from autoglm_fix.agent.view import Place

SITE = "/opt/autoglm/lib/python3.11/site-packages"
MODELS = {
    "autoglm": Config("ok", model_type="glm4v", architectures=["Glm4vForConditionalGeneration"], vision=True),
    "glm46v": Config("ok", model_type="glm46v", architectures=["Glm46VForConditionalGeneration"], vision=True),
    "glm4": Config("ok", model_type="glm4", architectures=["Glm4ForCausalLM"]),
    "gemma3": Config("ok", model_type="gemma3", architectures=["Gemma3ForConditionalGeneration"], vision=True),
    "unread": Config("missing"),
    "hostile": Config("ok", model_type="{{ 7*7 }}\x1b[31m", architectures=["__class__", "../../etc/passwd"]),
}


def markers(version: str = "3.11.7") -> dict[str, str]:
    """The marker environment of that Python on Linux."""
    return {
        "implementation_name": "cpython",
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "6.1.0",
        "platform_system": "Linux",
        "platform_version": "#1 SMP",
        "python_full_version": version,
        "python_version": ".".join(version.split(".")[:2]),
        "sys_platform": "linux",
    }


def distribution(named: str, about: Any) -> Distribution:
    """``"vllm 0.12.0"`` with the lines that it requires, or with fields of its own."""
    name, _, version = named.partition(" ")
    fields = dict(about) if isinstance(about, dict) else {"requires": list(about or [])}
    site = fields.pop("site", SITE)
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    return Distribution(name=name, version=version, location=f"{site}/{folder}", **fields)


def environment(installed: dict[str, Any], python: str = "3.11.7", **fields: Any) -> Environment:
    """An environment with these distributions; of one name, the first on the path counts."""
    found: list[Distribution] = []
    for named, about in installed.items():
        each = distribution(named, about)
        shadowed = any(other.name.lower() == each.name.lower() for other in found)
        found.append(Distribution(**{**vars(each), "shadowed": shadowed}))
    return Environment(
        **{
            "python": "/opt/autoglm/bin/python",
            "host": "/opt/autoglm/bin/python",
            "version": python,
            "markers": markers(python),
            "prefix": "/opt/autoglm",
            "site": [SITE],
            "distributions": found,
            **fields,
        }
    )


def model(name: str = "autoglm", engine: str = "vllm") -> ModelFiles:
    """A model by the name of its config."""
    return ModelFiles("/models/x", "path", Place("/models/x", "/models/x"), "ok", engine=engine, config=MODELS[name])


def service(argv: list[str] | None = None, variables: dict[str, str] | None = None) -> Service:
    """A service with that launch command, or one that nobody can say anything about."""
    if argv is None:
        return Service("autoglm", "none", "by-hand", undefined="nobody knows")
    return Service("autoglm", "systemd", "failed", Definition("systemd", "autoglm", argv, variables or {}))
