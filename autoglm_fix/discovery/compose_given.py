"""What a compose service is given, by its files: ports of the host, GPUs."""

from __future__ import annotations

import re

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.authored.yaml_source import plain
from autoglm_fix.launch.compose_layers import layers
from autoglm_fix.launch.texts import texts_of

from .endpoint import Published, of_text

_FILLED = re.compile(r"\$\{\w+:?-([^}]*)\}")


def published(service: Service) -> list[Published]:
    """What it publishes; a variable counts with the value that it has where nobody sets it."""
    texts = texts_of(service)
    found: list[Published] = []
    for text in texts.kind("compose"):
        for layer in layers(texts, text, service.name):
            mode, ports = layer.get("network_mode"), layer.get("ports")
            if mode is not None and plain(mode) == "host":
                return [Published(0, "", 0)]
            said = plain(ports) if ports is not None else None
            for each in said if isinstance(said, list) else []:
                if isinstance(each, dict):
                    inside, outside = str(each.get("target", "")), str(each.get("published", ""))
                    found += of_text(f"{each.get('host_ip', '')}:{outside}:{inside}".lstrip(":"))
                else:
                    found += of_text(_FILLED.sub(r"\1", str(each)))
    return found


def wants_a_gpu(service: Service) -> bool:
    """Whether it asks for a GPU, in any of the ways in which one can."""
    texts = texts_of(service)
    for text in texts.kind("compose"):
        for layer in layers(texts, text, service.name):
            reserved = layer.get("deploy", "resources", "reservations", "devices")
            runtime = layer.get("runtime")
            if reserved is not None and "gpu" in str(plain(reserved)):
                return True
            if layer.get("gpus") is not None or (runtime is not None and plain(runtime) == "nvidia"):
                return True
    return False
