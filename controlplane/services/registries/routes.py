"""The routes of registry credentials and recognised registries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import falcon
from falcon.asgi import Request, Response

from controlplane import registries
from controlplane.access import guard
from controlplane.access.credentials import Credentials
from controlplane.access.scopes import ADMIN_PREFIX
from controlplane.artifacts import Live
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.http import bodies
from controlplane.http.openapi import Route
from controlplane.registries import TYPES
from controlplane.services.registries import answers, lifecycle, requests, spec, work
from controlplane.services.registries.requests import PROVISIONERS, Patch
from controlplane.state.protocol import Actor, Reader

SCOPE = "manage_registry_credentials"
T = TypeVar("T")
# One's own account, and any account for an administrator of all.
_OWN, _ANY = "/v2/nvcf", "/v2/nvcf/accounts/{ncaId}"

# Falcon names parameters as the path does.
# ruff: noqa: N803


class Context(NamedTuple):
    """What the routes work with; `live` asks registries themselves, where that is wanted."""

    engine: Engine
    credentials: Credentials
    live: Live | None

    async def account(self, req: Request, nca_id: str | None) -> tuple[str, Actor]:
        """The account that is asked about, and who asks. Raises Refused."""
        scope = SCOPE if nca_id is None else f"{ADMIN_PREFIX}{SCOPE}"
        caller = await guard.require(req, self.credentials, scope)
        account = caller.account if nca_id is None else nca_id
        if nca_id is not None:
            await self.engine.read(lambda r: lifecycle.check_account(r, account))
        return account, caller.actor(req.context.request_id)

    async def change(self, actor: Actor, change: Callable[[Changes], T]) -> T:
        return await self.engine.change(actor, change)


def routes(context: Context) -> tuple[Route, ...]:
    return tuple(
        Route(f"{base}/{path}", kind(context), **spec.route(f"{base}/{path}", path))
        for base in (_OWN, _ANY)
        for path, kind in _RESOURCES.items()
    )


class _Resource:
    def __init__(self, context: Context) -> None:
        self._context = context


class RegistryCredentials(_Resource):
    async def on_get(self, req: Request, resp: Response, ncaId: str | None = None) -> None:
        account, _ = await self._context.account(req, ncaId)
        types = requests.chosen(req, "artifactType", TYPES)
        provisioned = requests.chosen(req, "provisionedBy", PROVISIONERS)
        engine = self._context.engine
        _say(resp, await engine.read(lambda r: answers.listed(r, account, types, provisioned)))

    async def on_post(self, req: Request, resp: Response, ncaId: str | None = None) -> None:
        context = self._context
        account, actor = await context.account(req, ncaId)
        draft = requests.creation(await requests.body(req))
        if context.live is not None:  # after everything that can be told without the network
            await context.engine.read(lambda r: work.check(r, account, draft))
            await context.live.log_in(draft.hostname, draft.secret.value, draft.types)
        vault = context.engine.vault

        def make(changes: Changes) -> dict[str, Any]:
            return answers.one(changes.tx, work.create(changes, vault, account, draft))

        _say(resp, await context.change(actor, make))


class OneRegistryCredential(_Resource):
    async def on_get(
        self, req: Request, resp: Response, registryCredentialId: str, ncaId: str | None = None
    ) -> None:
        account, _ = await self._context.account(req, ncaId)
        id_ = requests.credential_id(registryCredentialId)

        def show(reader: Reader) -> dict[str, Any]:
            return answers.one(reader, lifecycle.owned(reader, account, id_))

        _say(resp, await self._context.engine.read(show))

    async def on_patch(
        self, req: Request, resp: Response, registryCredentialId: str, ncaId: str | None = None
    ) -> None:
        account, actor = await self._context.account(req, ncaId)
        id_ = requests.credential_id(registryCredentialId)
        patch = requests.patch(await requests.body(req))
        await self._log_in(account, id_, patch)
        vault = self._context.engine.vault

        def change(changes: Changes) -> dict[str, Any]:
            return answers.one(changes.tx, work.update(changes, vault, account, id_, patch))

        _say(resp, await self._context.change(actor, change))

    async def _log_in(self, account: str, id_: str, patch: Patch) -> None:
        """Ask the registry whether it knows another secret."""
        context = self._context
        if context.live is None or patch.secret is None:
            return
        found = await context.engine.read(lambda r: lifecycle.owned(r, account, id_))
        spec_ = found.spec or {}
        requests.check_secret(spec_["registryHostname"], patch.secret)
        await context.live.log_in(
            spec_["registryHostname"], patch.secret.value, spec_["artifactTypes"]
        )

    async def on_delete(
        self, req: Request, resp: Response, registryCredentialId: str, ncaId: str | None = None
    ) -> None:
        account, actor = await self._context.account(req, ncaId)
        id_ = requests.credential_id(registryCredentialId)
        await self._context.change(actor, lambda c: work.delete(c, account, id_))
        resp.status = falcon.HTTP_204


class RecognizedRegistries(_Resource):
    async def on_get(self, req: Request, resp: Response, ncaId: str | None = None) -> None:
        await self._context.account(req, ncaId)
        found = await self._context.engine.read(registries.recognized)
        _say(resp, answers.recognized(found))


_RESOURCES: dict[str, type[_Resource]] = {
    "registry-credentials": RegistryCredentials,
    "registry-credentials/{registryCredentialId}": OneRegistryCredential,
    "recognized-registries": RecognizedRegistries,
}


def _say(resp: Response, body: Any) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = bodies.compact(body)
