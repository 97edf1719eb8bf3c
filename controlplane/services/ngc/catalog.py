"""What clients ask of the vendor's catalog before they name something of it in a function.

There is no such catalog here. Whoever creates a function with it is told then what may be pulled;
these paths say that they cannot say, upon which clients warn and go on. (404 would end them.)
"""

from __future__ import annotations

from falcon.asgi import Request, Response

from controlplane.access import guard
from controlplane.http.openapi import Route
from controlplane.http.problems import Refused
from controlplane.services.ngc import spec
from controlplane.services.ngc.orgs import Orgs

_BASES = ("/v2/org/{org}", "/v2/org/{org}/team/{team}")
_PATHS = {
    "repos/{name}": ["name"],
    "repos/{name}/images": ["name"],
    "repos/{name}/images/{version}": ["name", "version"],
    "models/{name}/versions/{version}": ["name", "version"],
    "resources/{name}/versions/{version}": ["name", "version"],
    "helm-charts/{name}/versions/{version}": ["name", "version"],
}


def routes(orgs: Orgs) -> tuple[Route, ...]:
    return tuple(
        Route(
            f"{base}/{path}",
            Unknown(orgs),
            "What is not known here of the vendor's catalog",
            {"get": spec.refused([*(["org", "team"] if "{team}" in base else ["org"]), *names])},
        )
        for base in _BASES
        for path, names in _PATHS.items()
    )


class Unknown:
    """The org is that of the artifact, whoever asks."""

    def __init__(self, orgs: Orgs) -> None:
        self._orgs = orgs

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        await self._orgs.known(guard.bearer(req))
        raise Refused(403, "there is no catalog here: what can be pulled is said upon creation")
