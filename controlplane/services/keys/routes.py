"""The routes of the API Keys service and of the administrator's token (contract 12 and 13).

The services that call name themselves and the owner in headers, and the vendor reads nothing else.
So this service answers callers on this machine, unless that was switched off, and elsewhere those
for whom a token of an administrator vouches (`Context.vouch`). Introspection and evaluation need
neither: whoever asks shows the key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import falcon
from falcon.asgi import Request, Response

from controlplane.access import guard, keys, roots, scopes, times
from controlplane.access.bootstrap import ACCOUNT, CLIENT
from controlplane.access.credentials import Credentials, unauthenticated
from controlplane.access.guard import bearer
from controlplane.access.keys import Key
from controlplane.access.kinds import CLIENTS
from controlplane.access.registry import NAMESPACES, SERVICES, Registered
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.http import bodies
from controlplane.http.openapi import Route
from controlplane.http.peers import is_loopback
from controlplane.http.problems import Refused
from controlplane.http.settings import Network
from controlplane.services.keys import answers, errors, requests, spec, work
from controlplane.services.keys.work import owned
from controlplane.state.protocol import Actor, Reader

T = TypeVar("T")
_INTROSPECTED = "max-age=360"
_EVALUATED = "max-age=60"
_PUBLIC = "public, max-age=300"


# Who asks when no credential is needed, and whoever has the secret of `aicr serve --init`.
_HERE, _BOOTSTRAP = f"{scopes.LOCAL}:loopback", "bootstrap:secret"


class Trust(NamedTuple):
    """Which proxies are believed, and whether a program of this machine is let in without more."""

    proxies: tuple[Network, ...] = ()
    loopback: bool = True


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


def routes(context: Context) -> tuple[Route, ...]:
    return tuple(
        Route(path, kind(context), **spec.ROUTES[path]) for path, kind in _RESOURCES.items()
    )


class _Resource:
    def __init__(self, context: Context) -> None:
        self._context = context


class AdminToken(_Resource):
    """The token that `nvcf-cli init` asks for."""

    async def on_post(self, req: Request, resp: Response) -> None:
        await bodies.read(req)  # whatever it says: clients send nothing, or {}
        context = self._context
        actor = await context.here(req) or await self._by_secret(req)
        token = context.credentials.tokens.issue(CLIENT, scopes.ADMIN)
        facts = {"id": token.id, "expires": token.expires}
        address = f"{CLIENTS}.{CLIENT}"
        await context.engine.change(actor, lambda c: c.tx.record(actor, "minted", address, facts))
        _say(resp, answers.minted(token))

    async def _by_secret(self, req: Request) -> Actor:
        engine, text = self._context.engine, bearer(req)
        if not await engine.read(lambda r: roots.is_bootstrap_secret(r, engine.vault, text)):
            raise unauthenticated()
        return Actor(_BOOTSTRAP, req.context.request_id)


class Keys(_Resource):
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

        _say(resp, await context.change(actor, owner, make))

    async def on_get(self, req: Request, resp: Response) -> None:
        await self._context.vouch(req)
        service, owner = requests.issuer(req), requests.owner(req)
        await self._context.engine.read(lambda r: work.check_owner(r, owner))
        await _list(self._context, resp, owner, service)


class OneKey(_Resource):
    async def on_get(self, req: Request, resp: Response, key_id: str) -> None:
        context = self._context
        await context.vouch(req)
        service, owner = requests.issuer(req), requests.owner(req)
        await context.engine.read(lambda r: work.check_owner(r, owner))
        await _show(context, resp, owner, service, key_id)

    async def on_delete(self, req: Request, resp: Response, key_id: str) -> None:
        actor = await self._context.vouch(req)
        service, owner = requests.issuer(req), requests.owner(req)

        def delete(changes: Changes) -> None:
            work.check_owner(changes.tx, owner)
            work.delete(changes, owned(changes.tx, owner, service, key_id))

        await self._context.change(actor, owner, delete)
        resp.status = falcon.HTTP_204


class Authorizations(_Resource):
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

        _say(resp, answers.key(await context.change(actor, owner, change), now))


class Services(_Resource):
    async def on_get(self, req: Request, resp: Response) -> None:
        _say(resp, {"services": [answers.service(service) for service in SERVICES.values()]})


class OneService(_Resource):
    async def on_get(self, req: Request, resp: Response, service_id: str) -> None:
        if service_id not in SERVICES:
            raise errors.no_service()
        _say(resp, answers.service(SERVICES[service_id]))


class Introspect(_Resource):
    async def on_post(self, req: Request, resp: Response) -> None:
        context = self._context
        document = await requests.body(req)
        audience, value = (
            requests.text(document, "audience_service_id"),
            requests.text(document, "key"),
        )
        now = context.now()
        known, usable = await context.engine.read(
            lambda r: (keys.with_value(r, value), keys.usable(r, value, now))
        )
        if known is None:
            raise errors.missing(context.credentials.mint, value)
        if audience not in known.audiences:
            raise errors.bad("The key is not for this audience")
        if usable is None:
            raise errors.no_usable_key()
        key = usable
        _say(resp, answers.introspected(key), _INTROSPECTED)


class Evaluate(_Resource):
    async def on_post(self, req: Request, resp: Response, namespace: str, rule: str) -> None:
        context = self._context
        if namespace not in NAMESPACES:
            raise errors.bad(f"Namespace {namespace} is not configured")
        if not requests.is_rule(rule):
            raise errors.bad(f"{rule} is no rule")
        value = requests.api_key(await requests.body(req))
        now, service = context.now(), NAMESPACES[namespace]
        result = await context.engine.read(lambda r: _judged(r, value, service, now))
        _say(resp, answers.evaluated(namespace, rule, result), _EVALUATED)


def _judged(reader: Reader, value: str, service: Registered, now: datetime) -> dict[str, Any]:
    key = keys.usable(reader, value, now)
    found = key and keys.policy(key, service)
    if not key or found is None:
        return {"allowed": False}
    return answers.allowed(ACCOUNT, key.owner, found)


# --------------------------------------------------------------------------- administration


class UserKeys(_Resource):
    """The keys of a user, for the service that issued them."""

    async def on_get(self, req: Request, resp: Response, user_id: str) -> None:
        await self._context.vouch(req)
        await _list(self._context, resp, user_id, requests.issuer(req))


class UserKey(_Resource):
    async def on_get(self, req: Request, resp: Response, user_id: str, key_id: str) -> None:
        await self._context.vouch(req)
        await _show(self._context, resp, user_id, requests.issuer(req), key_id)

    async def on_delete(self, req: Request, resp: Response, user_id: str, key_id: str) -> None:
        actor = await self._context.vouch(req)
        which = (user_id, requests.issuer(req), key_id)
        await _delete(self._context, actor, resp, which)


class UserKeyStatus(_Resource):
    async def on_put(self, req: Request, resp: Response, user_id: str, key_id: str) -> None:
        context = self._context
        actor = await context.vouch(req)
        service = requests.issuer(req)
        wanted = requests.status(await requests.body(req))
        now = context.now()

        def change(changes: Changes) -> Key:
            key = owned(changes.tx, user_id, service, key_id)
            return work.set_status(changes, key, wanted, now)

        _say(resp, answers.key(await context.change(actor, user_id, change), now))


class Suspend(_Resource):
    """The body says nothing: clients send {}."""

    async def on_put(self, req: Request, resp: Response, user_id: str) -> None:
        context = self._context
        actor = await context.vouch(req)
        service, now = requests.issuer(req), context.now()
        found = await context.change(
            actor, user_id, lambda changes: work.suspend_all(changes, user_id, service, now)
        )
        _say(resp, answers.keys(found, now))


class Lookup(_Resource):
    async def on_post(self, req: Request, resp: Response) -> None:
        context = self._context
        await context.vouch(req)
        value = requests.text(await requests.body(req), "key")
        key = await context.engine.read(lambda r: keys.with_value(r, value))
        if key is None:
            raise errors.missing(context.credentials.mint, value)
        _say(resp, answers.key(key, context.now()))


class AdminUserKeys(_Resource):
    async def on_get(self, req: Request, resp: Response, user_id: str) -> None:
        context = self._context
        await context.vouch(req)
        now = context.now()
        found = await context.engine.read(lambda r: keys.all_owned(r, user_id))
        _say(resp, answers.keys(work.shown(found, now), now))

    async def on_delete(self, req: Request, resp: Response, user_id: str) -> None:
        actor = await self._context.vouch(req)
        await self._context.change(actor, user_id, lambda c: work.delete_all(c, user_id))
        resp.status = falcon.HTTP_204


class AdminUser(_Resource):
    async def on_get(self, req: Request, resp: Response, user_id: str) -> None:
        await self._context.vouch(req)
        _say(
            resp,
            answers.user(await self._context.engine.read(lambda r: work.known_user(r, user_id))),
        )


class AdminUserStatus(_Resource):
    async def on_put(self, req: Request, resp: Response, user_id: str) -> None:
        actor = await self._context.vouch(req)
        wanted = requests.status(await requests.body(req))
        found = await self._context.change(
            actor, user_id, lambda c: work.set_user_status(c, user_id, wanted)
        )
        _say(resp, answers.user(found))


# --------------------------------------------------------------------------- verifying tokens


class Jwks(_Resource):
    """The same keys wherever they are looked for: one issuer signs for all services."""

    async def on_get(self, req: Request, resp: Response, service_id: str = "") -> None:
        _say(resp, self._context.credentials.tokens.jwks(), _PUBLIC)


class OpenIdConfiguration(_Resource):
    async def on_get(self, req: Request, resp: Response) -> None:
        body = {
            "issuer": self._context.credentials.tokens.issuer,
            "jwks_uri": f"{req.prefix}{JWKS}",
        }
        _say(resp, body)


JWKS = "/.well-known/jwks.json"
_RESOURCES: dict[str, type[_Resource]] = {
    "/v1/admin/keys": AdminToken,
    "/v1/keys": Keys,
    "/v1/keys/{key_id}": OneKey,
    "/v1/keys/{key_id}/authorizations": Authorizations,
    "/v1/services": Services,
    "/v1/services/{service_id}": OneService,
    "/v1/services/{service_id}/jwt/jwks": Jwks,
    "/v1/introspect": Introspect,
    "/v1/namespaces/{namespace}/evaluations/{rule}": Evaluate,
    "/v1/service-admin/users/{user_id}/keys": UserKeys,
    "/v1/service-admin/users/{user_id}/keys/{key_id}": UserKey,
    "/v1/service-admin/users/{user_id}/keys/{key_id}/status": UserKeyStatus,
    "/v1/service-admin/users/{user_id}/suspend": Suspend,
    "/v1/admin/lookup": Lookup,
    "/v1/admin/users/{user_id}/keys": AdminUserKeys,
    "/v1/admin/users/{user_id}": AdminUser,
    "/v1/admin/users/{user_id}/status": AdminUserStatus,
    JWKS: Jwks,
    "/.well-known/openid-configuration": OpenIdConfiguration,
}


async def _list(context: Context, resp: Response, owner: str, service: Registered) -> None:
    now = context.now()
    found = await context.engine.read(lambda r: keys.owned(r, owner, service.id))
    _say(resp, answers.keys(work.shown(found, now), now))


async def _show(
    context: Context, resp: Response, owner: str, service: Registered, key_id: str
) -> None:
    found = await context.engine.read(lambda r: owned(r, owner, service, key_id))
    _say(resp, answers.key(found, context.now()))


async def _delete(
    context: Context, actor: Actor, resp: Response, which: tuple[str, Registered, str]
) -> None:
    await context.change(actor, which[0], lambda c: work.delete(c, owned(c.tx, *which)))
    resp.status = falcon.HTTP_204


def _say(resp: Response, body: Any, cache: str = "no-store") -> None:
    """A JSON answer, which nobody on the way keeps unless `cache` says so: it may hold a key."""
    resp.content_type = falcon.MEDIA_JSON
    resp.data = bodies.compact(body)
    resp.set_header("Cache-Control", cache)
