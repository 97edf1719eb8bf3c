"""What whoever is shown a key or a token asks: what it is, what it allows, and who issues them.

No other credential is needed (contract 12): whoever asks shows the key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from falcon.asgi import Request, Response

from controlplane.access import keys
from controlplane.access.bootstrap import ACCOUNT
from controlplane.access.keys import Key
from controlplane.access.registry import NAMESPACES, SERVICES, Registered
from controlplane.services.keys import answers, errors, requests
from controlplane.services.keys.resource import Resource, say
from controlplane.state.protocol import Reader

JWKS = "/.well-known/jwks.json"
_INTROSPECTED = "max-age=360"
_EVALUATED = "max-age=60"
_PUBLIC = "public, max-age=300"


class Services(Resource):
    async def on_get(self, req: Request, resp: Response) -> None:
        say(resp, {"services": [answers.service(service) for service in SERVICES.values()]})


class OneService(Resource):
    async def on_get(self, req: Request, resp: Response, service_id: str) -> None:
        if service_id not in SERVICES:
            raise errors.no_service()
        say(resp, answers.service(SERVICES[service_id]))


class Introspect(Resource):
    async def on_post(self, req: Request, resp: Response) -> None:
        context = self._context
        document = await requests.body(req)
        audience = requests.text(document, "audience_service_id")
        value, now = requests.text(document, "key"), context.now()
        known, usable = await context.engine.read(lambda r: _known_and_usable(r, value, now))
        if known is None:
            raise errors.missing(context.credentials.mint, value)
        if audience not in known.audiences:
            raise errors.bad("The key is not for this audience")
        if usable is None:
            raise errors.no_usable_key()
        say(resp, answers.introspected(usable), _INTROSPECTED)


def _known_and_usable(reader: Reader, value: str, now: datetime) -> tuple[Key | None, Key | None]:
    found = keys.all_with_value(reader, value)
    return next(iter(found), None), keys.first_usable(reader, found, now)


class Evaluate(Resource):
    async def on_post(self, req: Request, resp: Response, namespace: str, rule: str) -> None:
        context = self._context
        if namespace not in NAMESPACES:
            raise errors.bad(f"Namespace {namespace} is not configured")
        if not requests.is_rule(rule):
            raise errors.bad(f"{rule} is no rule")
        value = requests.api_key(await requests.body(req))
        now, service = context.now(), NAMESPACES[namespace]
        result = await context.engine.read(lambda r: _judged(r, value, service, now))
        say(resp, answers.evaluated(namespace, rule, result), _EVALUATED)


def _judged(reader: Reader, value: str, service: Registered, now: datetime) -> dict[str, Any]:
    key = keys.usable(reader, value, now)
    found = key and keys.policy(key, service)
    if not key or found is None:
        return {"allowed": False}
    return answers.allowed(ACCOUNT, key.owner, found)


class Jwks(Resource):
    """The same keys wherever they are looked for: one issuer signs for all services."""

    async def on_get(self, req: Request, resp: Response, service_id: str = "") -> None:
        say(resp, self._context.credentials.tokens.jwks(), _PUBLIC)


class OpenIdConfiguration(Resource):
    async def on_get(self, req: Request, resp: Response) -> None:
        body = {
            "issuer": self._context.credentials.tokens.issuer,
            "jwks_uri": f"{req.prefix}{JWKS}",
        }
        say(resp, body)
