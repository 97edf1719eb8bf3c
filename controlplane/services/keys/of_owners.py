"""Keys as their owners have them: made, listed, shown, changed and deleted (contract 12).

A service asks for an owner; both are named in headers.
"""

from __future__ import annotations

from typing import Any

import falcon
from falcon.asgi import Request, Response

from controlplane.access.keys import Key
from controlplane.changes import Changes
from controlplane.services.keys import answers, requests, work
from controlplane.services.keys.resource import Resource, say
from controlplane.services.keys.work import owned


class Keys(Resource):
    async def on_post(self, req: Request, resp: Response) -> None:
        context = self._context
        actor = await context.vouch(req)
        service, owner = requests.issuer(req), requests.owner(req)
        document = await requests.body(req)
        once = requests.once(req, service, owner, document)
        now = context.now()
        # A request that was answered stays answered when it would be too late to make it: what it
        # asks for is looked at when nothing is remembered.
        draft = None if once else requests.draft(document, service, now)
        vault, mint = context.engine.vault, context.credentials.mint

        def make(changes: Changes) -> dict[str, Any]:
            known = once and work.recall(changes.tx, vault, once)
            if known:
                work.check_owner(changes.tx, owner)
                return known
            asked = draft or requests.draft(document, service, now)
            answer = work.create(changes, asked, service, owner, mint)
            if once:
                work.remember(changes, vault, once, answer)
            return answer

        say(resp, await context.change(actor, owner, make))

    async def on_get(self, req: Request, resp: Response) -> None:
        await self._context.vouch(req)
        service, owner = requests.issuer(req), requests.owner(req)
        await self._context.engine.read(lambda r: work.check_owner(r, owner))
        await self._list(resp, owner, service)


class OneKey(Resource):
    async def on_get(self, req: Request, resp: Response, key_id: str) -> None:
        context = self._context
        await context.vouch(req)
        service, owner = requests.issuer(req), requests.owner(req)
        await context.engine.read(lambda r: work.check_owner(r, owner))
        await self._show(resp, owner, service, key_id)

    async def on_delete(self, req: Request, resp: Response, key_id: str) -> None:
        actor = await self._context.vouch(req)
        service, owner = requests.issuer(req), requests.owner(req)

        def delete(changes: Changes) -> None:
            work.check_owner(changes.tx, owner)
            work.delete(changes, owned(changes.tx, owner, service, key_id))

        await self._context.change(actor, owner, delete)
        resp.status = falcon.HTTP_204


class Authorizations(Resource):
    async def on_put(self, req: Request, resp: Response, key_id: str) -> None:
        context = self._context
        actor = await context.vouch(req)
        service, owner = requests.issuer(req), requests.owner(req)
        given = (await requests.body(req)).get("authorizations")
        fault = requests.unfit(given, service)
        now = context.now()

        def change(changes: Changes) -> Key:
            work.check_owner(changes.tx, owner)
            key = owned(changes.tx, owner, service, key_id)
            if fault is not None:
                raise fault
            return work.authorize(changes, key, given, service, now)

        say(resp, answers.key(await context.change(actor, owner, change), now))
