"""Instances as a service: its routes and its schemas."""

from __future__ import annotations

from controlplane.access.credentials import Credentials
from controlplane.http.app import Service
from controlplane.http.lifecycle import Lifecycle
from controlplane.runtime.protocol import Runtime
from controlplane.services.instances.models import SCHEMAS
from controlplane.services.instances.routes import Context, routes


def service(runtime: Runtime | None, credentials: Credentials, lifecycle: Lifecycle) -> Service:
    """What runs, and its logs."""
    return Service(routes(Context(runtime, credentials, lifecycle)), SCHEMAS)
