"""The plane as it is mounted: an ASGI application before the one of everything else.

whom is it for → who asks → what may be invoked → the invocation, or the poll → log and metrics
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from controlplane import region
from controlplane.access import guard
from controlplane.access.credentials import Caller
from controlplane.access.guard import Knows
from controlplane.http.app import Service
from controlplane.http.log import log
from controlplane.http.loops import loop_of
from controlplane.http.metrics import Metrics
from controlplane.http.middleware import access_log
from controlplane.http.middleware.request_id import new
from controlplane.http.problems import Problem
from controlplane.services.invoke import answers, errors, invocation, polls, requests, targets
from controlplane.services.invoke.archive_routes import route
from controlplane.services.invoke.archives import Archives
from controlplane.services.invoke.errors import Gone, Pairs, Refusal
from controlplane.services.invoke.exchange import Exchange
from controlplane.services.invoke.invocation import CLIENT_GONE, Invocation, Plane
from controlplane.services.invoke.requests import Asked, Target
from controlplane.services.invoke.routes import routes
from controlplane.services.invoke.versions import Versions, limits
from controlplane.services.invoke.wrapped import Wrapper, unwrap

SCOPE = "invoke_function"
_SCOPES = (SCOPE,)
REGION = region.REGION.encode()

# Which of these assets an account does not have.
Missing = Callable[[str, Sequence[str]], Awaitable[list[str]]]


async def all_missing(_account: str, assets: Sequence[str]) -> list[str]:
    """Where there are no assets."""
    return list(assets)


class Invoking(NamedTuple):
    """What requests are answered with. `max_body` is that of wrappers: what is in them is held in
    memory; all else is streamed."""

    credentials: Knows
    versions: Versions
    plane: Plane
    metrics: Metrics
    allowed_hosts: Sequence[str] = ()
    max_body: int = 10 * 1024 * 1024
    missing: Missing = all_missing
    large: bool = False  # whether large answers become archives


def service(archives: Archives) -> Service:
    """The description of its paths, and the path of archives."""
    return Service((*routes(), route(archives)), ())


class Front:
    """Answers what is for a function, or about a request to one; everything else goes on."""

    def __init__(self, app: Any, context: Invoking) -> None:
        self._app, self._of = app, context

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            target = targets.direct(scope)
            if target is not None or targets.is_path(scope["path"]):
                await self._serve(scope, target, receive, send)
                return
        await self._app(scope, receive, send)

    async def _serve(self, scope: Any, target: Target | None, receive: Any, send: Any) -> None:
        began = time.perf_counter()
        wrapped = target is None and scope["path"].startswith(targets.PATHS[1])
        send = Wrapper(send) if wrapped else send
        exchange = Exchange(receive, send, loop_of(scope), self._of.plane.soon)
        asked = requests.asked(scope, new())
        id_ = asked.id
        self._of.metrics.begin()
        try:
            await self._answer(scope, target, asked, exchange)
        except Problem as e:
            await exchange.refuse(errors.of(e), _shared(asked))
        except Refusal as e:
            await exchange.refuse(e, _shared(asked))
        except Gone:
            pass
        except Exception as e:  # noqa: BLE001 (whatever it is, there is one answer)
            log("error", "unexpected error", requestId=id_, error=repr(e), trace=e)
            self._of.metrics.failures.inc()
            if not exchange.started:
                await exchange.refuse(errors.internal(), answers.marks(id_, 500))
        finally:
            exchange.end()
            self._note(scope, target, exchange, id_, time.perf_counter() - began)

    async def _answer(
        self, scope: Any, target: Target | None, asked: Asked, exchange: Exchange
    ) -> None:
        targets.check_host(scope, self._of.allowed_hosts)
        if target is None and asked.method == "OPTIONS":
            await exchange.say(200, _preflight(asked, scope["path"]))
            return
        caller = await self._caller(asked)
        call = targets.Call(target, by_path=False) if target else None
        call = call or targets.call(asked.method, scope["path"])
        hold = requests.hold(asked, by_path=call.by_path)
        if call.target is None:
            results = self._of.plane.results
            await polls.poll(results, exchange, call.request, caller.account, hold)
            return
        what = await self._what(scope, call, exchange.loop.time() + hold, caller, asked)
        if call.wrapped:
            what = await self._unwrapped(exchange, caller, what)
        if self._of.large and call.by_path:
            what = what._replace(origin=_origin(scope, asked))
        await invocation.answer(self._of.plane, exchange, what, _shared(asked))

    async def _caller(self, asked: Asked) -> Caller:
        """Who asks. Raises Refusal, and Problem."""
        said = asked.named.get(b"authorization")
        if said is None:
            raise errors.no_authorization()
        scheme, _, bearer = said.decode("latin-1").partition(" ")
        known = bearer.strip() if scheme.lower() == "bearer" else ""
        caller = await self._of.credentials.caller(known)
        guard.check_scopes(caller, _SCOPES)
        guard.check_account(caller)
        return caller

    async def _what(
        self, scope: Any, call: targets.Call, until: float, caller: Caller, asked: Asked
    ) -> Invocation:
        """The invocation that is asked for. Raises Refusal."""
        id_, target = asked.id, call.target or Target("")
        assets = requests.assets(asked) if call.by_path else []
        version = await self._of.versions.pick(caller, target)
        await self._check(caller, assets)
        counted = limits(version, caller)
        if counted and not await self._of.plane.queue.count(counted):
            raise errors.too_often()
        ours = [
            (b"nvcf-reqid", id_.encode()),
            *_always(version.function, version.version, caller.account),
        ]
        if assets:
            ours.append((b"nvcf-function-asset-ids", ",".join(assets).encode()))
        return Invocation(
            id_,
            caller.account,
            version,
            "POST" if call.by_path else asked.method,
            version.path if call.by_path else _target(scope),
            requests.forwarded(asked) + ours,
            until,
            asked.named.get(b"content-length", b""),
        )

    async def _check(self, caller: Caller, assets: Sequence[str]) -> None:
        missing = await self._of.missing(caller.account, assets) if assets else []
        if missing:
            raise errors.no_asset(missing[0])

    async def _unwrapped(self, exchange: Exchange, caller: Caller, what: Invocation) -> Invocation:
        """The same with what the wrapper has in it."""
        data = await exchange.whole(self._of.max_body)
        if data is None:
            raise errors.problem(413, f"the body has more than {self._of.max_body} bytes")
        inside = unwrap(data)
        await self._check(caller, inside.assets)
        exchange.replace(inside.body)
        headers = [(n, v) for n, v in what.headers if n != b"content-type"]
        headers.append((b"content-type", b"application/json"))
        if inside.assets:
            headers.append((b"nvcf-function-asset-ids", ",".join(inside.assets).encode()))
        until = what.until
        if inside.hold is not None:
            until = exchange.loop.time() + inside.hold
        length = b"%d" % len(inside.body)
        return what._replace(headers=headers, until=until, length=length)

    def _note(
        self, scope: Any, target: Target | None, exchange: Exchange, id_: str, seconds: float
    ) -> None:
        """Count it, and write its line."""
        status = exchange.status or CLIENT_GONE
        label = "direct" if target is not None else targets.label(scope["path"])
        self._of.metrics.count(scope["method"], label, status, seconds)
        access_log.note(scope, id_, status, seconds)


@lru_cache(maxsize=1024)
def _always(function: str, version: str, account: str) -> tuple[tuple[bytes, bytes], ...]:
    """What a version is told with each request of an account."""
    return (
        (b"nvcf-function-id", function.encode()),
        (b"nvcf-function-version-id", version.encode()),
        (b"nvcf-ncaid", account.encode()),
        (b"nvcf-invocation-region", REGION),
    )


def _target(scope: Any) -> str:
    """Path and query, as they came."""
    path: str = scope["raw_path"].decode("latin-1")
    query: bytes = scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


def _origin(scope: Any, asked: Asked) -> str:
    """This server, as its client knows it."""
    return f"{scope['scheme']}://{asked.named.get(b'host', b'').decode('latin-1')}"


def _shared(asked: Asked) -> Pairs:
    return answers.shared(asked.named.get(b"origin"))


def _preflight(asked: Asked, path: str) -> Pairs:
    said = asked.named
    return answers.preflight(
        said.get(b"origin", b""),
        said.get(b"access-control-request-method", b""),
        said.get(b"access-control-request-headers", b""),
        b"GET" if "/status/" in path else b"POST",
    )
