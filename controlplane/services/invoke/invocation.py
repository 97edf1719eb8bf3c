"""One invocation, from its place in the queue to the end of its answer (contract 7.4).

wait for a place → send, once → the answer to its client, or, after the hold time, to a file
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from aicr.errors import InvalidRequest, RateLimited
from controlplane.http.delays import Delays
from controlplane.http.log import log
from controlplane.http.middleware.request_id import new
from controlplane.http.upstream import Broken, Response, Unreached, Upstream
from controlplane.queue.protocol import Load, Place, Position
from controlplane.queue.seats import Seats
from controlplane.services.invoke import answers, archives, errors, requests
from controlplane.services.invoke.archives import Archives
from controlplane.services.invoke.errors import Gone, Pairs, Refusal
from controlplane.services.invoke.exchange import SOON_SECONDS, Exchange
from controlplane.services.invoke.metrics import FunctionMetrics
from controlplane.services.invoke.results import MAX_BYTES, Head, Results, State
from controlplane.services.invoke.versions import Version
from controlplane.vault import Vault

# So long after the hold time an instance may still take a request (contract 7.4).
GRACE_SECONDS = 2
# Until the next place is asked for, when nobody listens at one.
PAUSE_SECONDS = 0.05
# Statuses of answers; what is less comes before one.
_LEAST, _MOST = 200, 599
# What stands for a client that went away, in metrics and logs.
CLIENT_GONE = 499


class Invocation(NamedTuple):
    """What goes to which version; `target` is path and query as the function gets them. It is held
    `until` a time of the loop."""

    id: str
    account: str
    version: Version
    method: str
    target: str
    headers: Pairs
    until: float
    length: bytes = b""  # of its body, when the client says it
    origin: str = ""  # of this server; when it is stated, a large answer becomes an archive there


class Said(NamedTuple):
    """The answer of a function: status, headers, and the body as it comes."""

    status: int
    headers: Pairs
    parts: AsyncIterator[bytes]


class Plane(NamedTuple):
    """What invocations work with."""

    queue: Seats
    upstream: Upstream
    results: Results
    archives: Archives
    metrics: FunctionMetrics
    soon: Delays

    async def position(self, request: str, account: str) -> Position | None:
        """Where a request of an account is; None when nobody knows it. Raises InvalidRequest when
        it neither waits nor is answered any more."""
        found = await self.queue.position(request)
        if found is not None:
            return found
        state = self.results.look(request, account)
        if state in (State.DONE, State.FAILED):
            raise InvalidRequest(f"Request id '{request}': no longer pending or in progress")
        return Position(self.results.door(request), 0) if state is State.PENDING else None

    async def loads(self) -> dict[str, Load]:
        return await self.queue.loads()

    def close(self) -> None:
        self.upstream.close()
        self.results.close()


def plane_of(queue: Seats, results: str, vault: Vault, registry: CollectorRegistry) -> Plane:
    """The plane of one worker; `results` is the directory that it shares with others."""
    archives, metrics = Archives(results, vault), FunctionMetrics(registry)
    found, soon = Results(results, new()), Delays(SOON_SECONDS)
    plane = Plane(queue, Upstream(), found, archives, metrics, soon)
    queue.settled = plane.results.settled
    queue.offered = plane.metrics.instances
    return plane


async def invoke(plane: Plane, exchange: Exchange, what: Invocation) -> None:
    """Answer. Raises Refusal for what was not answered at all, and Gone."""
    body = await exchange.small()
    meters = plane.metrics.of(what.version.function, what.version.version)
    loop = exchange.loop
    while loop.time() < what.until + GRACE_SECONDS:
        place = plane.queue.ready(what.version.door, what.id)
        if place is None:
            with meters.waiting.track_inprogress():
                place = await _place(plane, exchange, what)
        meters.run(1)
        try:
            response = await _send(plane, exchange, what, place, body)
            await _relay(plane, exchange, what, response)
            return
        except Unreached:
            # It is just going, or gone: nothing was sent, so another one may be asked.
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            meters.run(-1)
            plane.queue.give(place)
    raise errors.nobody_came()


async def _place(plane: Plane, exchange: Exchange, what: Invocation) -> Place:
    """A place, in its turn. Raises Refusal 504 and 429."""
    exchange.watch()
    try:
        async with asyncio.timeout_at(what.until + GRACE_SECONDS):
            return await plane.queue.take(what.version.door, what.id)
    except TimeoutError:
        raise errors.nobody_came() from None
    except RateLimited as e:
        raise errors.too_many_waiting(e.message) from None


async def _send(
    plane: Plane,
    exchange: Exchange,
    what: Invocation,
    place: Place,
    body: bytes | None,
) -> Response:
    """The head of the answer. From the end of the request on, its client may be told to poll; of
    one that reached nobody the deadline of those that wait is still the one. Raises Unreached."""

    def sent() -> None:
        exchange.watch()
        exchange.hold(what.until, lambda: _promise(plane, exchange, what))

    exchange.watch()
    connection = await plane.upstream.reach(place.endpoint, what.until + GRACE_SECONDS)
    if body is not None:
        sent()
    data: bytes | AsyncIterator[bytes] = exchange.parts(sent) if body is None else body
    length = [(b"content-length", what.length)] if body is None and what.length else []
    return await plane.upstream.send(
        connection, what.method, what.target, what.headers + length, data
    )


def _promise(
    plane: Plane, exchange: Exchange, what: Invocation
) -> Coroutine[Any, Any, None] | None:
    """202: the request can be polled from now on."""
    try:
        plane.results.begin(what.id, what.account, what.version.door)
    except OSError as e:
        log("error", "a result cannot be kept", requestId=what.id, error=str(e))
        return None
    return exchange.say(202, answers.marks(what.id, 202))


async def _relay(plane: Plane, exchange: Exchange, what: Invocation, response: Response) -> None:
    headers = response.headers
    kept = requests.kept(headers, dict(headers), requests.OF_ANSWERS)
    status = response.status
    if not _LEAST <= status <= _MOST:
        response.close()
        raise Broken(f"its status is {status}")
    try:
        whole = None if exchange.detached else response.at_once()
        if whole is None and what.origin and archives.may_be_one(status, kept):
            await _divert(plane, exchange, what, Said(status, kept, response.parts()))
        elif exchange.detached:
            await _keep(plane, what, Said(status, kept, response.parts()))
        elif whole is None:
            await _stream(exchange, what, Said(status, kept, response.parts()))
        else:
            await exchange.start(status, answers.marked(kept, what.id, status))
            await exchange.body(whole, more=False)
    finally:
        # Nothing when all of it was read; else the function learns that nobody listens.
        response.close()


async def _stream(exchange: Exchange, what: Invocation, said: Said) -> None:
    """The answer as it comes."""
    await exchange.start(said.status, answers.marked(said.headers, what.id, said.status))
    exchange.watch()
    async for part in said.parts:
        await exchange.body(part, more=True)
    await exchange.body(b"", more=False)


async def _divert(plane: Plane, exchange: Exchange, what: Invocation, said: Said) -> None:
    """An answer that may be large: as it is, or where it can be had. Raises Refusal when it is too
    large even for that."""
    exchange.watch()
    first, large = await archives.ahead(said.parts, archives.LARGE_BYTES)
    if large:
        await plane.archives.keep(what.id, first, said.parts)
        location = plane.archives.url(what.origin, what.id).encode("latin-1")
        said = Said(302, [(b"location", location), (b"content-length", b"0")], _parts(()))
    else:
        said = said._replace(parts=_parts(first))
    if exchange.detached:
        await _keep(plane, what, said)
    else:
        await _stream(exchange, what, said)


async def _parts(found: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in found:
        yield part


async def _keep(plane: Plane, what: Invocation, said: Said) -> None:
    """The answer as a file, for a poll. Raises Refusal when it is too large for one."""
    size = 0
    with plane.results.spool(what.id, Head(what.account, said.status, said.headers)) as f:
        async for part in said.parts:
            size += len(part)
            if size > MAX_BYTES:
                raise errors.too_large(MAX_BYTES)
            await asyncio.to_thread(f.write, part)
    plane.results.finish(what.id)
    plane.queue.settle(what.id)


async def answer(plane: Plane, exchange: Exchange, what: Invocation, more: Pairs) -> None:
    """Answer, whatever happens: with what the function says, or with one error. `more` are headers
    of errors."""
    began = time.perf_counter()
    version = what.version
    try:
        await invoke(plane, exchange, what)
        plane.metrics.answered(
            version.function, version.version, exchange.status, time.perf_counter() - began
        )
    except (Broken, OSError, Refusal) as e:
        if exchange.gone:
            plane.metrics.failed(version.function, version.version, CLIENT_GONE)
            return
        refusal = e if isinstance(e, Refusal) else errors.broken(str(e))
        plane.metrics.failed(version.function, version.version, refusal.status)
        await _fail(plane, exchange, what, refusal, more)
    except (Gone, asyncio.CancelledError):
        if exchange.overdue:
            plane.metrics.failed(version.function, version.version, errors.LATE)
            plane.results.fail(what.id)
            plane.queue.settle(what.id)
            return
        if not exchange.gone:
            await _fail(plane, exchange, what, errors.ending(), more)
            raise
        plane.metrics.failed(version.function, version.version, CLIENT_GONE)


async def _fail(
    plane: Plane, exchange: Exchange, what: Invocation, refusal: Refusal, more: Pairs
) -> None:
    """The one error that a request gets."""
    if exchange.detached:
        _keep_failure(plane, what, refusal)
    elif not exchange.started:  # else its connection is cut: that is how the client sees it
        await exchange.refuse(refusal, answers.marks(what.id, refusal.status) + more)


def _keep_failure(plane: Plane, what: Invocation, refusal: Refusal) -> None:
    """The same for a poll."""
    kind = [(b"content-type", refusal.kind)] if refusal.kind else []
    try:
        with plane.results.spool(what.id, Head(what.account, refusal.status, kind)) as f:
            f.write(refusal.body)
        plane.results.finish(what.id)
    except OSError:
        with suppress(OSError):
            plane.results.fail(what.id)
    plane.queue.settle(what.id)
