"""Cluster groups and GPUs as they are mounted: NVCF's paths and dialect, no limit of AICR's."""

from __future__ import annotations

from controlplane.access.credentials import Credentials
from controlplane.engine import Engine
from controlplane.http.app import Service
from controlplane.http.problem_json import DIALECT
from controlplane.services.gpus.models import SCHEMAS
from controlplane.services.gpus.routes import routes

PREFIXES = ("/v2/nvcf",)


def service(engine: Engine, credentials: Credentials) -> Service:
    return Service(routes(engine, credentials), SCHEMAS, PREFIXES, DIALECT, limited=False)
