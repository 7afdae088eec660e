"""Values that came without positions of their own, as nodes: their texts may be templates, as in any inventory."""

from __future__ import annotations

from autoglm_fix.authored.problems import Position
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.authored.yaml_source import (
    Value,
    YamlEntry,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    YamlVault,
)

# How Ansible writes a value that is encrypted, or that is no template, into JSON.
_SEALED = "__ansible_vault"
NO_TEMPLATE = "__ansible_unsafe"

# As deep as YAML is read.
DEEPEST = 60


def too_deep(value: Value) -> bool:
    """Whether lists and mappings lie in each other deeper than is followed."""
    level = [value]
    for _ in range(DEEPEST + 1):
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, (dict, list))]
        level = [each for values in inner for each in values]
    return bool(level)


def node_of(value: Value, at: Position, raw: str = "", keys: Keyring | None = None) -> YamlNode:
    """A value as if it had been written at one place; ``raw`` is how it was written there."""
    if isinstance(value, list):
        return YamlSequence(tuple(node_of(item, at, "", keys) for item in value), at)
    if not isinstance(value, dict):
        return YamlScalar(value, at, raw)
    if len(value) == 1:
        ((key, inner),) = value.items()
        if key == _SEALED and isinstance(inner, str) and keys is not None:
            return YamlVault(inner, at, keys)
        if key == NO_TEMPLATE and isinstance(inner, str):
            return YamlScalar(inner, at, verbatim=True)
    return YamlMapping({key: YamlEntry(key, at, node_of(item, at, "", keys)) for key, item in value.items()}, at)
