"""What OpenAPI says of the AICR API: parameters, bodies and answers of its routes."""

from __future__ import annotations

from typing import Any

from controlplane.services.aicr.bundles import PARAMETERS

_REPEATABLE = ("set", *(name for name in PARAMETERS if name.endswith(("selector", "toleration"))))
_SERVICES = "eks, gke, aks, oke, kind, any"


def _parameter(name: str, text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    shape = schema or {"type": "string"}
    return {"name": name, "in": "query", "description": text, "required": False, "schema": shape}


_CRITERIA = [
    _parameter("service", f"Kubernetes service: {_SERVICES}."),
    _parameter("accelerator", "GPU model: h100, gb200, b200, a100, l40, any."),
    _parameter("gpu", "The same as accelerator."),
    _parameter("intent", "Workload: training, inference, any."),
    _parameter("os", "Node OS: ubuntu, rhel, cos, amazonlinux, any."),
    _parameter("platform", "Platform on top: dynamo, kubeflow, any."),
    _parameter("nodes", "Number of GPU nodes; 0 is any.", {"type": "integer", "minimum": 0}),
]
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

RECIPE: dict[str, Any] = {
    "summary": "Compile criteria into a recipe",
    "operations": {
        "get": {"parameters": [*_CRITERIA, _KIND], "responses": _RECIPE_ANSWER},
        "post": {
            "parameters": [_KIND],
            "requestBody": _body(_ref("RecipeCriteria"), *_BOTH),
            "responses": {"200": _RECIPE_ANSWER["200"]},
        },
    },
}
QUERY: dict[str, Any] = {
    "summary": "One value of a recipe with all Helm values merged",
    "operations": {
        "get": {"parameters": [*_CRITERIA, _SELECTOR], "responses": _VALUE},
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
