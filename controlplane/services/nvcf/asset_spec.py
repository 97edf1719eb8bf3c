"""What OpenAPI says of assets."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from controlplane.services.nvcf.asset_models import (
    AssetResponse,
    AssetsResponse,
    CreateAssetRequest,
    CreateAssetResponse,
    RedirectResponse,
)

BASE = "/v2/nvcf/assets"
SCOPE = "invoke_function"
_PROBLEMS = {
    "400": "The request is wrong.",
    "403": "The bearer lacks the scope, or the URL is not valid.",
    "404": "There is no such asset in the account.",
    "405": "The path has no such method.",
    "411": "The body says no length.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "429": "Too many requests; see Retry-After.",
    "500": "The server is wrong.",
    "503": "The server is busy or ending; see Retry-After.",
    "507": "There is no room; nothing was stored.",
}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


def _says(model: type[BaseModel]) -> dict[str, Any]:
    return {"200": {"description": "OK.", "content": _json(model)}}


def _operation(summary: str, success: dict[str, Any], *parameters: Any, **more: Any) -> Any:
    problem = {"schema": {"$ref": "#/components/schemas/VendorProblem"}}
    content = {"application/problem+json": problem}
    said = {s: {"description": text, "content": content} for s, text in _PROBLEMS.items()}
    unauthorized = {"401": {"description": "There is no valid bearer."}}
    return {
        "summary": summary,
        "tags": ["nvcf"],
        "parameters": list(parameters),
        **more,
        "responses": {**success, **unauthorized, **said},
    }


_BEARER: dict[str, Any] = {
    "security": [{"bearer": []}],
    "description": f"Needs the scope {SCOPE}.",
}
_ID = {"name": "assetId", "in": "path", "required": True,
       "schema": {"type": "string", "format": "uuid"}}  # fmt: skip
_SIGNED: list[dict[str, Any]] = [
    {"name": "expires", "in": "query", "required": True, "schema": {"type": "integer"}},
    {"name": "signature", "in": "query", "required": True, "schema": {"type": "string"}},
]
_BYTES = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_BODY = {"requestBody": {"required": True, "content": _json(CreateAssetRequest)}}


def _route(summary: str, **operations: Any) -> dict[str, Any]:
    return {"summary": summary, "operations": operations}


ASSETS = _route(
    "Assets",
    get=_operation("List assets", _says(AssetsResponse), **_BEARER),
    post=_operation("Create an asset", _says(CreateAssetResponse), **_BEARER, **_BODY),
)
ASSET = _route(
    "An asset",
    get=_operation("An asset", _says(AssetResponse), _ID, **_BEARER),
    delete=_operation("Delete an asset", {"204": {"description": "It is done."}}, _ID, **_BEARER),
)
REDIRECT = _route(
    "Where the bytes of an asset are",
    get=_operation("Where the bytes of an asset are", _says(RedirectResponse), _ID, **_BEARER),
)
CONTENT = _route(
    "The bytes of an asset, by a URL that was given out",
    get=_operation(
        "The bytes of an asset", {"200": {"description": "OK.", "content": _BYTES}}, _ID, *_SIGNED
    ),
    put=_operation(
        "Put the bytes of an asset", {"200": {"description": "They are stored."}}, _ID, *_SIGNED,
        requestBody={"required": True, "content": _BYTES},
    ),
)  # fmt: skip
