"""The routes of a table of endpoints: authenticate → check → read or change → what is answered."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import falcon
from falcon.asgi import Request, Response

from aicr.errors import AicrError
from controlplane.access import guard
from controlplane.access.credentials import Caller, Credentials
from controlplane.access.policy import EVERYTHING
from controlplane.artifacts import Live
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.http import bodies
from controlplane.http.openapi import Route
from controlplane.queue.protocol import Load, Position
from controlplane.registries import THROW
from controlplane.state.protocol import Reader
from controlplane.vendor import checks, errors, requests
from controlplane.vendor.calls import Answer, Call
from controlplane.vendor.endpoints import Endpoint, Option
from controlplane.vendor.unchanged import Unchanged

# Names in paths that are no UUIDs.
_WORDS = ("ncaId", "clientId")
Handler = Callable[..., Coroutine[Any, Any, None]]


class Api(NamedTuple):
    """What a service brings beside its endpoints: the namespace of its keys, how its options are
    read from query strings, and what OpenAPI says of an endpoint."""

    namespace: str
    options: Mapping[str, Option]
    operation: Callable[[Endpoint], Mapping[str, Any]]


class Asked(Protocol):
    """What may be asked about requests."""

    async def loads(self) -> Mapping[str, Load]:
        """What goes on at every door."""

    async def position(self, request: str, account: str) -> Position | None:
        """Where a request of an account is. Raises InvalidRequest when it is over."""


class Context(NamedTuple):
    """What the routes work with. `rows` is what the service keeps between requests."""

    api: Api
    engine: Engine
    credentials: Credentials
    unchanged: Unchanged
    rows: Any = None
    queue: Asked | None = None
    # Asks registries for artifacts, where that is wanted.
    live: Live | None = None
    registry_check: str = THROW

    def call(
        self, caller: Caller, ids: dict[str, str], options: dict[str, Any], body: Any = None
    ) -> Call:
        """One call of an endpoint here."""
        vault, mode = self.engine.vault, self.registry_check
        return Call(caller, ids, options, body, vault, self.rows, mode)


def routes(context: Context, endpoints: Iterable[Endpoint]) -> tuple[Route, ...]:
    """Every endpoint, by path."""
    ordered = sorted(endpoints, key=lambda e: e.path)
    return tuple(
        _route(context, path, list(found)) for path, found in groupby(ordered, lambda e: e.path)
    )


def _route(context: Context, path: str, found: list[Endpoint]) -> Route:
    resource = Methods((e.method, _handler(context, e)) for e in found)
    operation = context.api.operation
    return Route(path, resource, found[0].summary, {e.method: operation(e) for e in found})


class Methods:
    """A resource with these handlers."""

    def __init__(self, handlers: Iterable[tuple[str, Handler]]) -> None:
        for method, handler in handlers:
            setattr(self, f"on_{method}", handler)


def _handler(context: Context, endpoint: Endpoint) -> Handler:
    async def handle(req: Request, resp: Response, **names: str) -> None:
        try:
            data = await _answered(context, endpoint, req, names)
        except AicrError as e:
            raise errors.of(e) from None
        if data is None:
            resp.status = falcon.HTTP_204
        else:
            resp.content_type = falcon.MEDIA_JSON
            resp.data = data

    return handle


async def _answered(
    context: Context, endpoint: Endpoint, req: Request, names: dict[str, str]
) -> bytes | None:
    caller = await _caller(context, endpoint, req, names)
    ids = {n: v if n in _WORDS else requests.uuid(v, n) for n, v in names.items()}
    options = {name: context.api.options[name](req) for name in endpoint.options}
    if endpoint.read is not None and endpoint.body is None and not endpoint.queued:
        # What was said before is still so when nothing has changed since. What an answer depends
        # on beside the state:
        about = (*ids.values(), *options.values())
        asked = (endpoint.path, about, caller.account, caller.scopes, caller.grants)
        said = context.unchanged.get(asked)
        return said or await _said(context, endpoint, context.call(caller, ids, options), asked)
    body = None if endpoint.body is None else await requests.body(req, endpoint.body)
    call = context.call(caller, ids, options, body)
    if endpoint.queued and context.queue is not None:
        call = await _queued(context.queue, call)
    if endpoint.read is not None:
        return await context.engine.read(lambda reader: _encoded(_read(reader, endpoint, call)))
    if context.live is not None and endpoint.pulls is not None:
        pulls = endpoint.pulls
        artifacts = await context.engine.read(lambda reader: list(pulls(reader, call)))
        await context.live.check(call.account, artifacts)
    actor = caller.actor(req.context.request_id)
    answer = await context.engine.change(actor, lambda changes: _change(changes, endpoint, call))
    return _encoded(answer)


async def _queued(queue: Asked, call: Call) -> Call:
    """The same call, with what the queue says."""
    request = call.ids.get("requestId")
    if request is not None:
        return call._replace(position=await queue.position(request, call.account))
    return call._replace(loads=await queue.loads())


async def _said(context: Context, endpoint: Endpoint, call: Call, asked: Hashable) -> bytes | None:
    """The answer of a read, as it is now."""
    version = context.unchanged.version
    answer = await context.engine.read(lambda reader: _encoded(_read(reader, endpoint, call)))
    if answer is not None and len(answer) <= _MAX_KEPT:
        context.unchanged.put(asked, answer, version)
    return answer


# Larger answers are made again.
_MAX_KEPT = 16 * 1024


async def _caller(
    context: Context, endpoint: Endpoint, req: Request, names: dict[str, str]
) -> Caller:
    """Who asks; about another account with all that this account may do."""
    namespace = context.api.namespace
    caller = await guard.require(req, context.credentials, *endpoint.scopes, namespace=namespace)
    if endpoint.crosses:
        return caller._replace(account=names["ncaId"], grants=EVERYTHING)
    return caller


def _read(reader: Reader, endpoint: Endpoint, call: Call) -> Answer:
    if endpoint.crosses:
        checks.account(reader, call.account)
    return endpoint.read(reader, call) if endpoint.read else None


def _change(changes: Changes, endpoint: Endpoint, call: Call) -> Answer:
    if endpoint.crosses:
        checks.account(changes.tx, call.account)
    return endpoint.change(changes, call) if endpoint.change else None


def _encoded(answer: Answer) -> bytes | None:
    return answer if answer is None or isinstance(answer, bytes) else bodies.compact(answer)
