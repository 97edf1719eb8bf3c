"""The routes of plans, state, events and audit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

import falcon
from falcon.asgi import Request, Response

from aicr import jsonio
from aicr.catalog import Catalog
from aicr.errors import InvalidRequest, NotFound
from controlplane import address as addresses
from controlplane import imports, planner
from controlplane.access import guard
from controlplane.access.credentials import Caller, Credentials
from controlplane.access.scopes import OWN
from controlplane.engine import Engine
from controlplane.http import bodies
from controlplane.http.lifecycle import Lifecycle
from controlplane.http.openapi import Route
from controlplane.http.problems import Refused
from controlplane.plan import apply as applying
from controlplane.plan.builder import state_of
from controlplane.plan.definition import Plan
from controlplane.planner import Made
from controlplane.services.plans import events, requests, spec
from controlplane.services.plans.models import PlanRequest
from controlplane.state.protocol import Actor
from controlplane.tail import Tail

T = TypeVar("T")
PLANS_READ, PLANS_APPLY, STATE_READ, AUDIT_READ = OWN


class Context(NamedTuple):
    """What the routes work with; the catalog is whatever is current."""

    engine: Engine
    credentials: Credentials
    tail: Tail
    lifecycle: Lifecycle
    catalog: Callable[[], Catalog]

    async def actor(self, req: Request, scope: str) -> Actor:
        """Who asks, with a scope. Raises Refused."""
        caller: Caller = await guard.require(req, self.credentials, scope)
        return caller.actor(req.context.request_id)


def routes(context: Context) -> tuple[Route, ...]:
    return (
        Route("/v1/plans", Plans(context), **spec.PLANS),
        Route("/v1/plans/{id}", OnePlan(context), **spec.PLAN),
        Route("/v1/plans/{id}/apply", Apply(context), **spec.APPLY),
        Route("/v1/state", State(context), **spec.STATE),
        Route("/v1/state/{address}", OneResource(context), **spec.RESOURCE),
        Route("/v1/events", Events(context), **spec.EVENTS),
        Route("/v1/audit", Audit(context), **spec.AUDIT),
    )


class Plans:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_post(self, req: Request, resp: Response) -> None:
        context = self._context
        actor = await context.actor(req, PLANS_READ)
        request = await requests.plan_request(req)
        plan, warnings = await _apart(self._made, request)
        await asyncio.to_thread(planner.keep, context.engine, plan, actor)
        _say(resp, _shown(plan, "planned", {}, warnings))

    def _made(self, request: PlanRequest) -> Made:
        engine = self._context.engine
        if request.destroy:
            return Made(planner.destroy(engine), [])
        if request.action is not None:
            return Made(planner.wish(engine, request.action, request.addresses), [])
        return planner.make(engine, self._context.catalog(), requests.asked(request))


class OnePlan:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_get(self, req: Request, resp: Response, id: str) -> None:  # noqa: A002
        await self._context.actor(req, PLANS_READ)
        stored, plan = await asyncio.to_thread(planner.kept, self._context.engine, id)
        _say(resp, _shown(plan, stored.status, dict(stored.outcome), []))


class Apply:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_post(self, req: Request, resp: Response, id: str) -> None:  # noqa: A002
        engine = self._context.engine
        actor = await self._context.actor(req, PLANS_APPLY)
        request = await requests.apply_request(req)
        _, plan = await asyncio.to_thread(planner.kept, engine, id)
        outcome = await _apart(applying.apply, engine, plan, actor, request.secrets)
        engine.on_change()
        _say(resp, outcome._asdict())


class State:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_get(self, req: Request, resp: Response) -> None:
        await self._context.actor(req, STATE_READ)
        state = await self._context.engine.read(state_of)
        _say(resp, planner.exported(state))

    async def on_post(self, req: Request, resp: Response) -> None:
        actor = await self._context.actor(req, PLANS_APPLY)
        document, _ = await bodies.document(req, await bodies.read(req))
        engine = self._context.engine
        count = await asyncio.to_thread(imports.restore, engine, document, actor)
        engine.on_change()
        _say(resp, {"resources": count})


class OneResource:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_get(self, req: Request, resp: Response, address: str) -> None:
        await self._context.actor(req, STATE_READ)
        addresses.parse(address)
        found = await self._context.engine.read(lambda r: r.get(address, deleted=True))
        if found is None:
            raise NotFound(f"{address} is not in the state")
        resp.set_header("ETag", f'"{found.revision}"')
        _say(resp, found._asdict())


class Events:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_get(self, req: Request, resp: Response) -> None:
        context = self._context
        await context.actor(req, STATE_READ)
        after = await self._after(req)
        await context.engine.read(lambda r: events.check(r, after))
        resp.set_header("Cache-Control", "no-store")

        async def allowed() -> bool:
            try:
                await context.actor(req, STATE_READ)
            except Refused:
                return False
            return True

        resp.sse = events.stream(context.engine, context.tail, context.lifecycle, after, allowed)

    async def _after(self, req: Request) -> int:
        """Where to go on: after the last event the client had, or what it says, or now."""
        last = req.get_header("Last-Event-ID")
        if last is None:
            now = (await self._context.engine.read(lambda r: r.meta())).revision
            return requests.number(req, "after", now, 2**62)
        if not (last.isascii() and last.isdigit()) or len(last) > 18:
            raise InvalidRequest("Last-Event-ID must be the id of an event")
        return int(last)


class Audit:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_get(self, req: Request, resp: Response) -> None:
        await self._context.actor(req, AUDIT_READ)
        after = requests.number(req, "after", 0, 2**62)
        limit = requests.number(req, "limit", 100, requests.MAX_AT_ONCE)
        entries = await self._context.engine.read(lambda r: r.audit(after, limit))
        last = entries[-1].sequence if entries else after
        _say(resp, {"entries": [e._asdict() for e in entries], "next": last})


# What takes long has threads of its own: those of reads and of credentials stay free.
_LONG = ThreadPoolExecutor(4, "aicr-plan")


async def _apart(work: Callable[..., T], *given: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_LONG, partial(work, *given))


def _shown(plan: Plan, status: str, outcome: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    digest = plan.digest
    body = {**plan.body(), "digest": digest}
    return {
        "id": digest,
        "status": status,
        "outcome": outcome,
        "warnings": warnings,
        "plan": body,
    }


def _say(resp: Response, body: dict[str, Any]) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = jsonio.line(body)
    resp.set_header("Cache-Control", "no-store")
