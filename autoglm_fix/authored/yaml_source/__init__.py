"""YAML that knows where each value stood, so that every later check can point at it.

A value of a ``YamlNode`` is text that its author wrote: only such text may hold templates. Whatever
comes from a host is a plain ``Value`` and is never taken for one.
"""

from .nodes import (
    Atom,
    Value,
    YamlEntry,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    YamlVault,
    is_empty,
    plain,
)
from .read import parse_yaml, read_text, read_yaml

__all__ = [
    "Atom",
    "Value",
    "YamlEntry",
    "YamlMapping",
    "YamlNode",
    "YamlScalar",
    "YamlSequence",
    "YamlVault",
    "is_empty",
    "parse_yaml",
    "plain",
    "read_text",
    "read_yaml",
]
