"""What travels to a host before it is asked for: the code that a healthy service of its kind is looked at with.

The agent imports it late, each module where it is needed; what is not sent here costs an exchange more.
"""

from __future__ import annotations

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect.bundle import AGENT

_DEFINITION = {
    "systemd": ("completion", "systemd"),
    "supervisor": ("completion", "supervisor", "supervisor_rpc"),
    "docker": ("completion", "containers"),
    "compose": ("completion", "containers"),
    "command": ("completion", "by_hand", "declared"),
    "none": ("by_hand",),
}


def ahead(service: ServiceSpec) -> tuple[str, ...]:
    """The modules that read its definition, look at its process, its model and who asks it, by full name."""
    names = ["live", *_DEFINITION[service.manager]]
    if service.manager == "none" and service.command:
        names.append("declared")
    if service.manager == "systemd" and (service.container or service.compose):
        names += ["front_end", *_DEFINITION["docker"]]
    modules = [f"definition.{name}" for name in dict.fromkeys(names)]
    if service.model and not service.model.startswith(("/", "~", ".")):
        modules.append("model.cached")
    if service.env_files:
        modules += ["service_run.env_file", "definition.units"]
    if service.endpoint:
        modules.append("asking.look")
    return tuple(f"{AGENT}.{module}" for module in modules)
