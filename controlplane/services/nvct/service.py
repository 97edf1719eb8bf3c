"""NVIDIA Cloud Tasks as they are mounted: paths of their own, errors in their dialect."""

from __future__ import annotations

from falcon.asgi import Request

from controlplane.access import guard
from controlplane.access.credentials import Caller, Credentials
from controlplane.access.registry import NVCT
from controlplane.artifacts import Live
from controlplane.engine import Engine
from controlplane.http.app import Service
from controlplane.http.openapi import Route
from controlplane.http.problem_json import DIALECT
from controlplane.registries import THROW
from controlplane.services.nvct import spec
from controlplane.services.nvct.endpoints import BASE, ENDPOINTS, HOSTED, OPTIONS
from controlplane.vendor.routes import Api, Context, routes
from controlplane.vendor.unchanged import Unchanged

_API = Api(NVCT, OPTIONS, spec.operation)


def context(
    engine: Engine, credentials: Credentials, live: Live | None = None, mode: str = THROW
) -> Context:
    """`mode` says what happens to artifacts that accounts cannot pull as far as is known here;
    `live` asks registries themselves."""
    unchanged = Unchanged(engine.store)
    return Context(_API, engine, credentials, unchanged, live=live, registry_check=mode)


def service(of: Context) -> Service:
    async def gate(req: Request) -> Caller:
        return await of.credentials.caller(guard.bearer(req), NVCT)

    everything = routes(of, ENDPOINTS)
    return Service(everything, spec.SCHEMAS, (BASE,), DIALECT, limited=False, gate=gate)


def hosted(of: Context) -> tuple[Route, ...]:
    """The endpoints of the hosted service, by paths below that of an org."""
    return routes(of, HOSTED)
