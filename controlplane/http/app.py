"""The application: middleware, routes and problems put together.

request → middleware → the resource of its route → bytes → middleware → response
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import falcon
from falcon import asgi
from falcon.asgi import Request, Response
from pydantic import BaseModel

from aicr import jsonio
from aicr._version import __version__
from controlplane.http import problems
from controlplane.http.docs import POLICY, Docs
from controlplane.http.lifecycle import Lifecycle
from controlplane.http.metrics import CONTENT_TYPE, Metrics
from controlplane.http.middleware.access_log import AccessLog
from controlplane.http.middleware.body_limit import BodyLimit
from controlplane.http.middleware.ending import Ending
from controlplane.http.middleware.headers import Headers
from controlplane.http.middleware.host import Host
from controlplane.http.middleware.metrics import Measure
from controlplane.http.middleware.rate_limit import RateLimit
from controlplane.http.middleware.request_id import RequestId
from controlplane.http.middleware.slashes import Slashes
from controlplane.http.openapi import Route, document
from controlplane.http.prefixes import Prefixes
from controlplane.http.problems import OWN, Dialect
from controlplane.http.settings import Settings

# Lets a request in that has no route, or raises what the service refuses it with.
Gate = Callable[[Request], Awaitable[Any]]


class Service(NamedTuple):
    """An API that is mounted: its routes, and the models that their descriptions refer to.

    A service of a vendor has paths of its own: errors below its `prefixes` are worded in its
    `dialect`, also those of paths and methods that it does not have. Where it is not `limited`,
    AICR's rate limit does not count. Its `gate` stands before paths below its prefixes that it does
    not have: whoever is nobody learns nothing about them. Bodies below its prefixes may have
    `max_body` bytes; 0: as many as everywhere.
    """

    routes: tuple[Route, ...]
    models: tuple[type[BaseModel], ...]
    prefixes: tuple[str, ...] = ()
    dialect: Dialect = OWN
    limited: bool = True
    gate: Gate | None = None
    max_body: int = 0


class Application(NamedTuple):
    """What is served, and its OpenAPI document."""

    asgi: Any
    described: dict[str, Any]


def create_app(
    settings: Settings, services: Sequence[Service], lifecycle: Lifecycle, metrics: Metrics
) -> Application:
    """The application of these services."""
    larger = [(Prefixes(s.prefixes), s.max_body) for s in services if s.max_body]
    middleware: Any = [
        # The last one sees an answer first, so what measures and logs stands at the top.
        AccessLog(),
        Measure(metrics),
        RequestId(),
        Host(settings.allowed_hosts),
        _limit(settings, services, metrics),
        BodyLimit(settings.max_body, larger),
        Slashes(Prefixes(p for s in services for p in s.prefixes)),
    ]
    app = asgi.App(middleware=middleware)
    problems.install(app, metrics, [(Prefixes(s.prefixes), s.dialect) for s in services])
    routes = [route for service in services for route in service.routes]
    # The root names the routes of the first service only: it is the one that clients look for.
    everything = [*_own(lifecycle, metrics, services[0].routes), *routes, *_DESCRIBING]
    described = document(everything, [m for service in services for m in service.models])
    pages = {"/openapi.json": Static(jsonio.line(described)), "/docs": Docs(described)}
    for route in everything:
        app.add_route(route.path, pages.get(route.path, route.resource))
    gates = [(Prefixes(s.prefixes), s.gate) for s in services if s.gate is not None]
    app.add_sink(Nowhere(gates), "/")
    return Application(Headers(Ending(app), {"/docs": POLICY}), described)


def _limit(settings: Settings, services: Iterable[Service], metrics: Metrics) -> RateLimit:
    proxies = settings.trusted_proxies
    limit = RateLimit(settings.rate_limit, settings.rate_burst, proxies, metrics)
    limit.unlimited = Prefixes(p for s in services if not s.limited for p in s.prefixes)
    return limit


def _own(lifecycle: Lifecycle, metrics: Metrics, routes: Iterable[Route]) -> list[Route]:
    listed = [route.path for route in routes if route.path.startswith("/v1/")]
    root = {"service": "aicrd", "version": __version__, "routes": sorted(listed)}
    return [
        Route("/", Static(jsonio.line(root)), "Service information", _says("json")),
        Route("/health", Health(), "Liveness", _says("json")),
        Route("/ready", Ready(lifecycle), "Readiness", _READY),
        Route("/metrics", Exposition(metrics), "Prometheus metrics", _says("text")),
    ]


def _says(kind: str) -> dict[str, Any]:
    """The operation of a GET with a free body: json, text or html."""
    media = {"json": "application/json", "text": "text/plain", "html": "text/html"}[kind]
    shape = {"type": "object" if kind == "json" else "string"}
    ok = {"description": "OK.", "content": {media: {"schema": shape}}}
    return {"get": {"responses": {"200": ok}}}


_NOT_READY = {**_says("json")["get"]["responses"]["200"], "description": "Not ready; see reason."}
_READY = {"get": {"responses": {**_says("json")["get"]["responses"], "503": _NOT_READY}}}


class Static:
    """The same JSON for everybody."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = falcon.MEDIA_JSON
        resp.data = self._data

    on_head = on_get


class Health:
    """The process answers: that is all there is to say."""

    async def on_get(self, req: Request, resp: Response) -> None:
        _say(resp, {"status": "healthy", "timestamp": _now()})

    on_head = on_get


class Ready:
    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    async def on_get(self, req: Request, resp: Response) -> None:
        state = self._lifecycle
        body: dict[str, Any] = {"status": "ready" if state.ready else "not_ready"}
        body["timestamp"] = _now()
        if not state.ready:
            resp.status = falcon.HTTP_503
            body["reason"] = state.reason
        if state.note:
            body["note"] = state.note
        _say(resp, body)

    on_head = on_get


class Exposition:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = CONTENT_TYPE
        resp.data = self._metrics.text()

    on_head = on_get


# The document describes itself and its page; what they answer is made of it, hence classes here.
_DESCRIBING = (
    Route("/openapi.json", Static, "This document", _says("json")),
    Route("/docs", Docs, "This document as a page", _says("html")),
)


def _say(resp: Response, body: dict[str, Any]) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = jsonio.line(body)
    resp.set_header("Cache-Control", "no-store")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Nowhere:
    """No route. Where a service asks who somebody is, it asks before it says what it lacks."""

    def __init__(self, gates: Iterable[tuple[Prefixes, Gate]]) -> None:
        self._gates = tuple(gates)

    async def __call__(self, req: Request, resp: Response | None, **_: Any) -> None:
        for prefixes, gate in self._gates:
            if prefixes.has(req.path):
                await gate(req)
        raise problems.not_found(req.path)
