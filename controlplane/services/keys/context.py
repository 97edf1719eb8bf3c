"""What the routes of this service work with, and whom they believe.

The services that call name themselves and the owner in headers, and the vendor reads nothing else.
So this service answers callers on this machine, unless that was switched off, and elsewhere those
for whom a token of an administrator vouches (`Context.vouch`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeVar

from falcon.asgi import Request

from controlplane.access import guard, roots, scopes, times
from controlplane.access.credentials import Credentials
from controlplane.access.guard import bearer
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.http.peers import is_loopback
from controlplane.http.problems import Refused
from controlplane.http.settings import Network
from controlplane.state.protocol import Actor

T = TypeVar("T")
# Who asks when no credential is needed.
_HERE = f"{scopes.LOCAL}:loopback"


def _nobody(_host: str, _port: int) -> bool:
    return False


class Trust(NamedTuple):
    """Which proxies are believed, and whether a program of this machine is let in without more: not
    those that run here for others, for which `stranger` says so by address and port."""

    proxies: tuple[Network, ...] = ()
    loopback: bool = True
    stranger: Callable[[str, int], bool] = _nobody


class Context(NamedTuple):
    """What the routes work with."""

    engine: Engine
    credentials: Credentials
    trust: Trust
    clock: Callable[[], float]

    def now(self) -> datetime:
        return times.of_seconds(self.clock())

    async def here(self, req: Request) -> Actor | None:
        """Whoever is on this machine, as the audit names them, where that is enough.

        It no longer is once there is a bootstrap secret: who prints one means to be asked for it.
        """
        if not self.trust.loopback or not is_loopback(req, self.trust.proxies):
            return None
        if await self.engine.read(roots.has_bootstrap_secret):
            return None
        host, port = req.scope["client"]
        if await asyncio.to_thread(self.trust.stranger, host, port):
            return None
        return Actor(_HERE, req.context.request_id)

    async def vouch(self, req: Request) -> Actor:
        """Who asks, if it is somebody on this machine or who has a token of an administrator.

        Raises Refused: 401, or 403 for a token of less. The vendor checks nothing here since nobody
        else reaches its service; this server may stand where everybody does. A token of less would
        become one of more here: whoever makes keys says what they may do.
        """
        known = await self.here(req)
        if known is not None:
            return known
        caller = await self.credentials.caller(bearer(req))
        administrator = caller.kind == scopes.JWT and caller.scopes.issuperset(scopes.ADMIN)
        if caller.kind != scopes.LOCAL and not (administrator and caller.account):
            raise Refused(403, guard.DENIED)
        return caller.actor(req.context.request_id)

    async def change(self, actor: Actor, owner: str, change: Callable[[Changes], T]) -> T:
        """`change` as one transaction, after which this worker asks anew who is who: a key that
        was deleted is not to count until the event comes by. The audit says who did it, and whose
        keys they are: callers may name any owner."""
        try:
            return await self.engine.change(actor, change, {"owner": owner})
        finally:
            self.credentials.forget()
