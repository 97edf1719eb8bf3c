"""Bodies of requests for plans: checked by their models, and made what the engine takes."""

from __future__ import annotations

from typing import Any, TypeVar

from falcon.asgi import Request
from pydantic import BaseModel, ValidationError

from aicr import yamlio
from aicr.check import explained
from aicr.documents import Parsed
from aicr.errors import InvalidRequest
from aicr.positions import mark
from controlplane.documents import Manifest
from controlplane.http import bodies
from controlplane.http.bodies import NAME
from controlplane.plan.builder import Options
from controlplane.planner import Asked
from controlplane.services.plans.models import ApplyRequest, Document, PlanRequest

MAX_AT_ONCE = 1000
T = TypeVar("T", bound=BaseModel)


async def plan_request(req: Request) -> PlanRequest:
    """Raises InvalidRequest."""
    value, _ = await bodies.document(req, await bodies.read(req))
    return _checked(value, PlanRequest)


async def apply_request(req: Request) -> ApplyRequest:
    """An empty body is a request without secrets. Raises InvalidRequest."""
    data = await bodies.read(req)
    if not data.strip():
        return ApplyRequest()
    value, _ = await bodies.document(req, data)
    return _checked(value, ApplyRequest)


def _checked(value: Any, model: type[T]) -> T:
    try:
        return model.model_validate(value)
    except ValidationError as e:
        first = next(explained(value, model, e))
        hint = f" ({first.hint})" if first.hint else ""
        raise InvalidRequest(f"{NAME}: {first.message}{hint}") from None


def asked(request: PlanRequest) -> Asked:
    """What the engine is asked. Raises InvalidDocument for text that cannot be parsed."""
    manifests = [_manifest(d) for d in request.documents or []]
    return Asked(manifests, request.for_, request.secrets, Options(request.prune))


def _manifest(document: Document) -> Manifest:
    if document.content is not None:
        data = document.content.encode("utf-8", "surrogatepass")
        # Not kept: what somebody sends is theirs.
        return Manifest(Parsed(document.name, *yamlio.parse(data, document.name)), document.depth)
    places = _positions(document.document, document.positions)
    return Manifest(Parsed(document.name, document.document, places), document.depth)


def _positions(value: Any, places: Any) -> Any:
    """Positions in the form of the value: what a client says of lines is not believed further than
    that it may stand in a message."""
    known = isinstance(places, list) and len(places) == 2
    at = places[0] if known else places
    here = at if type(at) is int and at >= 0 else mark(0, 0)
    below = places[1] if known else None
    if isinstance(value, dict):
        parts = below if isinstance(below, dict) else {}
        return [here, {k: _positions(v, parts.get(k)) for k, v in value.items()}]
    if isinstance(value, list):
        items = (
            below if isinstance(below, list) and len(below) == len(value) else [None] * len(value)
        )
        return [here, [_positions(v, p) for v, p in zip(value, items, strict=True)]]
    return here


def number(req: Request, name: str, default: int, limit: int) -> int:
    """A count in the query string. Raises InvalidRequest."""
    text = req.get_param(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) > limit:
        raise InvalidRequest(f"{name} must be a number from 0 to {limit}, not {text[:40]!r}")
    return int(text)
