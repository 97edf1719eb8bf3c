"""What OpenAPI says of the AICR API: parameters, bodies and answers of its routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aicr.criteria import ANY, SYNONYMS, Field
from controlplane.services.aicr.bundles import PARAMETERS

_REPEATABLE = ("set", *(name for name in PARAMETERS if name.endswith(("selector", "toleration"))))


def _parameter(name: str, text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    shape = schema or {"type": "string"}
    return {"name": name, "in": "query", "description": text, "required": False, "schema": shape}


def _criteria(fields: Mapping[str, Field]) -> list[dict[str, Any]]:
    """The fields of a catalog with the values that it declares, their synonyms, and a count."""
    of_fields = [
        _parameter(
            f.name, f"{f.summary[:1].upper()}{f.summary[1:]}: {', '.join([*f.values, ANY])}."
        )
        for f in fields.values()
    ]
    synonyms = [_parameter(name, f"The same as {target}.") for name, target in SYNONYMS.items()]
    nodes = {"type": "integer", "minimum": 0}
    return [*of_fields, *synonyms, _parameter("nodes", "Number of GPU nodes; 0 is any.", nodes)]


_KIND = _parameter(
    "kind",
    "Recipe, or RecipeResult for exactly what the command line prints.",
    {"type": "string", "enum": ["Recipe", "RecipeResult"]},
)
_SELECTOR = _parameter("selector", "Dotted path to the value; empty is the whole document.")


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _body(schema: dict[str, Any], *types: str) -> dict[str, Any]:
    return {"required": True, "content": {t: {"schema": schema} for t in types}}


_BOTH = ("application/json", "application/x-yaml")
_RECIPE_ANSWER = {"200": _json(_ref("Recipe"), "The recipe."), "304": {"description": "Unchanged."}}
_VALUE = {"200": _json({}, "The value."), "304": {"description": "Unchanged."}}


def recipe(fields: Mapping[str, Field]) -> dict[str, Any]:
    """What the route of recipes says of itself, for a catalog with these criteria fields."""
    return {
        "summary": "Compile criteria into a recipe",
        "operations": {
            "get": {"parameters": [*_criteria(fields), _KIND], "responses": _RECIPE_ANSWER},
            "post": {
                "parameters": [_KIND],
                "requestBody": _body(_ref("RecipeCriteria"), *_BOTH),
                "responses": {"200": _RECIPE_ANSWER["200"]},
            },
        },
    }


def query(fields: Mapping[str, Field]) -> dict[str, Any]:
    """The same of the route of queries."""
    return {
        "summary": "One value of a recipe with all Helm values merged",
        "operations": {
            "get": {"parameters": [*_criteria(fields), _SELECTOR], "responses": _VALUE},
            "post": {
                "requestBody": _body(_ref("QueryRequest"), *_BOTH),
                "responses": {"200": _VALUE["200"]},
            },
        },
    }


_ZIP = {"schema": {"type": "string", "contentMediaType": "application/zip"}}
BUNDLE: dict[str, Any] = {
    "summary": "Make a deployable bundle of a recipe",
    "operations": {
        "post": {
            "parameters": [
                _parameter(
                    name,
                    parameter.text,
                    {"type": "array", "items": {"type": "string"}}
                    if name in _REPEATABLE
                    else {"type": "integer", "minimum": 0}
                    if name == "nodes"
                    else None,
                )
                for name, parameter in PARAMETERS.items()
            ],
            "requestBody": _body(_ref("RecipeBody"), "application/json"),
            "responses": {
                "200": {"description": "The archive.", "content": {"application/zip": _ZIP}}
            },
        }
    },
}
