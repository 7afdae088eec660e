"""What a launch is, and what an edit of one asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Launch:
    """A launch command, understood.

    ``argv`` is the command, its front (``env``, ``docker run``) included; out of a shell it is the command that
    the shell starts. ``engine`` is what it starts (``vllm``, ``sglang``, ``transformers``, ``llama.cpp``, ``ollama``,
    ``custom``). ``options`` goes by the engine's own long name with dashes ("--max-model-len"); a flag without a
    value is True, one that is switched off (``--no-...``) False, several values are joined by blanks, keys
    that are set singly (``--option.key``) are put together as JSON, and one given several times holds the last
    value. What only a shell could tell (``$(nproc)``) stands as it is written. ``model`` and
    ``served_model_name`` (the first) are as the command names them, positional or option. ``environment`` is
    what the server gets beside the system's own. ``shell``: the command stands in a script or a shell's ``-c``,
    and was read out of it.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    engine: str = "custom"
    options: Mapping[str, str | bool] = field(default_factory=dict)
    model: str | None = None
    served_model_name: str | None = None
    user: str | None = None
    working_dir: str | None = None
    shell: bool = False


@dataclass(frozen=True)
class Edit:
    """What shall be different at the next start.

    An option or variable set to None is taken out; True gives a flag without a value, False switches one off
    (``--no-...``) where it can be, else takes it out. ``limits`` are the
    manager's waiting times in seconds by their names in ``Limits``, infinite for ever. ``type`` is systemd's word for
    when a start counts as done.
    """

    options: Mapping[str, str | bool | None] = field(default_factory=dict)
    environment: Mapping[str, str | None] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    type: str | None = None


@dataclass(frozen=True)
class ByHand:
    """No definition that could be edited: the whole corrected command, ready to paste, and why.

    ``reason`` is one of ``no-definition``, ``unreadable``, ``not-found-in-text``, ``image`` (it lies in an image's
    layer). ``command`` is empty where nothing is known of the launch.
    """

    command: str
    reason: str
