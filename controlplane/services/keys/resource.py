"""What the resources of this service have in common: a context, and how they say keys."""

from __future__ import annotations

from typing import Any

import falcon
from falcon.asgi import Response

from controlplane.access import keys
from controlplane.access.registry import Registered
from controlplane.http import bodies
from controlplane.services.keys import answers, work
from controlplane.services.keys.context import Context
from controlplane.services.keys.work import owned


class Resource:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def _list(self, resp: Response, owner: str, service: Registered) -> None:
        now = self._context.now()
        found = await self._context.engine.read(lambda r: keys.owned(r, owner, service.id))
        say(resp, answers.keys(work.shown(found, now), now))

    async def _show(self, resp: Response, owner: str, service: Registered, key_id: str) -> None:
        found = await self._context.engine.read(lambda r: owned(r, owner, service, key_id))
        say(resp, answers.key(found, self._context.now()))


def say(resp: Response, body: Any, cache: str = "no-store") -> None:
    """A JSON answer, which nobody on the way keeps unless `cache` says so: it may hold a key."""
    resp.content_type = falcon.MEDIA_JSON
    resp.data = bodies.compact(body)
    resp.set_header("Cache-Control", cache)
