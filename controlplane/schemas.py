"""JSON Schemas of manifests, made of the kinds of resources and their models.

A manifest is a layer: what it leaves out may stand in its base, so that no field of a spec is
required here. That a whole resource has all it needs is what `aicr check` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aicr.merge import DIRECTIVE
from controlplane.address import NAME_PATTERN
from controlplane.compile import PROTECT
from controlplane.kinds import Kind, Kinds
from controlplane.models import ControlPlane, ControlPlaneMixin
from controlplane.outputs import KINDS as OUTPUTS

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|store:[A-Za-z0-9][-A-Za-z0-9._]*)$"
_PARAMETER: Schema = {
    "type": "string",
    "pattern": r"^\$\{[A-Za-z][A-Za-z0-9]*\}$",
    "description": "A parameter of the mixin.",
}
_MERGE: Schema = {
    "enum": ["delete", "replace"],
    "description": "delete what lies below, or put this map in place of it.",
}


def schemas(kinds: Kinds) -> dict[str, Schema]:
    """Every schema of the control plane by the name of its kind of document."""
    return {
        "ControlPlane": _manifest(ControlPlane, "ControlPlaneSpec", kinds, parameters=False),
        "ControlPlaneMixin": _manifest(
            ControlPlaneMixin, "ControlPlaneMixinSpec", kinds, parameters=True
        ),
        **{
            name: {"$schema": DRAFT, **model.model_json_schema(by_alias=True)}
            for name, model in OUTPUTS.items()
        },
    }


def _manifest(model: Any, spec: str, kinds: Kinds, *, parameters: bool) -> Schema:
    """The schema of a manifest, with what each kind allows below `resources`."""
    whole: Schema = model.model_json_schema(by_alias=True)
    whole["$defs"][spec]["properties"]["resources"] = _resources(kinds, parameters)
    return {"$schema": DRAFT, **whole}


def _resources(kinds: Kinds, parameters: bool) -> Schema:
    services: dict[str, dict[str, Schema]] = {}
    for path in sorted(kinds):
        service, _, collection = path.partition(".")
        named = {
            "description": kinds[path].summary,
            "type": ["object", "null"],
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": _resource(kinds[path], parameters),
        }
        services.setdefault(service, {})[collection] = named
    return {
        "description": "Desired state: service, collection, name, and its spec.",
        **_closed({name: _closed(collections) for name, collections in services.items()}),
    }


def _closed(properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": ["object", "null"],
        "properties": dict(properties),
        "additionalProperties": False,
    }


def _resource(kind: Kind, parameters: bool) -> Schema:
    found = kind.model.model_json_schema(by_alias=True)
    spec = _layer(_inlined(found, found.get("$defs", {})), kind.secrets, (), parameters)
    protect = {
        "type": ["boolean", "null"],
        "description": "Refuse plans and calls that would delete or replace it.",
    }
    return {**spec, "properties": {PROTECT: _maybe(protect, parameters), **spec["properties"]}}


def _inlined(value: Any, definitions: Mapping[str, Schema]) -> Any:
    """A schema without references, so that fields can be looked at one by one."""
    if isinstance(value, list):
        return [_inlined(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        target = definitions[value["$ref"].rpartition("/")[2]]
        rest = {k: v for k, v in value.items() if k != "$ref"}
        return {**_inlined(target, definitions), **rest}
    return {k: _inlined(v, definitions) for k, v in value.items() if k != "$defs"}


def _layer(
    schema: Schema, secrets: frozenset[str], path: tuple[str, ...], parameters: bool
) -> Schema:
    """What a layer may say where a whole spec has to fit a schema: any part of it, or null."""
    if ".".join(path) in secrets:
        text: Schema = {k: schema[k] for k in ("description", "title") if k in schema}
        return _maybe({**text, "type": ["string", "null"], "pattern": _REFERENCE}, parameters)
    if "properties" not in schema:
        return _maybe(_nullable(schema), parameters)
    fields = {
        name: _layer(below, secrets, (*path, name), parameters)
        for name, below in schema["properties"].items()
    }
    rest = {k: v for k, v in schema.items() if k not in ("required", "properties", "type")}
    return {**rest, "type": ["object", "null"], "properties": {DIRECTIVE: _MERGE, **fields}}


def _nullable(schema: Schema) -> Schema:
    null = {"type": "null"}
    if "anyOf" in schema:
        known = schema["anyOf"]
        return schema if null in known else {**schema, "anyOf": [*known, null]}
    text: Schema = {k: schema[k] for k in ("description", "title", "default") if k in schema}
    return {**text, "anyOf": [{k: v for k, v in schema.items() if k not in text}, null]}


def _maybe(schema: Schema, parameters: bool) -> Schema:
    """In a mixin a parameter may stand for any scalar."""
    return {"anyOf": [schema, _PARAMETER]} if parameters else schema
