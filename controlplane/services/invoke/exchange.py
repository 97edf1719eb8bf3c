"""One client's request and its answer, as ASGI events: who went away is noticed while it waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from controlplane.http.delays import Delay, Delays
from controlplane.services.invoke.errors import Gone, Pairs, Refusal
from controlplane.services.invoke.results import KEEP_SECONDS

# What most requests take at most: for them nobody watches their client, which costs a task.
SOON_SECONDS = 0.01
# As much of a body is read before there is a place for it; the rest waits at its client.
AHEAD_BYTES = 64 * 1024

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Promise = Callable[[], Coroutine[Any, Any, None] | None]


class Exchange:
    """Used by one task of a loop: `receive` is only ever read in one place at a time. `soon` delays
    the watching of clients, of all exchanges of the loop."""

    def __init__(
        self, receive: Receive, send: Send, loop: asyncio.AbstractEventLoop, soon: Delays
    ) -> None:
        self._receive, self._send, self.loop, self._soon = receive, send, loop, soon
        self._task = asyncio.current_task(loop)
        self._ahead: deque[bytes] = deque()
        self._more = True  # of the body is to come
        self._timer: Delay | None = None
        self._minder: asyncio.Task[None] | None = None
        self._held: tuple[float, Promise] | None = None
        self._late: asyncio.TimerHandle | None = None
        self._said: asyncio.Task[None] | None = None
        self.gone = False
        self.detached = False  # it was answered already: what comes is for a poll
        self.overdue = False  # nobody can poll any more
        self.started = False
        self.status = 0

    # The body.

    async def small(self) -> bytes | None:
        """The whole body, when it is small; None when it is to be read with `parts`."""
        size = 0
        while self._more and size <= AHEAD_BYTES:
            size += len(self._took(await self._receive()))
        if self._more or size > AHEAD_BYTES:
            return None
        return b"".join(self._ahead)

    async def whole(self, limit: int) -> bytes | None:
        """The whole body; None when it is larger than a limit in bytes."""
        size = sum(map(len, self._ahead))
        while self._more and size <= limit:
            size += len(await self._next())
        return None if size > limit else b"".join(self._ahead)

    def replace(self, body: bytes) -> None:
        """The body, which has been read whole, is another one from now on."""
        self._ahead = deque([body] if body else [])

    async def parts(self, end: Callable[[], None]) -> AsyncIterator[bytes]:
        """The body as it comes, no faster than it is asked for; then `end` is called."""
        await self._unwatched()
        while self._ahead or self._more:
            if not self._ahead:
                await self._next()
            if self._ahead and (part := self._ahead.popleft()):
                yield part
        end()

    async def _next(self) -> bytes:
        """Read a part of the body ahead. Raises Gone."""
        return self._took(await self._receive())

    def _took(self, message: Any) -> bytes:
        if message["type"] == "http.disconnect":
            self.gone = True
            raise Gone
        part: bytes = message.get("body", b"")
        self._more = message.get("more_body", False)
        if part:
            self._ahead.append(part)
        return part

    # Its client.

    def watch(self) -> None:
        """From soon on, cancel this task when the client goes away."""
        if self._timer is None and self._minder is None and not self.detached:
            self._timer = self._soon.begin(self.loop, self._mind)

    def _mind(self) -> None:
        self._timer = None
        self._minder = self.loop.create_task(self._until_gone())
        self._be_late()

    async def _until_gone(self) -> None:
        """What the client sends meanwhile is kept, up to a size; beyond it nobody can tell."""
        try:
            while not self._more or sum(map(len, self._ahead)) <= AHEAD_BYTES:
                await self._next()
        except Gone:
            if self._task is not None:
                self._task.cancel()

    async def _unwatched(self) -> None:
        """Stop watching: somebody else reads."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._be_late()
        if self._minder is not None:
            minder, self._minder = self._minder, None
            minder.cancel()
            await asyncio.wait((minder,))

    def hold(self, until: float, promise: Promise) -> None:
        """Unless the answer has begun by then (a time of the loop), the client gets a promise: it
        is made at once, and what it returns says so. From then on the exchange is detached, and its
        task is cancelled when nobody can poll any more."""
        if self._held is None:
            self._held = (until, promise)
            if self._timer is None:
                self._be_late()

    def _be_late(self) -> None:
        """Most answers come before anybody minds: a timer for each of them would cost."""
        if self._held is not None and self._late is None:
            self._late = self.loop.call_at(self._held[0], self._promise, self._held[1])

    def _promise(self, promise: Promise) -> None:
        if self.started or self.gone:
            return
        said = promise()
        if said is not None:
            self.detached = True
            self._unwatch()
            self._said = self.loop.create_task(said)
            self._late = self.loop.call_later(KEEP_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """What does not answer as long as it can be polled holds its place no longer."""
        self.overdue = True
        if self._task is not None:
            self._task.cancel()

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._minder is not None:
            self._minder.cancel()

    def end(self) -> None:
        """Nobody is watched any more, and nothing promised: what is held for that points back at
        this exchange, and would stay until somebody looks for garbage."""
        self._unwatch()
        if self._late is not None:
            self._late.cancel()
        self._held = self._timer = self._late = None

    # The answer.

    # These hand on what `send` returns: to await it in coroutines of their own would cost more.

    def start(self, status: int, headers: Pairs) -> Awaitable[None]:
        self.started, self.status = True, status
        return self._send({"type": "http.response.start", "status": status, "headers": headers})

    def body(self, part: bytes, *, more: bool) -> Awaitable[None]:
        return self._send({"type": "http.response.body", "body": part, "more_body": more})

    async def say(self, status: int, headers: Pairs, body: bytes = b"") -> None:
        """A whole answer."""
        length = (b"content-length", b"%d" % len(body))
        await self.start(status, [*headers, length])
        await self.body(body, more=False)

    async def refuse(self, refusal: Refusal, headers: Pairs) -> None:
        kind = [(b"content-type", refusal.kind)] if refusal.kind else []
        await self.say(refusal.status, [*kind, *refusal.headers, *headers], refusal.body)
