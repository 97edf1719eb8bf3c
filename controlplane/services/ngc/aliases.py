"""Routes of other services below the name of an org, made of the very same resources: who asks is
of the org, and everything else is what it is without one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from falcon.asgi import Request, Response

from controlplane.http.openapi import Route
from controlplane.services.ngc import spec
from controlplane.services.ngc.orgs import Orgs

METHODS = ("get", "post", "put", "patch", "delete")
ORG, TEAM = "/orgs/{org}", "/orgs/{org}/teams/{team}"


def both(orgs: Orgs, routes: Iterable[tuple[str, Route]], version: str = "/v2") -> Iterator[Route]:
    """Routes at paths below that of an org, and of its teams: these have nothing of their own."""
    for path, route in routes:
        for base in (ORG, TEAM):
            yield alias(orgs, f"{version}{base}{path}", route)


def alias(orgs: Orgs, path: str, route: Route) -> Route:
    """A route at a path with `org` in it."""
    names = re.findall(r"\{(\w+)\}", path)
    found = {m: spec.aliased(route.operations.get(m) or {}, names) for m in _served(route)}
    return Route(path, Alias(orgs, route), route.summary, found)


def _served(route: Route) -> list[str]:
    return [m for m in METHODS if hasattr(route.resource, f"on_{m}")]


class Alias:
    """A resource below an org. `ncaId` in its path is the account of whoever asks."""

    def __init__(self, orgs: Orgs, route: Route) -> None:
        needs = "{ncaId}" in route.path
        for method in _served(route):
            handler = getattr(route.resource, f"on_{method}")
            setattr(self, f"on_{method}", _of_org(orgs, handler, needs))


def _of_org(orgs: Orgs, handler: Any, needs_account: bool) -> Any:
    async def handle(req: Request, resp: Response, org: str, team: str = "", **names: str) -> None:
        caller = await orgs.member(req, org)
        if needs_account:
            names["ncaId"] = caller.account
        await handler(req, resp, **names)

    return handle
