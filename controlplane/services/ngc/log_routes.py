"""The routes of logs: pages of what was written, and events of what is being written.

There are no routes for commands in instances (`skyway/commands`).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from falcon.asgi import Request, Response

from aicr.errors import AicrError
from controlplane.access import guard
from controlplane.access.credentials import Caller
from controlplane.http import streams
from controlplane.http.lifecycle import Lifecycle
from controlplane.http.openapi import Route
from controlplane.http.problems import Problem, Refused
from controlplane.runtime.protocol import Runtime
from controlplane.services.ngc import followed, logs, spec
from controlplane.services.ngc.identity import say
from controlplane.services.ngc.models import LogQuery
from controlplane.services.nvcf import visible
from controlplane.services.nvct import tasks
from controlplane.state.protocol import Reader
from controlplane.vendor import errors, requests
from controlplane.vendor.calls import Call
from controlplane.vendor.errors import FAILED, not_a
from controlplane.vendor.lookups import account_of
from controlplane.vendor.routes import Context as Vendor
from controlplane.vendor.scalars import MAX_INT

# For how many seconds is followed: unless it is said, and at most.
TIMEOUT, MAX_TIMEOUT = 60, 3600
_SPAN = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Runs(NamedTuple):
    """What runs instances, if anything does, and until when there is a server."""

    runtime: Runtime | None
    lifecycle: Lifecycle


class Source(NamedTuple):
    """Something whose instances write logs: its path, below that of its API, and who may read them.
    `uid` finds that of the resource that its instances run for; nothing when there is none. It
    raises NotFound, or Refused 403."""

    api: str
    path: str
    scope: str
    uid: Callable[[Reader, Call], str]

    @property
    def word(self) -> str:
        return self.path.split("/")[1]

    @property
    def names(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)


def _of_function(reader: Reader, call: Call) -> str:
    """Its deployment, for the account that it belongs to: others see no instances of it."""
    ids = call.ids
    found = visible.seen(reader, call.caller, ids["functionId"], ids["functionVersionId"])
    if account_of(found.spec or {}) != call.account:
        return ""
    deployed = visible.deployment_of(reader, found)
    return "" if deployed is None else deployed.uid


def _of_task(reader: Reader, call: Call) -> str:
    return tasks.owned(reader, call).uid


FUNCTION = Source(
    "/nvcf", "/functions/{functionId}/versions/{functionVersionId}", "list_functions_details",
    _of_function,
)  # fmt: skip
TASK = Source("/nvct", "/tasks/{taskId}", "task_details", _of_task)

_PAGES = (
    spec.option("page", "From 1; default: 1.", "integer", minimum=1, maximum=MAX_INT),
    spec.option(
        "page_size", f"Default: {logs.PAGE_SIZE}.", "integer", minimum=1, maximum=logs.MAX_PAGE_SIZE
    ),
)
_FOLLOWING = (
    spec.option("instanceId", "One instance; default: all, also those that begin meanwhile."),
    spec.option("podName", "Says nothing more: what runs here is an instance, without pods."),
    spec.option("containerName", "Says nothing more."),
    spec.option("since", "From so long ago on: 5s, 2m, 3h, 1d; default: 1h."),
    spec.option("sinceTime", "From an instant on; not together with since."),
    spec.option(
        "timeout", f"For so many seconds; default: {TIMEOUT}.", "integer", minimum=1,
        maximum=MAX_TIMEOUT,
    ),
)  # fmt: skip
_EVENTS = {
    "200": {
        "description": "Events whose data is an entry; the id is its timestamp.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def routes(of: Vendor, runs: Runs, source: Source) -> Iterator[tuple[str, Route]]:
    """Logs of a source, by paths below that of an org."""
    context = _Context(of, runs, source)
    asked = spec.own(sent=LogQuery.__name__, answer="LogJob")
    paged = {**spec.own(answer="LogPage"), "parameters": _PAGES}
    streamed = {**spec.own(), "parameters": _FOLLOWING, "responses": _EVENTS}
    for path, resource, summary, operations in (
        (f"{source.api}/logs{source.path}", Asked(context), "Ask for logs", {"post": asked}),
        (f"{source.api}/logs/{{jobId}}", Pages(context), "A page of logs", {"get": paged}),
        (f"/skyway/logs{source.path}", Followed(context), "Follow logs", {"get": streamed}),
    ):
        yield path, Route(path, resource, summary, operations)


class _Context(NamedTuple):
    of: Vendor
    runs: Runs
    source: Source

    async def caller(self, req: Request) -> Caller:
        """Who may look at such things at all. Raises Refused."""
        of = self.of
        return await guard.require(
            req, of.credentials, self.source.scope, namespace=of.api.namespace
        )

    async def uid(self, caller: Caller, ids: dict[str, str]) -> str:
        """Of what the instances run for. Raises Refused 403 or 404."""
        call = self.of.call(caller, ids, {})
        try:
            return await self.of.engine.read(lambda reader: self.source.uid(reader, call))
        except AicrError as e:
            raise errors.of(e) from None

    async def page(self, uid: str, job: logs.Job, number: int, size: int) -> dict[str, Any]:
        """A page of what is asked for; read whole, since nobody knows where it begins."""
        found = self.entries(uid, job)
        return await asyncio.to_thread(logs.page, found, number, size)

    def entries(self, uid: str, job: logs.Job) -> Iterator[logs.Entry]:
        runtime = self.runs.runtime
        if runtime is not None and uid:
            yield from logs.entries(runtime, uid, job.start, job.end)

    def logged(self, uid: str) -> tuple[str, ...]:
        runtime = self.runs.runtime
        return runtime.logged(uid) if runtime is not None and uid else ()


class _Resource:
    def __init__(self, context: _Context) -> None:
        self._context = context


class Asked(_Resource):
    """Clients read what there is to do in this answer, and all pages but this one elsewhere."""

    async def on_post(self, req: Request, resp: Response, **names: str) -> None:
        context = self._context
        caller = await context.caller(req)
        ids = {n: requests.uuid(names[n], n) for n in context.source.names}
        wanted = await requests.body(req, LogQuery)
        job = logs.asked(context.source.word, ids.values(), wanted.parameters)
        found = await context.page(await context.uid(caller, ids), job, 1, logs.PAGE_SIZE)
        say(resp, {"jobId": job.id, **found})


class Pages(_Resource):
    """Whoever asks for one must be allowed to when it does."""

    async def on_get(self, req: Request, resp: Response, jobId: str) -> None:  # noqa: N803
        context = self._context
        source = context.source
        caller = await context.caller(req)
        job = logs.opened(jobId, source.word, len(source.names))
        number = _whole(req, "page", 1, MAX_INT)
        size = _whole(req, "page_size", logs.PAGE_SIZE, logs.MAX_PAGE_SIZE)
        ids = dict(zip(source.names, job.ids, strict=True))
        say(resp, await context.page(await context.uid(caller, ids), job, number, size))
        resp.set_header("Cache-Control", "no-store")


class Followed(_Resource):
    async def on_get(self, req: Request, resp: Response, **names: str) -> None:
        context = self._context
        caller = await context.caller(req)
        ids = {n: requests.uuid(names[n], n) for n in context.source.names}
        since, timeout = _since(req), _whole(req, "timeout", TIMEOUT, MAX_TIMEOUT)
        uid = await context.uid(caller, ids)

        async def allowed() -> bool:
            try:
                return await context.uid(await context.caller(req), ids) == uid
            except Problem:
                return False

        until, ends = time.monotonic() + timeout, context.runs.lifecycle
        found = await self._found(req.get_param("instanceId") or "", uid)
        resp.sse = streams.events(
            followed.since(found, since),
            followed.event,
            lambda: bool(ends.reason) or time.monotonic() >= until,
            allowed,
        )

    async def _found(self, instance: str, uid: str) -> followed.Entries:
        """What is to be followed. Raises Refused 404 for no instance of it."""
        context = self._context
        runtime = context.runs.runtime
        if instance:
            if runtime is None or instance not in await asyncio.to_thread(context.logged, uid):
                raise Refused(404, f"Instance id '{instance[:256]}': Not found")
            return followed.one(runtime, instance)
        return followed.every(runtime, lambda: context.logged(uid))


def _whole(req: Request, name: str, default: int, most: int) -> int:
    """A number from 1. Raises Problem 400."""
    text = req.get_param(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= most):
        raise Problem(400, f"{FAILED}: '{name}' must be a whole number from 1 to {most}")
    return int(text)


def _since(req: Request) -> str:
    """The second from which on is followed. Raises Problem 400."""
    span, instant = req.get_param("since"), req.get_param("sinceTime")
    if span and instant:
        raise Problem(400, f"{FAILED}: there is 'since' or 'sinceTime', not both")
    if instant:
        return logs.second(instant, "sinceTime")
    now = logs.now()
    if not span:
        return logs.before(now, logs.DEFAULT)
    found = _SPAN.fullmatch(span)
    if found is None:
        raise not_a("duration such as 5s, 2m, 3h or 1d", "since")
    return logs.before(now, timedelta(**{_UNITS[found[2]]: int(found[1])}))
