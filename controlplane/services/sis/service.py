"""Cluster management as it is mounted: its paths, its dialect, no rate limit of AICR's."""

from __future__ import annotations

from controlplane.access.credentials import Credentials
from controlplane.engine import Engine
from controlplane.http.app import Service
from controlplane.services.sis.auth import Auth
from controlplane.services.sis.errors import DIALECT
from controlplane.services.sis.models import SCHEMAS
from controlplane.services.sis.routes import Context, Operator, routes

PREFIXES = ("/v1/accounts", "/v1/si", "/v1/nvca")


def service(engine: Engine, credentials: Credentials, operator: Operator) -> Service:
    context = Context(engine, Auth(engine, credentials), operator)
    return Service(routes(context), SCHEMAS, PREFIXES, DIALECT, limited=False)
