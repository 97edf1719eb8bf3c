"""Cloud Tasks (NVCT) as far as they are built: nobody without a credential learns that they are
not. Every path answers 401, 403 or 404."""

from __future__ import annotations

from falcon.asgi import Request

from controlplane.access import guard
from controlplane.access.credentials import Caller, Credentials
from controlplane.access.registry import NVCT
from controlplane.http.app import Service
from controlplane.http.problem_json import DIALECT


def service(credentials: Credentials) -> Service:
    async def gate(req: Request) -> Caller:
        return await credentials.caller(guard.bearer(req), NVCT)

    return Service((), (), ("/v1/nvct",), DIALECT, limited=False, gate=gate)
