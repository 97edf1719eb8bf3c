"""NVIDIA Cloud Functions as they are mounted: paths of their own, errors in their dialect."""

from __future__ import annotations

from controlplane.access.credentials import Credentials
from controlplane.artifacts import Live
from controlplane.engine import Engine
from controlplane.http.app import Service
from controlplane.http.problem_json import DIALECT
from controlplane.registries import THROW
from controlplane.services.nvcf import spec
from controlplane.services.nvcf.endpoints import BASE
from controlplane.services.nvcf.routes import Context, routes
from controlplane.services.nvcf.rows import Rows
from controlplane.services.nvcf.unchanged import Unchanged


def context(
    engine: Engine, credentials: Credentials, live: Live | None = None, mode: str = THROW
) -> Context:
    """`mode` says what happens to artifacts that accounts cannot pull as far as is known here;
    `live` asks registries themselves."""
    return Context(engine, credentials, Rows(), Unchanged(engine.store), live, mode)


def service(of: Context) -> Service:
    return Service(routes(of), spec.SCHEMAS, (BASE,), DIALECT, limited=False)
