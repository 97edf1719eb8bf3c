"""The hosted paths as they are mounted: aliases of what other services serve, made of their routes,
and the little that is only asked there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from falcon.asgi import Request

from controlplane.access import guard
from controlplane.access.credentials import Caller, Credentials
from controlplane.http.app import Service
from controlplane.http.openapi import Route
from controlplane.services.gpus import routes as gpus
from controlplane.services.ngc import aliases, catalog, clusters, identity, log_routes
from controlplane.services.ngc.context import Context
from controlplane.services.ngc.log_routes import Runs
from controlplane.services.ngc.models import SCHEMAS
from controlplane.services.ngc.orgs import Gateway, Orgs
from controlplane.services.ngc.spec import DIALECT, PREFIXES
from controlplane.services.nvcf import service as nvcf
from controlplane.services.nvct import service as nvct
from controlplane.services.sis.routes import Operator
from controlplane.vendor.routes import Context as Vendor

BASE = "/v2/nvcf"
# About other accounts: not for orgs.
_CROSSING = f"{BASE}/accounts"


class Set(NamedTuple):
    """What the first account is called, unless by its id, what SIS's operator decided, and what
    runs."""

    org: str
    operator: Operator
    runs: Runs


def service(
    credentials: Credentials,
    functions: Vendor,
    tasks: Vendor,
    routes: Iterable[Route],
    set_: Set,
) -> Service:
    """`routes` are those of registries."""
    orgs = Orgs(credentials, set_.org)
    context = Context(functions.engine, credentials, Gateway(credentials), orgs, set_.operator)
    everything = (
        *identity.routes(orgs),
        *aliases.both(orgs, _of_nvcf(context, functions, routes)),
        *aliases.both(orgs.of_tasks, _of_nvct(tasks)),
        *aliases.both(orgs, log_routes.routes(functions, set_.runs, log_routes.FUNCTION)),
        *aliases.both(orgs.of_tasks, log_routes.routes(tasks, set_.runs, log_routes.TASK)),
        *aliases.both(orgs, clusters.managed(context)),
        *aliases.both(orgs, clusters.gpus(context)),
        *aliases.both(orgs, clusters.gpus(context), "/v3"),
        *aliases.both(orgs, [("/ngc/nvcf/gpu/quota/rules", clusters.quota(context))]),
        *_keys(context),
        *catalog.routes(orgs),
    )

    async def gate(req: Request) -> Caller:
        return await orgs.known(guard.bearer(req))

    return Service(everything, SCHEMAS, PREFIXES, DIALECT, limited=False, gate=gate)


def _of_nvcf(
    context: Context, functions: Vendor, routes: Iterable[Route]
) -> Iterator[tuple[str, Route]]:
    for route in nvcf.hosted(functions):
        yield route.path, route
    for route in (*routes, *gpus.routes(context.engine, context.gateway)):
        if not route.path.startswith(_CROSSING):
            yield route.path.removeprefix("/v2"), route


def _of_nvct(tasks: Vendor) -> Iterator[tuple[str, Route]]:
    for route in nvct.hosted(tasks):
        yield route.path, route


def _keys(context: Context) -> Iterator[Route]:
    for path, route in clusters.agent_keys(context):
        yield aliases.alias(context.orgs, f"/v3/orgs/{{org}}{path}", route)
