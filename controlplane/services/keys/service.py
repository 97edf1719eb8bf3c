"""The API Keys service as it is mounted: its paths, its dialect, no rate limit of AICR's."""

from __future__ import annotations

import time

from controlplane.access.credentials import Credentials
from controlplane.engine import Engine
from controlplane.http.app import Service
from controlplane.http.problem_json import DIALECT
from controlplane.services.keys.context import Context, Trust
from controlplane.services.keys.models import SCHEMAS
from controlplane.services.keys.routes import routes

PREFIXES = (
    "/v1/keys",
    "/v1/admin",
    "/v1/services",
    "/v1/introspect",
    "/v1/namespaces",
    "/v1/service-admin",
    "/.well-known",
)


def service(engine: Engine, credentials: Credentials, trust: Trust) -> Service:
    context = Context(engine, credentials, trust, time.time)
    return Service(routes(context), SCHEMAS, PREFIXES, DIALECT, limited=False)
