"""NVIDIA Cloud Functions as they are mounted: paths of their own, errors in their dialect."""

from __future__ import annotations

from controlplane.access.credentials import Credentials
from controlplane.access.registry import NVCF
from controlplane.artifacts import Live
from controlplane.engine import Engine
from controlplane.http.app import Service
from controlplane.http.openapi import Route
from controlplane.http.problem_json import DIALECT
from controlplane.registries import THROW
from controlplane.services.nvcf import spec
from controlplane.services.nvcf.endpoints import BASE, ENDPOINTS, HOSTED, OPTIONS
from controlplane.services.nvcf.rows import Rows
from controlplane.vendor.routes import Api, Asked, Context, routes
from controlplane.vendor.unchanged import Unchanged

_API = Api(NVCF, OPTIONS, spec.operation)


def context(
    engine: Engine,
    credentials: Credentials,
    queue: Asked | None = None,
    live: Live | None = None,
    mode: str = THROW,
) -> Context:
    """`queue` knows who waits where. `mode` says what happens to artifacts that accounts cannot
    pull as far as is known here; `live` asks registries themselves."""
    return Context(_API, engine, credentials, Unchanged(engine.store), Rows(), queue, live, mode)


def service(of: Context) -> Service:
    return Service(routes(of, ENDPOINTS), spec.SCHEMAS, (BASE,), DIALECT, limited=False)


def hosted(of: Context) -> tuple[Route, ...]:
    """The endpoints of the hosted service, by paths below that of an org."""
    return routes(of, HOSTED)
