"""Where a service reads its model from when it starts: a folder, the cache of a hub, or the hub itself."""

from __future__ import annotations

import os

from .context import Context
from .model.cached import is_yes
from .model.folder import Located, locate
from .reach import Reach, Who
from .service_run.surroundings import environment


def source(ctx: Context) -> tuple[str, str]:
    """A host path, or the address of the hub that it downloads from; each empty where it is the other, or neither.

    CannotTell where nobody can say.
    """
    who = Who(ctx.service.user)
    located = locate(ctx, who, Reach(ctx.view, who))
    if located.source == "path":
        return ctx.view.place(located.inside).host or "", ""
    cache = ctx.view.place(located.repo).host or ""
    if located.cached and not _is_half(cache):
        return cache, ""
    return "", _hub(located, environment(ctx.service, who.home, who.name))


def _is_half(cache: str) -> bool:
    """Whether a download into the cache of a model was broken off: the next start goes on with it."""
    blobs = os.path.join(cache, "blobs")
    return os.path.isdir(blobs) and any(name.endswith(".incomplete") for name in os.listdir(blobs))


def _hub(located: Located, variables: dict[str, str]) -> str:
    """The hub that it would ask; nothing where it is told to ask none."""
    if located.source == "modelscope":
        named = variables.get("MODELSCOPE_ENDPOINT") or variables.get("MODELSCOPE_DOMAIN") or "modelscope.cn"
    elif any(is_yes(variables.get(name, "")) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")):
        return ""
    else:
        named = variables.get("HF_ENDPOINT") or "huggingface.co"
    return named if "://" in named else f"https://{named}"
