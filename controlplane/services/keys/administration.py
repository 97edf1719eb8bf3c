"""What administrators do: the token of one, and keys and owners of others (contract 12 and 13)."""

from __future__ import annotations

import falcon
from falcon.asgi import Request, Response

from controlplane.access import keys, roots, scopes
from controlplane.access.bootstrap import CLIENT
from controlplane.access.credentials import unauthenticated
from controlplane.access.guard import bearer
from controlplane.access.keys import Key
from controlplane.access.kinds import CLIENTS
from controlplane.changes import Changes
from controlplane.http import bodies
from controlplane.services.keys import answers, errors, requests, work
from controlplane.services.keys.resource import Resource, say
from controlplane.services.keys.work import owned
from controlplane.state.protocol import Actor

# Whoever has the secret of `aicr serve --init`.
_BOOTSTRAP = "bootstrap:secret"


class AdminToken(Resource):
    """The token that `nvcf-cli init` asks for."""

    async def on_post(self, req: Request, resp: Response) -> None:
        await bodies.read(req)  # whatever it says: clients send nothing, or {}
        context = self._context
        actor = await context.here(req) or await self._by_secret(req)
        token = context.credentials.tokens.issue(CLIENT, scopes.ADMIN)
        facts = {"id": token.id, "expires": token.expires}
        address = f"{CLIENTS}.{CLIENT}"
        await context.engine.change(actor, lambda c: c.tx.record(actor, "minted", address, facts))
        say(resp, answers.minted(token))

    async def _by_secret(self, req: Request) -> Actor:
        engine, text = self._context.engine, bearer(req)
        if not await engine.read(lambda r: roots.is_bootstrap_secret(r, engine.vault, text)):
            raise unauthenticated()
        return Actor(_BOOTSTRAP, req.context.request_id)


class UserKeys(Resource):
    """The keys of a user, for the service that issued them."""

    async def on_get(self, req: Request, resp: Response, user_id: str) -> None:
        await self._context.vouch(req)
        await self._list(resp, user_id, requests.issuer(req))


class UserKey(Resource):
    async def on_get(self, req: Request, resp: Response, user_id: str, key_id: str) -> None:
        await self._context.vouch(req)
        await self._show(resp, user_id, requests.issuer(req), key_id)

    async def on_delete(self, req: Request, resp: Response, user_id: str, key_id: str) -> None:
        actor = await self._context.vouch(req)
        service = requests.issuer(req)

        def delete(changes: Changes) -> None:
            work.delete(changes, owned(changes.tx, user_id, service, key_id))

        await self._context.change(actor, user_id, delete)
        resp.status = falcon.HTTP_204


class UserKeyStatus(Resource):
    async def on_put(self, req: Request, resp: Response, user_id: str, key_id: str) -> None:
        context = self._context
        actor = await context.vouch(req)
        service = requests.issuer(req)
        wanted = requests.status(await requests.body(req))
        now = context.now()

        def change(changes: Changes) -> Key:
            key = owned(changes.tx, user_id, service, key_id)
            return work.set_status(changes, key, wanted, now)

        say(resp, answers.key(await context.change(actor, user_id, change), now))


class Suspend(Resource):
    """The body says nothing: clients send {}."""

    async def on_put(self, req: Request, resp: Response, user_id: str) -> None:
        context = self._context
        actor = await context.vouch(req)
        service, now = requests.issuer(req), context.now()
        found = await context.change(
            actor, user_id, lambda changes: work.suspend_all(changes, user_id, service, now)
        )
        say(resp, answers.keys(found, now))


class Lookup(Resource):
    async def on_post(self, req: Request, resp: Response) -> None:
        context = self._context
        await context.vouch(req)
        value = requests.text(await requests.body(req), "key")
        key = await context.engine.read(lambda r: keys.with_value(r, value))
        if key is None:
            raise errors.missing(context.credentials.mint, value)
        say(resp, answers.key(key, context.now()))


class AdminUserKeys(Resource):
    async def on_get(self, req: Request, resp: Response, user_id: str) -> None:
        context = self._context
        await context.vouch(req)
        now = context.now()
        found = await context.engine.read(lambda r: keys.all_owned(r, user_id))
        say(resp, answers.keys(work.shown(found, now), now))

    async def on_delete(self, req: Request, resp: Response, user_id: str) -> None:
        actor = await self._context.vouch(req)
        await self._context.change(actor, user_id, lambda c: work.delete_all(c, user_id))
        resp.status = falcon.HTTP_204


class AdminUser(Resource):
    async def on_get(self, req: Request, resp: Response, user_id: str) -> None:
        await self._context.vouch(req)
        say(
            resp,
            answers.user(await self._context.engine.read(lambda r: work.known_user(r, user_id))),
        )


class AdminUserStatus(Resource):
    async def on_put(self, req: Request, resp: Response, user_id: str) -> None:
        actor = await self._context.vouch(req)
        wanted = requests.status(await requests.body(req))
        found = await self._context.change(
            actor, user_id, lambda c: work.set_user_status(c, user_id, wanted)
        )
        say(resp, answers.user(found))
