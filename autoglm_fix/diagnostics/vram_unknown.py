"""What makes the sums of a launch uncertain: parts of it that no file tells beforehand. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from autoglm_fix.json_text import Json
from autoglm_fix.launch import Launch

from .vram_need import CACHE_DTYPES, length_of, number
from .vram_rules import Rules

Options = Mapping[str, str | bool]

# The options that hold changes of the model's config.json.
_CHANGES = ("--hf-overrides", "--json-model-override-args")
_OFF = ("", "0", "0.0", "none", "null", "auto", "generate")
# Words that only a shell could replace, by any number of options.
_EXPANDED = re.compile(r"\$(?:\w+|\{[^}]*\}|\([^)]*\)|[@*])")
_EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
_FITTED = ("auto", "-1")


def changed(config: Mapping[str, Json], options: Options) -> dict[str, Json]:
    """The config with the launch's own changes."""
    values = dict(config)
    for name in _CHANGES:
        for key, value in (_object(options.get(name)) or {}).items():
            inner = values.get(key)
            values[key] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
    return values


def unknown(launch: Launch, config: Mapping[str, Json], numbers: tuple[str, ...], rules: Rules) -> Iterator[str]:
    """What of a launch changes weights or cache in a way that is not computed here, as it is written there.

    ``config`` is the checkpoint's own; ``numbers`` are the options that the sums read as numbers.
    """
    options = launch.options
    for name in rules.unknown.get(launch.engine, []):
        if _says(name, options.get(name)):
            yield shown(name, options[name])
    for name in numbers:
        said = options.get(name)
        if said is not None and number(said) is None and length_of(said) is None and said not in _FITTED:
            yield shown(name, said)
    yield from _shrunk(launch, config)
    yield from _hidden(launch)


def _shrunk(launch: Launch, config: Mapping[str, Json]) -> Iterator[str]:
    """What makes the weights or a value of the cache smaller than in the checkpoint."""
    options = launch.options
    if not _is_quantised(config) and launch.engine in ("vllm", "sglang"):
        if _says("--quantization", options.get("--quantization")):
            yield shown("--quantization", options["--quantization"])
        elif options.get("--load-format") == "bitsandbytes":
            yield shown("--load-format", "bitsandbytes")
    if str(options.get("--kv-cache-dtype", "auto")) not in CACHE_DTYPES:
        yield shown("--kv-cache-dtype", options["--kv-cache-dtype"])
    for name in _CHANGES:
        if options.get(name) is not None and _object(options[name]) is None:
            yield name
    if (number(options.get("--data-parallel-size")) or 1) > 1 and any(config.get(name) for name in _EXPERTS):
        # Replicas share the experts out among them.
        yield shown("--data-parallel-size", options["--data-parallel-size"])


def is_fitted(said: str | bool | None) -> bool:
    """Whether the engine itself chooses the longest context that fits."""
    return said in _FITTED


def shown(name: str, value: str | bool) -> str:
    """An option as people write it."""
    return f"{name} {value}" if isinstance(value, str) else name


def _says(name: str, value: str | bool | None) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    return value.strip().lower() not in _OFF and not (name.endswith("-size") and value.strip() == "1")


def _is_quantised(config: Mapping[str, Json]) -> bool:
    """Whether the checkpoint itself holds quantised weights, so that its files tell their size."""
    inner = config.get("text_config")
    return any(
        isinstance(values, dict) and any(values.get(name) for name in ("quantization_config", "compression_config"))
        for values in (dict(config), inner)
    )


def _hidden(launch: Launch) -> Iterator[str]:
    """Words that could hold any options: a shell's variables and commands, where they stand by themselves."""
    values = {word for value in launch.options.values() if isinstance(value, str) for word in (value, *value.split())}
    for word in launch.argv:
        if _EXPANDED.fullmatch(word) and word != launch.model and word not in values:
            yield word


def _object(said: str | bool | None) -> dict[str, Json] | None:
    if not isinstance(said, str):
        return None
    try:
        read: Json = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
