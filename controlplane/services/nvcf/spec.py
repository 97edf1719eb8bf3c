"""What OpenAPI says of each endpoint, made of its line in the table."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from controlplane.services.nvcf import wire
from controlplane.services.nvcf.endpoints import ENDPOINTS, HOSTED
from controlplane.vendor import spec as described
from controlplane.vendor.endpoints import Endpoint
from controlplane.vendor.spec import FLAG, VendorProblem, wrapped

_OPTIONS: dict[str, dict[str, Any]] = {
    "visibility": {
        "description": "Which functions; none: all.",
        "schema": {"type": "array", "items": {"enum": ["authorized", "private", "public"]}},
    },
    "includeSecrets": {"description": "Whether names of secrets are shown.", "schema": FLAG},
    "graceful": {"description": "Let its queue empty first.", "schema": FLAG},
}


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """The operation of an endpoint."""
    shared = "/authorizations/" in endpoint.path
    shape = wire.SHARING if shared else wire.SHAPES.get(endpoint.answer, {})
    return described.operation(endpoint, "nvcf", _OPTIONS, wrapped(endpoint.answer, shape))


_BODIES = {e.body.__name__: e.body for e in (*ENDPOINTS, *HOSTED) if e.body is not None}
SCHEMAS: tuple[type[BaseModel], ...] = (*_BODIES.values(), VendorProblem, *wire.DTOS)
