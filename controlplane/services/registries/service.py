"""Registry credentials as they are mounted: NVCF's paths and dialect, no rate limit of AICR's."""

from __future__ import annotations

from controlplane.access.credentials import Credentials
from controlplane.artifacts import Live
from controlplane.engine import Engine
from controlplane.http.app import Service
from controlplane.http.problem_json import DIALECT
from controlplane.services.registries.models import SCHEMAS
from controlplane.services.registries.routes import Context, routes

PREFIXES = ("/v2/nvcf",)


def service(engine: Engine, credentials: Credentials, live: Live | None) -> Service:
    context = Context(engine, credentials, live)
    return Service(routes(context), SCHEMAS, PREFIXES, DIALECT, limited=False)
