"""NVIDIA Cloud Functions as they are mounted: paths of their own, errors in their dialect."""

from __future__ import annotations

from controlplane.access.credentials import Credentials
from controlplane.engine import Engine
from controlplane.http.app import Service
from controlplane.http.problem_json import DIALECT
from controlplane.services.nvcf import spec
from controlplane.services.nvcf.endpoints import BASE
from controlplane.services.nvcf.routes import Context, routes


def service(engine: Engine, credentials: Credentials) -> Service:
    return Service(
        routes(Context(engine, credentials)), spec.SCHEMAS, (BASE,), DIALECT, limited=False
    )
