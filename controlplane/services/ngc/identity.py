"""Who somebody is, and of which org: what clients ask before anything else."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import falcon
from falcon.asgi import Request, Response

from controlplane.access import apikeys, guard
from controlplane.access.credentials import Caller, unauthenticated
from controlplane.http import bodies
from controlplane.http.openapi import Route
from controlplane.http.problems import Refused
from controlplane.services.ngc import spec
from controlplane.services.ngc.orgs import Orgs

# What keys are here: of an account, without a person behind them.
_KEY = "SERVICE_KEY"


def routes(orgs: Orgs) -> tuple[Route, ...]:
    got, of_org = spec.own(), spec.own(["org"])
    asked = spec.own(form="credentials", public=True)
    return (
        Route("/v3/keys/get-caller-info", CallerInfo(orgs), "Whose a key is", {"post": asked}),
        Route("/v2/orgs", Listed(orgs), "Orgs of the caller", {"get": got}),
        Route("/v2/orgs/{org}", One(orgs), "The org of the caller", {"get": of_org}),
        Route("/v2/org/{org}/teams", Teams(orgs), "Teams of an org", {"get": of_org}),
        Route("/v2/users/me", Me(orgs), "The caller", {"get": got}),
    )


def say(resp: Response, body: Any) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = bodies.compact(body)


class _Resource:
    def __init__(self, orgs: Orgs) -> None:
        self._orgs = orgs

    async def _caller(self, req: Request) -> Caller:
        return await self._orgs.known(guard.bearer(req))

    def _described(self, account: str) -> dict[str, Any]:
        name = self._orgs.of(account)
        return {"name": name, "displayName": name, "billingAccountId": account}


class CallerInfo(_Resource):
    """Whoever has a key may ask whose it is: the key is all that is shown."""

    async def on_post(self, req: Request, resp: Response) -> None:
        text = (await bodies.read(req)).decode("utf-8", "replace")
        try:
            key = parse_qs(text, max_num_fields=10).get("credentials", [""])[0]
        except ValueError:
            raise Refused(400, "the form has too many fields") from None
        if not key.startswith(apikeys.FAMILY):
            raise unauthenticated()
        try:
            caller = await self._orgs.known(key)
        except Refused:  # of which kind ever, nobody can use it
            raise unauthenticated() from None
        say(resp, {"type": _KEY, "orgName": self._orgs.of(caller.account)})


class Listed(_Resource):
    async def on_get(self, req: Request, resp: Response) -> None:
        caller = await self._caller(req)
        say(resp, {"organizations": [self._described(caller.account)]})


class One(_Resource):
    async def on_get(self, req: Request, resp: Response, org: str) -> None:
        caller = await self._caller(req)
        self._orgs.check(caller, org)
        say(resp, {"organizations": self._described(caller.account)})


class Teams(_Resource):
    """There are none: paths with one mean the org."""

    async def on_get(self, req: Request, resp: Response, org: str) -> None:
        self._orgs.check(await self._caller(req), org)
        say(resp, {"teams": []})


class Me(_Resource):
    async def on_get(self, req: Request, resp: Response) -> None:
        caller = await self._caller(req)
        wanted = req.get_param("org-name")
        if wanted:
            self._orgs.check(caller, wanted)
        org = {"org": self._described(caller.account), "orgRoles": [], "teamRoles": []}
        say(resp, {"user": {"name": caller.subject, "roles": [org]}})
