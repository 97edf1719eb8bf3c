"""The routes of instances and their logs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any, NamedTuple

import falcon
from falcon.asgi import Request, Response, SSEvent

from aicr import jsonio
from aicr.errors import InvalidRequest, NotFound
from controlplane.access import guard
from controlplane.access.credentials import Credentials
from controlplane.http import streams
from controlplane.http.lifecycle import Lifecycle
from controlplane.http.openapi import Route
from controlplane.http.problems import Refused
from controlplane.runtime.protocol import Line, Runtime, Shown
from controlplane.services.instances import spec

SCOPE = "state:read"
# Lines that are read and sent at a time.
_AT_ONCE = 1000
_MAX_TAIL = 10_000_000
_FLAGS = {"true": True, "false": False}


class Context(NamedTuple):
    """What the routes work with; no runtime, and nothing runs."""

    runtime: Runtime | None
    credentials: Credentials
    lifecycle: Lifecycle


def routes(context: Context) -> tuple[Route, ...]:
    return (
        Route("/v1/instances", Instances(context), **spec.INSTANCES),
        Route("/v1/instances/{id}/logs", Logs(context), **spec.LOGS),
    )


class Instances:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_get(self, req: Request, resp: Response) -> None:
        runtime = self._context.runtime
        await guard.require(req, self._context.credentials, SCOPE)
        uid = req.get_param("of") or ""
        found = [] if runtime is None else await asyncio.to_thread(_found, runtime, uid)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = jsonio.line({"instances": found})
        resp.set_header("Cache-Control", "no-store")


class Logs:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def on_get(self, req: Request, resp: Response, id: str) -> None:  # noqa: A002
        context = self._context
        await guard.require(req, context.credentials, SCOPE)
        tail, follow = _tail(req), _flag(req, "follow")
        known = id.replace("~", "/")
        if context.runtime is None:
            raise NotFound("nothing runs here: AICR_RUNTIME says what runs instances")
        resp.set_header("Cache-Control", "no-store")
        if not follow:
            written = await asyncio.to_thread(context.runtime.logs, known, tail)
            resp.content_type = "text/plain; charset=utf-8"
            resp.stream = _batches(written)
            return

        async def allowed() -> bool:
            try:
                await guard.require(req, context.credentials, SCOPE)
            except Refused:
                return False
            return True

        lines = context.runtime.follow(known, tail)
        ends = context.lifecycle
        resp.sse = streams.events(lines, _event, lambda: bool(ends.reason), allowed)


def _event(line: Line) -> SSEvent:
    return SSEvent(json=line._asdict())


async def _batches(lines: Iterator[Line]) -> AsyncIterator[bytes]:
    while batch := await asyncio.to_thread(lambda: list(islice(lines, _AT_ONCE))):
        yield "".join(f"{line.text}\n" for line in batch).encode("utf-8", "replace")


def _found(runtime: Runtime, uid: str) -> list[dict[str, Any]]:
    """What runs; or what runs and ran for the resource with a uid, as far as its logs are kept."""
    shown = sorted(runtime.look())
    if not uid:
        return [_shown(s) for s in shown]
    there = {s.instance.id: _shown(s) for s in shown if s.instance.id.startswith(f"{uid}/")}
    gone = {id_: _gone(id_) for id_ in runtime.logged(uid)}
    return [body for _, body in sorted({**gone, **there}.items())]


def _gone(id_: str) -> dict[str, Any]:
    """An instance of which only its log is left."""
    nothing = dict.fromkeys(("address", "reason", "endpoint", "isolation", "startedAt"), "")
    name = id_.split("/")[1]
    return {"id": id_, "name": name, "state": "gone", "exit": None, **nothing}


def _shown(shown: Shown) -> dict[str, Any]:
    instance, health = shown.instance, shown.health
    return {
        "id": instance.id,
        "address": instance.address,
        "name": instance.name,
        "state": health.state,
        "reason": health.reason,
        "endpoint": health.endpoint,
        "isolation": shown.isolation,
        "startedAt": shown.started,
        "exit": health.exit,
    }


def _tail(req: Request) -> int | None:
    text = req.get_param("tail")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or not int(text) <= _MAX_TAIL:
        raise InvalidRequest(f"tail must be a whole number up to {_MAX_TAIL}")
    return int(text)


def _flag(req: Request, name: str) -> bool:
    text = req.get_param(name) or "false"
    if text not in _FLAGS:
        raise InvalidRequest(f"{name} must be true or false")
    return _FLAGS[text]
