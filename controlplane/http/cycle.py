"""One request and its answer, as ASGI has them: uvicorn's, with the work of every answer done once.

uvicorn's looks for faults in each name and each value of each answer by itself; the names are
always the same few, and all values of a head can be looked at together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

from controlplane.http.cork import Corked

Pairs = Iterable[tuple[bytes, bytes]]
# What no header may have in it, and the ends of lines have once each.
_CONTROLS = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection"))
_BODILESS = frozenset((204, 304))


@lru_cache(maxsize=1024)
def _name(name: bytes) -> bytes:
    """A header's name as it is written. Raises RuntimeError for what is none."""
    if HEADER_RE.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    return name.lower()


class Line(NamedTuple):
    """What all cycles of a connection have."""

    wire: Corked
    flow: FlowControl
    server: ServerState
    logger: logging.Logger


class Cycle(RequestResponseCycle):
    """What `run_asgi` of uvicorn's works with; made for each request, so what most of them never
    change is the class's."""

    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    _said_close = False

    def __init__(  # not uvicorn's, which sets what nothing here reads
        self,
        scope: Any,
        line: Line,
        on_response: Callable[[], None],
        *,
        keep_alive: bool,
        expect_100_continue: bool,
    ) -> None:
        self.scope = scope
        self.transport = self._wire = line.wire  # type: ignore[assignment]
        self.flow, self.logger = line.flow, line.logger
        self.default_headers = line.server.default_headers
        self.on_response = on_response
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expect_100_continue
        self.message_event = asyncio.Event()
        self.body = bytearray()

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if self.response_complete:
            raise RuntimeError(f"Unexpected ASGI message '{kind}', after the response's end.")
        if self.response_started:
            _expect("http.response.body", kind)
            self._part(message.get("body", b""), more=message.get("more_body", False))
        else:
            _expect("http.response.start", kind)
            self._start(message["status"], message.get("headers", ()))

    async def receive(self) -> Any:
        if self.waiting_for_100_continue and not self._wire.is_closing():
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            if not self.message_event.is_set():
                await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body = bytes(self.body)
        self.body.clear()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def _start(self, status: int, headers: Pairs) -> None:
        """The head. Raises RuntimeError for one that cannot be written."""
        self.response_started, self.waiting_for_100_continue = True, False
        content, lines = [STATUS_LINE[status]], 2
        for given, value in (*self.default_headers, *headers):
            name = _name(given)
            if name in _FRAMING:
                self._frame(name, value)
            content += (name, b": ", value, b"\r\n")
            lines += 1
        if not self.keep_alive and not self._said_close:
            content.append(b"connection: close\r\n")
            lines += 1
        if self._is_chunked_by_us(status):
            self.chunked_encoding = True
            content.append(b"transfer-encoding: chunked\r\n")
            lines += 1
        content.append(b"\r\n")
        head = b"".join(content)
        # Without its controls a head is shorter by the ends of its lines, if nothing hides in it.
        if len(head.translate(None, _CONTROLS)) + 2 * lines != len(head):
            raise RuntimeError("Invalid HTTP header value.")
        self._wire.write(head)

    def _frame(self, name: bytes, value: bytes) -> None:
        """What a header says of where the answer and the connection end."""
        if name == b"content-length":
            if self.chunked_encoding is None:
                self.expected_content_length, self.chunked_encoding = int(value), False
        elif name == b"transfer-encoding":
            if value.lower() == b"chunked":
                self.expected_content_length, self.chunked_encoding = 0, True
        elif b"close" in [word.strip() for word in value.lower().split(b",")]:
            self.keep_alive, self._said_close = False, True

    def _is_chunked_by_us(self, status: int) -> bool:
        """Whether nobody said where the body ends, and there can be one."""
        if self.chunked_encoding is not None:
            return False
        return self.scope["method"] != "HEAD" and status not in _BODILESS

    def _part(self, body: bytes, *, more: bool) -> None:
        """A part of the body. Raises RuntimeError when it is not as long as was said."""
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
        elif self.chunked_encoding:
            end = b"" if more else b"0\r\n\r\n"
            self._wire.write(b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end)
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("Response content longer than Content-Length")
            self._wire.write(body)
        if not more:
            self._finish()

    def _finish(self) -> None:
        if self.expected_content_length:
            raise RuntimeError("Response content shorter than Content-Length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self._wire.close()
        self.on_response()


def _expect(wanted: str, kind: str) -> None:
    if kind != wanted:
        raise RuntimeError(f"Expected ASGI message '{wanted}', but got '{kind}'.")
