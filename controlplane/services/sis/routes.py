"""The routes of self-hosted cluster management."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from falcon.asgi import Request, Response

from controlplane import clusters
from controlplane.clusters import CLUSTERS, by_account, by_authorized
from controlplane.engine import Engine
from controlplane.http import bodies
from controlplane.http.openapi import Route
from controlplane.services.sis import (
    answers,
    errors,
    jwks,
    lifecycle,
    reads,
    requests,
    rules,
    spec,
    usage,
    work,
)
from controlplane.services.sis.auth import Auth, check_size
from controlplane.state.protocol import Reader, Resource

_USAGE = "gpu-usage"
_AVAILABILITY = reads.Question(
    "instanceTypes/availability", _USAGE, "Room for instances by GPU", usage.availability
)
# One controller under two prefixes.
_TWICE = ("/v1/accounts/{ncaId}", "/v1/si/accounts/{ncaId}")


class Operator(NamedTuple):
    """What the operator decided: whether keys of clusters may be replaced, and what is known of
    versions of the agent (contract 10.5)."""

    rotates: bool = True
    versions: Mapping[str, Any] = MappingProxyType({})


class Context(NamedTuple):
    """What the routes work with."""

    engine: Engine
    auth: Auth
    operator: Operator = Operator()
    # Clusters of which nothing is said about GPUs find theirs themselves.
    discovers: bool = False


def routes(of: Context) -> tuple[Route, ...]:
    every = [route for base in _TWICE for route in managed(of, base)]
    agents = (
        Route("/v1/nvca/clusters/{clusterId}/jwks", Keys(of), **spec.KEYS),
        Route("/v1/nvca/clusters/{clusterId}/register", Register(of), **spec.REGISTER),
        Route("/v1/nvca/clusters/{clusterId}/heartbeat", Heartbeat(of), **spec.HEARTBEAT),
        Route(
            "/v1/nvca/clusters/{clusterId}/credentials", AgentCredentials(of), **spec.CREDENTIALS
        ),
        Route("/v1/nvca/tokens/introspect", Introspect(of), **spec.INTROSPECT),
        Route("/v1/si/oidc/token/introspect", Introspect(of), **spec.INTROSPECT),
        Route("/v1/si/oidc/tokens/introspect", Introspect(of), **spec.INTROSPECT),
    )
    base = _TWICE[1]
    offered = (
        Route(f"{base}/clusterGroups", Groups(of), **spec.GROUPS),
        *(
            Route(f"{base}/{q.path}", Offered(of, q), **spec.offered(q.summary))
            for q in (*reads.QUESTIONS, _AVAILABILITY)
        ),
        Route(f"{base}/gpu/usage", Usage(of), **spec.USAGE),
        Route(f"{base}/deployments/{{deploymentId}}/gpu/usage", OneUsage(of), **spec.ONE_USAGE),
    )
    return (*every, *agents, *offered, Route("/v1/health", Health(), **spec.HEALTH))


def managed(of: Context, base: str) -> tuple[Route, ...]:
    """What managers of clusters ask, below a path; `ncaId` is the account."""
    return (
        Route(f"{base}/clusters", Clusters(of), **spec.CLUSTERS),
        Route(f"{base}/clusters/{{clusterId}}", OneCluster(of), **spec.CLUSTER),
        Route(f"{base}/clusterVersions", Versions(of), **spec.VERSIONS),
    )


class _Resource:
    """What all of these have."""

    def __init__(self, of: Context) -> None:
        self._engine, self._auth, self._operator, self._discovers = of

    async def _body(self, req: Request) -> requests.Body:
        """The body about a cluster."""
        found = await requests.body(req)
        silent = found.get("capabilities") is None and not found.get("gpus")
        return {**found, "capabilities": [rules.DYNAMIC]} if self._discovers and silent else found

    @staticmethod
    def _say(resp: Response, answer: Any) -> None:
        resp.content_type = "application/json"
        resp.data = bodies.compact(answer)


# Falcon names parameters as the path does.
# ruff: noqa: N803


class Clusters(_Resource):
    async def on_get(self, req: Request, resp: Response, ncaId: str) -> None:
        await self._auth.manager(req)
        authorized = requests.flag(req, "includeAuthorizedClusters")
        everything = requests.flag(
            req, "includeNonByocInAuthorizedClusters", "includeGfnInAuthorizedClusters"
        )
        found = await self._engine.read(lambda r: _listed(r, ncaId, authorized, everything))
        now = datetime.now(UTC)
        self._say(resp, [answers.listed(cluster, now) for cluster in found])

    async def on_post(self, req: Request, resp: Response, ncaId: str) -> None:
        actor = await self._auth.manager(req)
        wanted = requests.creation(await self._body(req))
        # Many keys take a while: nobody else waits, and the transaction finds them parsed.
        await asyncio.to_thread(rules.key_set, wanted.get("jwks", ""))
        self._say(resp, await self._engine.change(actor, lambda c: work.create(c, ncaId, wanted)))


def _listed(reader: Reader, account: str, authorized: bool, everything: bool) -> list[Resource]:
    """Clusters of an account and, on demand, those of others that it may use, by name."""
    found = {r.address: r for r in reader.find(CLUSTERS, by_account(account))}
    asked = (by_authorized(account), by_authorized(clusters.EVERYBODY)) if authorized else ()
    for lookup in asked:
        for r in reader.find(CLUSTERS, lookup):
            if everything or (r.spec or {})["cloudProvider"] not in rules.NOT_OWNED:
                found[r.address] = r
    return [r for r in sorted(found.values(), key=_name) if r.status]


def _name(cluster: Resource) -> str:
    return str((cluster.spec or {})["clusterName"])


class OneCluster(_Resource):
    async def on_get(self, req: Request, resp: Response, ncaId: str, clusterId: str) -> None:
        await self._auth.manager(req)
        found = await self._engine.read(lambda r: lifecycle.owned(r, ncaId, clusterId))
        self._say(resp, answers.one(found, datetime.now(UTC)))

    async def on_put(self, req: Request, resp: Response, ncaId: str, clusterId: str) -> None:
        actor = await self._auth.manager(req)
        wanted = requests.replacement(await self._body(req))
        await self._engine.change(actor, lambda c: work.replace(c, ncaId, clusterId, wanted))

    async def on_delete(self, req: Request, resp: Response, ncaId: str, clusterId: str) -> None:
        actor = await self._auth.manager(req)
        await self._engine.change(actor, lambda c: work.delete(c, ncaId, clusterId))


class Versions(_Resource):
    async def on_get(self, req: Request, resp: Response, ncaId: str) -> None:
        await self._auth.manager(req)
        self._say(resp, answers.versions(self._operator.versions))


# --------------------------------------------------------------------------- agents


class Keys(_Resource):
    async def on_put(self, req: Request, resp: Response, clusterId: str) -> None:
        actor = await self._auth.either(req, clusterId)
        if not self._operator.rotates:
            raise errors.switched_off()
        given = await requests.body(req)
        wanted = await asyncio.to_thread(requests.keys, given)
        await self._engine.change(actor, lambda c: work.rotate(c, clusterId, wanted))


class Register(_Resource):
    async def on_put(self, req: Request, resp: Response, clusterId: str) -> None:
        actor = await self._auth.agent(req, clusterId)
        said = requests.registration(await requests.body(req))
        self._say(
            resp, await self._engine.change(actor, lambda c: work.register(c, clusterId, said))
        )


class Heartbeat(_Resource):
    async def on_post(self, req: Request, resp: Response, clusterId: str) -> None:
        actor = await self._auth.agent(req, clusterId)
        said = requests.heartbeat(await requests.body(req))
        self._say(
            resp, await self._engine.change(actor, lambda c: work.heartbeat(c, clusterId, said))
        )


class AgentCredentials(_Resource):
    async def on_get(self, req: Request, resp: Response, clusterId: str) -> None:
        await self._auth.agent(req, clusterId)
        await self._engine.read(lambda r: lifecycle.known(r, clusterId))
        self._say(resp, answers.CREDENTIALS)


class Introspect(_Resource):
    """Whether a token is one of a cluster; anybody may ask."""

    async def on_post(self, req: Request, resp: Response) -> None:
        token = requests.token(await requests.body(req))
        check_size(token)
        found, issuer = await self._auth.workload(token)
        valid = found is not None and found.issuer == issuer
        self._say(resp, answers.introspected(_known(found) if found and valid else None))


def _known(workload: jwks.Workload) -> dict[str, Any]:
    return {
        "sub": workload.subject,
        "aud": f"{jwks.AUDIENCE}{workload.cluster_id}",
        "iss": workload.issuer,
        "clusterId": workload.cluster_id,
        "tokenType": workload.type,
    }


# --------------------------------------------------------------------------- what is offered


class Groups(_Resource):
    async def on_get(self, req: Request, resp: Response, ncaId: str) -> None:
        await self._auth.manager(req, "cluster_listing")
        usage = reads.usage(req)
        found = await self._engine.read(lambda r: clusters.offers(r, ncaId, usage))
        self._say(resp, answers.groups(found))


class Offered(_Resource):
    """One question about what an account can deploy to."""

    def __init__(self, of: Context, question: reads.Question) -> None:
        super().__init__(of)
        self._question = question

    async def on_get(self, req: Request, resp: Response, ncaId: str) -> None:
        await self._auth.manager(req, self._question.scope)
        filter_ = reads.asked(req, capacity=self._question.capacity)
        found = await self._engine.read(partial(reads.rows, account=ncaId, filter_=filter_))
        self._say(resp, self._question.answer(found))


class Usage(_Resource):
    """What runs of an account, by GPU."""

    async def on_get(self, req: Request, resp: Response, ncaId: str) -> None:
        await self._auth.manager(req, _USAGE)
        found = await self._engine.read(lambda r: usage.of_account(r, ncaId))
        self._say(resp, {"Gpus": usage.gpus(found)})


class OneUsage(_Resource):
    """What runs of a deployment; nothing of one that there is not."""

    async def on_get(self, req: Request, resp: Response, ncaId: str, deploymentId: str) -> None:
        await self._auth.manager(req, _USAGE)
        id_ = requests.uuid(deploymentId, "deploymentId")
        found = await self._engine.read(lambda r: usage.of_deployment(r, ncaId, id_))
        self._say(resp, {"Deployments": [{"deploymentId": id_, "gpus": usage.gpus(found)}]})


class Health:
    """What clients look for before they ask anything else."""

    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = "application/json"
        resp.data = bodies.compact({"status": "UP"})
