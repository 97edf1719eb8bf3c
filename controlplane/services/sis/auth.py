"""Who asks: a manager with a token of ours, or the agent of a cluster with one of its own.

API keys are not accepted (contract 2.5), and nobody looks whether an account is the caller's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from falcon.asgi import Request

from controlplane.access import apikeys, guard, scopes
from controlplane.access.credentials import Caller
from controlplane.access.guard import Knows
from controlplane.clusters import CLUSTERS, by_id
from controlplane.engine import Engine
from controlplane.http.problems import Refused
from controlplane.services.sis import errors, jwks
from controlplane.services.sis.jwks import Workload
from controlplane.state.protocol import Actor, Reader

MANAGE = "cluster-management"


class Auth:
    """`keys`: API keys are accepted, too, as far as their scopes count."""

    def __init__(
        self,
        engine: Engine,
        credentials: Knows,
        clock: Callable[[], float] = time.time,
        *,
        keys: bool = False,
    ) -> None:
        self._engine, self._credentials, self._clock = engine, credentials, clock
        self._keys = keys

    async def manager(self, req: Request, scope: str = MANAGE) -> Actor:
        """Whoever has a token of ours with a scope. Raises Refused: 401, 403, 431."""
        return await self._manager(_bearer(req), scope, req)

    async def _manager(self, bearer: str, scope: str, req: Request) -> Actor:
        if bearer.startswith(apikeys.FAMILY) and not self._keys:
            raise errors.unauthenticated("API keys are not supported")
        try:
            caller: Caller = await self._credentials.caller(bearer)
        except Refused:
            raise errors.unauthenticated("Invalid token") from None
        if not scopes.allows(caller.kind, caller.scopes, (scope,)):
            raise errors.denied()
        return caller.actor(req.context.request_id)

    async def agent(self, req: Request, cluster_id: str) -> Actor:
        """The agent of a cluster. Raises Refused: 401, 409 when it is that of another one, 431."""
        bearer = _bearer(req)
        if jwks.peek(bearer) is None:
            await self._manager(bearer, MANAGE, req)  # 401 for what is no token at all
            raise errors.denied()
        return await self._agent(bearer, cluster_id, req)

    async def _agent(self, bearer: str, cluster_id: str, req: Request) -> Actor:
        workload, issuer = await self.workload(bearer)
        if workload is None:
            raise errors.unauthenticated("Invalid token")
        if workload.cluster_id != cluster_id:
            raise errors.conflict("the token is for another cluster")
        if workload.issuer != issuer:
            raise errors.conflict("the token is of another issuer than that of the cluster")
        return Actor(f"cluster:{cluster_id}", req.context.request_id)

    async def either(self, req: Request, cluster_id: str) -> Actor:
        """A manager, or the agent of this very cluster. Raises Refused."""
        bearer = _bearer(req)
        if jwks.peek(bearer) is None:
            return await self._manager(bearer, MANAGE, req)
        return await self._agent(bearer, cluster_id, req)

    async def workload(self, token: str) -> tuple[Workload | None, str]:
        """Who bears a token of a cluster, and the issuer that the cluster was registered with."""
        said = jwks.peek(token)
        if said is None:
            return None, ""
        text, issuer = await self._engine.read(lambda reader: _trusted(reader, said.cluster_id))
        keys = jwks.parse(text)
        found = None if keys is None else jwks.verify(token, keys, self._clock())
        return found, issuer


def _trusted(reader: Reader, cluster_id: str) -> tuple[str, str]:
    """The keys and the issuer of a cluster; nothing of one that has none."""
    found: list[Any] = reader.find(CLUSTERS, by_id(cluster_id))
    status = found[0].status if found else {}
    return status.get("jwks") or "", status.get("oidcIssuer") or ""


def _bearer(req: Request) -> str:
    """The bearer of a request. Raises Refused: 401 without one, 431 for one that is too long."""
    found = guard.bearer(req)
    if not found:
        raise errors.unauthenticated()
    check_size(found)
    return found


def check_size(token: str) -> None:
    """Raises Refused 431."""
    if len(token) > errors.MAX_TOKEN:
        raise errors.token_too_long()
