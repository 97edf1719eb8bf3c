"""Requests to what runs behind this server: streamed both ways, and never sent twice.

A client of its own, on the parser that the server has too: of each invocation aiohttp's took a
third of the time (httpx's twenty times as much), and it repeats a GET that had no answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from functools import partial
from typing import cast

import httptools

Pairs = list[tuple[bytes, bytes]]
# Connections that nobody uses are closed before functions close theirs (many do after 2 s): what is
# sent to one that is just being closed fails, and must not be sent again.
IDLE_SECONDS = 1.0
CONNECT_SECONDS = 5.0
# So much of an answer waits for a slow reader; more waits where it comes from.
BUFFER_BYTES = 256 * 1024
# Longer heads of answers are none; nor is what stands between and after the parts of a body.
MAX_HEAD_BYTES = 64 * 1024
_WITH_LENGTH = frozenset(("POST", "PUT", "PATCH"))
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class Unreached(Exception):
    """Nobody listens there: nothing was sent."""


class Broken(Exception):
    """The connection ended before the answer did: what was sent may have arrived."""


class Connection(asyncio.Protocol):
    """A connection to an endpoint, with one request at a time. What is read of the answer to it
    stands in `parts` until it is taken."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.host = b"host: %b\r\n" % endpoint.encode("ascii")
        self.loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = False  # of writing
        self._full = False  # reading is paused
        self.open = True
        self._idle = True
        self._reset("GET")

    def _reset(self, method: str) -> None:
        self._no_body = method == "HEAD"
        self._early = False  # the head is one of those before the answer's
        self._head_bytes = 0
        self._readable: asyncio.Future[None] | None = None
        self.status = 0
        self.headers: Pairs = []
        self.parts: list[bytes] = []
        self._size = 0
        self.complete = False
        self.lasts = False  # may be used again
        self.fault = ""

    def begin(self, method: str) -> None:
        """There is a request from now on."""
        self._reset(method)
        self._idle = False

    # What a request does.

    def write(self, data: bytes) -> None:
        if self._transport is not None and self.open:
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until there is room for more. Raises Broken."""
        if self._paused and self.open:
            self._writable = self.loop.create_future()
            await self._writable
        if not self.open:
            raise Broken(self.fault or "the connection ended")

    async def head(self) -> None:
        """Wait for the status and the headers. Raises Broken."""
        while not self.status:
            await self._news()

    async def part(self) -> bytes:
        """What has come of the body since; empty at its end. Raises Broken."""
        while not self.parts:
            if self.complete:
                return b""
            await self._news()
        return self.taken()

    def taken(self) -> bytes:
        """What there is of the body."""
        data = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts.clear()
        self._size = 0
        if self._full and self._transport is not None and self.open:
            self._full = False
            self._transport.resume_reading()
        return data

    def _news(self) -> asyncio.Future[None]:
        """Something has come, or nothing comes any more. Raises Broken when that is so already."""
        if self.fault or not self.open:
            raise Broken(self.fault or "the connection ended")
        self._readable = self.loop.create_future()
        return self._readable

    def _tell(self) -> None:
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)

    def rest(self) -> None:
        """No request any more."""
        self._idle = True

    def cut(self) -> None:
        """The request cannot be sent whole."""
        self._fail("the request was cut off")

    def end(self) -> None:
        """Hang up, whatever is on its way."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    # What comes.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._idle:
            self.end()  # nobody has asked anything
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("it is no HTTP")
        if self._head_bytes > MAX_HEAD_BYTES and not self.complete:
            self._fail("its trailers are too large" if self.status else "its head is too large")

    def _fail(self, fault: str) -> None:
        if not self.complete:
            self.fault = self.fault or fault
        self.end()
        self._tell()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer, which says nothing of the answer (RFC 9110, 6.5.1)
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._early = True
            self.headers = []
            return
        self.lasts = self._parser.should_keep_alive() and not self._no_body
        self.status, self._head_bytes = status, 0
        # A parser that knows nothing of the request waits for a body that never comes.
        self.complete = self._no_body
        self._tell()

    def on_body(self, data: bytes) -> None:
        self._head_bytes = 0
        if self._no_body:
            return
        self.parts.append(data)
        self._size += len(data)
        if self._size > BUFFER_BYTES and not self._full and self._transport is not None:
            self._full = True
            self._transport.pause_reading()
        self._tell()

    def on_message_complete(self) -> None:
        if self._early:
            self._early = False
            return
        self.complete = True
        self._tell()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        framed = any(name in _FRAMING for name, _ in self.headers)
        if self.status and not framed and exc is None:
            self.complete = True  # its end is the end of the connection
        if not self.complete:
            self.fault = self.fault or str(exc or "it ended the connection")
        self.resume_writing()
        self._tell()


class Response:
    """An answer: its status, its headers (names in lower case), and its body as it comes."""

    def __init__(self, home: Upstream, connection: Connection) -> None:
        self._home, self._connection = home, connection
        self._sending: asyncio.Task[None] | None = None
        self.status, self.headers = connection.status, connection.headers

    def at_once(self) -> bytes | None:
        """The whole body, when all of it is there already."""
        connection = self._connection
        if not connection.complete:
            return None
        return connection.taken() if connection.parts else b""

    async def parts(self) -> AsyncIterator[bytes]:
        """The body. Raises Broken when it ends too soon."""
        while part := await self._connection.part():
            yield part

    def sends(self, task: asyncio.Task[None]) -> None:
        """The request is still being sent."""
        self._sending = task

    def close(self) -> None:
        """Nobody reads on: the connection is used again when all was read, and ends if not."""
        sent = self._sending is None or self._sending.done()
        connection = self._connection
        if connection.complete and connection.lasts and connection.open and sent:
            self._home.keep(connection)
            return
        if self._sending is not None:
            self._sending.cancel()
        connection.end()


class Upstream:
    """Connections to endpoints (host:port), kept for the next request; for one loop."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[tuple[Connection, float]]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    async def reach(self, endpoint: str, by: float) -> Connection:
        """A connection that stands by a time of the loop, for one request. Raises Unreached."""
        return self._ready(endpoint) or await self._connect(endpoint, by)

    async def send(
        self,
        connection: Connection,
        method: str,
        target: str,
        headers: Pairs,
        body: bytes | AsyncIterator[bytes],
    ) -> Response:
        """The answer, as soon as its head is there. A body that is not bytes goes out in chunks,
        unless there is a content-length. Raises Broken."""
        connection.begin(method)
        sending = None
        try:
            if isinstance(body, bytes):
                if body or method in _WITH_LENGTH:
                    headers = [*headers, (b"content-length", b"%d" % len(body))]
                connection.write(_head(connection, method, target, headers, body))
            else:
                chunked = not any(name == b"content-length" for name, _ in headers)
                if chunked:
                    headers = [*headers, (b"transfer-encoding", b"chunked")]
                connection.write(_head(connection, method, target, headers))
                sending = asyncio.create_task(_send(connection, body, chunked=chunked))
            await connection.head()
        except BaseException:
            if sending is not None:
                sending.cancel()
            connection.end()
            raise
        response = Response(self, connection)
        if sending is not None:
            response.sends(sending)
        return response

    async def _connect(self, endpoint: str, by: float) -> Connection:
        host, _, port = endpoint.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(by, loop.time() + CONNECT_SECONDS)):
                _, connection = await loop.create_connection(
                    partial(Connection, endpoint), host, int(port)
                )
        except (OSError, TimeoutError) as e:
            raise Unreached(str(e) or "nobody answers") from e
        return connection

    def _ready(self, endpoint: str) -> Connection | None:
        """A connection that can be used again: the one that was used last."""
        kept = self._kept.get(endpoint)
        while kept:
            connection, since = kept.pop()
            if connection.open and connection.loop.time() - since < IDLE_SECONDS:
                return connection
            connection.end()
        return None

    def keep(self, connection: Connection) -> None:
        """A connection whose answer was read whole."""
        connection.rest()
        loop, kept = connection.loop, self._kept.get(connection.endpoint)
        if kept is None:
            kept = self._kept[connection.endpoint] = deque()
        kept.append((connection, loop.time()))
        if self._sweeper is None:
            self._sweeper = loop.call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - IDLE_SECONDS
        for endpoint, kept in list(self._kept.items()):
            while kept and (kept[0][1] <= oldest or not kept[0][0].open):
                kept.popleft()[0].end()
            if not kept:
                del self._kept[endpoint]
        self._sweeper = loop.call_later(IDLE_SECONDS, self._sweep) if self._kept else None

    def close(self) -> None:
        """Hang up where nobody waits for an answer."""
        for kept in self._kept.values():
            for connection, _ in kept:
                connection.end()
        self._kept.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None


def _head(
    connection: Connection, method: str, target: str, headers: Pairs, body: bytes = b""
) -> bytes:
    """A request as it goes over the wire, up to its body or with it."""
    words = [f"{method} {target} HTTP/1.1\r\n".encode("ascii"), connection.host]
    for name, value in headers:
        words += (name, b": ", value, b"\r\n")
    words += (b"\r\n", body)
    return b"".join(words)


async def _send(connection: Connection, body: AsyncIterator[bytes], *, chunked: bool) -> None:
    """The body, no faster than it is taken. What cannot be sent whole ends the connection."""
    try:
        async for part in body:
            connection.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            await connection.drained()
        if chunked:
            connection.write(b"0\r\n\r\n")
    except asyncio.CancelledError:
        connection.end()
        raise
    except Exception:  # noqa: BLE001 (whoever waits for the answer learns that there will be none)
        connection.cut()
