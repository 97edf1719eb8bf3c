"""The routes of cluster groups and GPUs."""

from __future__ import annotations

from typing import Any

import falcon
from falcon.asgi import Request, Response

from controlplane import clusters
from controlplane.access import guard
from controlplane.access.guard import Knows
from controlplane.access.kinds import ACCOUNTS
from controlplane.access.scopes import ADMIN_PREFIX
from controlplane.engine import Engine
from controlplane.http import bodies
from controlplane.http.openapi import Route
from controlplane.http.problem_json import REFUSALS
from controlplane.http.problems import Refused
from controlplane.services.gpus import answers, usage
from controlplane.state.protocol import Reader

LIST, DEPLOY = "list_cluster_groups", "register_function"
USAGE = f"{ADMIN_PREFIX}deploy_function"

# Falcon names parameters as the path does.
# ruff: noqa: N803


def routes(engine: Engine, credentials: Knows) -> tuple[Route, ...]:
    groups = ClusterGroups(engine, credentials)
    return (
        Route("/v2/nvcf/clusterGroups", groups, **_GROUPS),
        Route("/v2/nvcf/accounts/{ncaId}/clusterGroups", groups, **_GROUPS_OF_ACCOUNT),
        Route("/v2/nvcf/accounts/{ncaId}/usage/gpus", Usage(engine, credentials), **_USAGE),
        Route("/v2/nvcf/supportedGpus", SupportedGpus(engine, credentials), **_SUPPORTED),
    )


class ClusterGroups:
    """Only signed tokens list groups, API keys never: the scope counts for no other bearer."""

    def __init__(self, engine: Engine, credentials: Knows) -> None:
        self._engine, self._credentials = engine, credentials

    async def on_get(self, req: Request, resp: Response, ncaId: str | None = None) -> None:
        scope = LIST if ncaId is None else f"{ADMIN_PREFIX}{LIST}"
        caller = await guard.require(req, self._credentials, scope)
        account = caller.account if ncaId is None else ncaId
        if ncaId is not None:
            await self._engine.read(lambda r: _check(r, account))
        found = await self._engine.read(lambda r: clusters.offers(r, account))
        _say(resp, answers.groups(found))


def _check(reader: Reader, account: str) -> None:
    if reader.get(f"{ACCOUNTS}.{account}") is None:
        raise Refused(404, f"Account '{account}': Not found")


class SupportedGpus:
    def __init__(self, engine: Engine, credentials: Knows) -> None:
        self._engine, self._credentials = engine, credentials

    async def on_get(self, req: Request, resp: Response) -> None:
        caller = await guard.require(req, self._credentials, DEPLOY)
        found = await self._engine.read(lambda r: clusters.offers(r, caller.account))
        _say(resp, answers.supported(found))


class Usage:
    """How many instances an account's deployments have at least and at most, by instance type."""

    def __init__(self, engine: Engine, credentials: Knows) -> None:
        self._engine, self._credentials = engine, credentials

    async def on_get(self, req: Request, resp: Response, ncaId: str) -> None:
        await guard.require(req, self._credentials, USAGE)

        def used(reader: Reader) -> list[usage.Used]:
            _check(reader, ncaId)
            return usage.of_account(reader, ncaId)

        _say(resp, answers.used(await self._engine.read(used)))


def _say(resp: Response, body: Any) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = bodies.compact(body)


# --------------------------------------------------------------------------- OpenAPI


def _route(
    summary: str, schema: dict[str, Any], *parameters: str, deprecated: bool = True
) -> dict[str, Any]:
    ok = {"description": "OK.", "content": {"application/json": {"schema": schema}}}
    listed = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in parameters
    ]
    operation = {
        "deprecated": deprecated,
        "security": [{"bearer": []}],
        "parameters": listed,
        "responses": {**REFUSALS, "200": ok},
    }
    return {"summary": summary, "operations": {"get": operation}}


_ALL = {"$ref": "#/components/schemas/ClusterGroupsAnswer"}
_GROUPS = _route("Cluster groups to deploy to, with their GPUs", _ALL)
_GROUPS_OF_ACCOUNT = _route("Cluster groups of any account", _ALL, "ncaId")
_USAGE = _route(
    "How many instances of each instance type an account's deployments have",
    {"$ref": "#/components/schemas/GpuUsageAnswer"},
    "ncaId",
    deprecated=False,
)
_SUPPORTED = _route(
    "GPUs to deploy to",
    {"type": "array", "items": {"$ref": "#/components/schemas/SupportedGpu"}},
)
