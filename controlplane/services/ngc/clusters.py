"""What clients of the hosted service ask about clusters beside what SIS has: GPUs, quotas, versions
of the agent, and keys for agents."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import falcon
from falcon.asgi import Request, Response

from aicr._version import __version__
from controlplane.access import guard, keys, times
from controlplane.access.registry import FUNCTIONS
from controlplane.changes import Changes
from controlplane.http.openapi import Route
from controlplane.services.keys import errors as key_errors
from controlplane.services.keys import requests as key_requests
from controlplane.services.keys import work
from controlplane.services.ngc import spec
from controlplane.services.ngc.context import Context
from controlplane.services.ngc.identity import say
from controlplane.services.sis import answers, lifecycle, reads
from controlplane.services.sis import requests as sis_requests
from controlplane.services.sis import routes as sis
from controlplane.services.sis import spec as sis_spec
from controlplane.services.sis.auth import Auth

# Falcon names parameters as the path does.
# ruff: noqa: N803

# A pattern of ours for routes that are given the account of whoever asks.
_ACCOUNT = "/accounts/{ncaId}"
# What lists of GPUs need: whoever deploys asks for them.
_SCOPE = "deploy_function"
_NVCA = "nvca-cluster"
_KEYS = "/keys/type/CLUSTER_SERVICE_KEY"
_KEY = "/keys/{keyId}/type/CLUSTER_SERVICE_KEY"


def _sis(of: Context) -> sis.Context:
    auth = Auth(of.engine, of.gateway, keys=True)
    return sis.Context(of.engine, auth, of.operator, discovers=True)


def managed(of: Context) -> Iterator[tuple[str, Route]]:
    """SIS, for clients that have a key at most."""
    context = _sis(of)
    for route in sis.managed(context, _ACCOUNT):
        path = route.path.removeprefix(_ACCOUNT)
        if path == "/clusterVersions":
            route = route._replace(resource=Versions(context))  # noqa: PLW2901
        yield f"/sis{path}", route


class Versions(sis.Versions):
    """What can be registered, and the agent that goes with this server."""

    async def on_get(self, req: Request, resp: Response, ncaId: str) -> None:
        await self._auth.manager(req)
        agent = {"version": __version__, "operatorVersion": __version__}
        self._say(resp, {"nvcaVersions": [agent], **answers.versions(self._operator.versions)})


# Instance types that have room, and all of them.
_TYPES = {"deployments/available/instanceTypes": True, "deployments/instanceTypes": False}


def gpus(of: Context) -> Iterator[tuple[str, Route]]:
    """Instance types by GPU, under the paths of several generations of clients."""
    types = next(q for q in reads.QUESTIONS if q.path == "instanceTypes")
    question = types._replace(scope=_SCOPE, answer=lambda rows: _stripped(types.answer(rows)))
    for path, capacity in _TYPES.items():
        question = question._replace(capacity=capacity)
        route = Route(_ACCOUNT, sis.Offered(_sis(of), question), **sis_spec.offered(types.summary))
        yield f"/ngc/nvcf/{path}", route


def _stripped(value: Any) -> Any:
    """Without what is null."""
    if isinstance(value, dict):
        return {k: _stripped(v) for k, v in value.items() if v is not None}
    return [_stripped(v) for v in value] if isinstance(value, list) else value


def quota(of: Context) -> Route:
    return Route("", Quota(of), "Quotas of GPUs", {"get": spec.own()})


class Quota:
    """There are none."""

    def __init__(self, of: Context) -> None:
        self._of = of

    async def on_get(self, req: Request, resp: Response) -> None:
        await guard.require(req, self._of.gateway, _SCOPE)
        say(resp, {"rules": []})


# --------------------------------------------------------------------------- keys of agents


def agent_keys(of: Context) -> Iterator[tuple[str, Route]]:
    auth = Auth(of.engine, of.gateway, keys=True)
    made = {"post": spec.own(sent="ClusterKeyRequest")}
    gone = {"delete": {"responses": {"204": {"description": "It is deleted."}}}}
    yield _KEYS, Route(_ACCOUNT, AgentKeys(of, auth), "Make the key of a cluster", made)
    yield _KEY, Route(_ACCOUNT, AgentKey(of, auth), "Delete the key of a cluster", gone)


def _owner(account: str, cluster_id: str) -> str:
    return f"{account}/clusters/{cluster_id}"


class _Keys:
    def __init__(self, of: Context, auth: Auth) -> None:
        self._of, self._auth = of, auth


class AgentKeys(_Keys):
    """Keys by which clusters are known; they allow nothing else, whatever is asked for."""

    async def on_post(self, req: Request, resp: Response, ncaId: str) -> None:
        actor = await self._auth.manager(req)
        document = await sis_requests.body(req)
        cluster_id = _cluster(document)
        policy = {"aud": FUNCTIONS.id, "scopes": [_NVCA], "resources": _resources(cluster_id)}
        wanted = {
            "description": _UNFIT.sub("-", str(document.get("name") or "cluster"))[:64],
            "expires_at": document.get("expiryDate"),
            "authorizations": {"policies": [policy]},
        }
        draft = key_requests.draft(wanted, FUNCTIONS, times.of_seconds(time.time()))
        mint = self._of.credentials.mint

        def make(changes: Changes) -> dict[str, Any]:
            found = lifecycle.owned(changes.tx, ncaId, cluster_id)
            owner = _owner(ncaId, found.status["clusterId"])
            return work.create(changes, draft, FUNCTIONS, owner, mint)

        made = await self._of.engine.change(actor, make)
        say(resp, {"apiKey": {"keyId": made["id"], "value": made["value"]}})


_UNFIT = re.compile(r"[^a-zA-Z0-9\s_-]", re.ASCII)


def _resources(cluster_id: str) -> list[dict[str, str]]:
    return [{"type": "cluster", "id": cluster_id}]


def _cluster(document: Any) -> str:
    """The cluster that a key is for. Raises Refused 400."""
    try:
        found = document["policies"][0]["resources"][0]["id"]
    except (KeyError, IndexError, TypeError):
        found = None
    if not isinstance(found, str):
        raise key_errors.bad("policies must name a cluster")
    return found


class AgentKey(_Keys):
    async def on_delete(self, req: Request, resp: Response, ncaId: str, keyId: str) -> None:
        actor = await self._auth.manager(req)

        def delete(changes: Changes) -> None:
            key = keys.with_id(changes.tx, keyId)
            if key is None or not key.owner.startswith(_owner(ncaId, "")):
                raise key_errors.no_key()
            work.delete(changes, key)

        await self._of.engine.change(actor, delete)
        self._of.credentials.forget()
        resp.status = falcon.HTTP_204
