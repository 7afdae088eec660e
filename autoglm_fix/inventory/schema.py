"""JSON Schema of inventories, for editors: Ansible's shape, with the services that hosts and groups declare."""

from __future__ import annotations

from autoglm_fix.authored.typed import DIALECT, JsonSchema, json_schema, or_template

from .services import MANY, NEEDED, ONE, service_types


def schema() -> JsonSchema:
    """The schema of an inventory file."""
    group = {"$ref": "#/$defs/group"}
    variables = {"$ref": "#/$defs/variables"}
    groups = {"type": "object", "additionalProperties": group}
    return {
        "$schema": DIALECT,
        "title": "autoglm-fix inventory",
        **groups,
        "$defs": {
            "group": {
                "type": ["object", "null"],
                "properties": {
                    "hosts": {
                        "description": "Hosts by name; gpu[01:64] stands for many.",
                        "type": ["object", "null"],
                        "additionalProperties": variables,
                    },
                    "vars": {"description": "Variables of every host in the group.", **variables},
                    "children": {"description": "Groups in this group.", **groups, "type": ["object", "null"]},
                },
                "additionalProperties": False,
            },
            "variables": {
                "type": ["object", "null"],
                "properties": {
                    ONE: {"$ref": "#/$defs/service"},
                    MANY: {"type": ["array", "null"], "items": {"$ref": "#/$defs/service"}},
                },
            },
            "service": _service(),
        },
    }


def _service() -> JsonSchema:
    properties = {key: or_template(json_schema(wanted)) for key, wanted in service_types().items()}
    properties["drain_timeout"] = or_template(
        {"description": "Seconds that drain, and undrain, may take.", "type": "number", "exclusiveMinimum": 0}
    )
    properties["api_key"] = {
        "description": "Where the key is kept; it is never written here.",
        "oneOf": [
            {
                "type": "object",
                "properties": {kind: {"type": "string"}},
                "required": [kind],
                "additionalProperties": False,
            }
            for kind in ("env", "file")
        ],
    }
    return {
        "description": "A model server or program: who starts it, its model, and where it answers.",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"properties": {"manager": {"const": manager}}, "required": ["manager"]},
                "then": {"required": [needed], "properties": {needed: {"not": {"type": "null"}}}},
            }
            for manager, needed in NEEDED.items()
        ],
    }
