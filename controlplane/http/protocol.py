"""HTTP/1.x on a connection: uvicorn's, with what it lets through refused.

A message that cannot be trusted gets one 400 with a JSON body, and the connection closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controlplane.http import problems
from controlplane.http.cork import Corked
from controlplane.http.encoded import LINES

_HEADERS = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
    b"x-content-type-options: nosniff\r\nconnection: close\r\n"
)


# More than any request to any of our APIs has before its body.
MAX_HEAD_BYTES = 64 * 1024
# For a whole message, from the connection or its first byte to its last; for one that is streamed
# from one part that was waited for to the next, without the time in which nobody reads.
MESSAGE_SECONDS = 60
# Bodies below these paths are files, which have as long as the URLs that lead there are good.
FILES, FILE_SECONDS = (b"/v2/nvcf/asset-content/",), 3600


class _Flow(FlowControl):
    """Says when reading goes on."""

    def __init__(self, transport: asyncio.Transport, resumed: Callable[[], None]) -> None:
        super().__init__(transport)
        self._told = resumed

    def resume_reading(self) -> None:
        if self.read_paused:
            self._told()
        super().resume_reading()


class Protocol(HttpToolsProtocol):
    """What is raised in a callback of the parser ends in `send_400_response`."""

    _in_head = False
    _head = 0  # bytes of a message whose head is not complete
    _deadline: asyncio.TimerHandle | None = None
    _seconds: float = MESSAGE_SECONDS

    def connection_made(self, transport: Any) -> None:
        corked = Corked(transport, self.loop)
        self._extensions = {LINES: corked.add_lines}
        super().connection_made(corked)  # type: ignore[arg-type]
        self.flow = _Flow(self.transport, self._resumed)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head = self._head + len(data) if self._in_head else 0
        if self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("the head of the request is too large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]
        self._in_head = True
        self._wait()

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        # The parser stops at an upgrade, and what follows would be read as another request.
        if self.parser.should_upgrade():
            raise ValueError("upgrade")
        # A line without a version is HTTP/0.9, for which ASGI has no words (Falcon would fail).
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            raise ValueError("HTTP version")
        # Only the absolute form says a host twice, and a proxy may believe either.
        if not self.url.startswith(b"/") and not _agree(self.url, self.headers):
            raise ValueError("the target is for another host than the Host header")
        # ASGI wants text: bytes that are none would fail where nobody can answer.
        self.url.decode("ascii")
        self._in_head = False
        if self.url.startswith(FILES):
            self._wait(FILE_SECONDS)
        super().on_headers_complete()
        # Falcon waits for the first event before it looks at anything; a body that is too large
        # is to be refused before any of it has come, so the first event is an empty part.
        if any(name == b"content-length" for name, _ in self.headers):
            self.cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        if not self._is_answering():
            request_id = str(uuid4())
            body = problems.body(problems.Problem(400, msg), request_id)
            lines = f"x-request-id: {request_id}\r\ncontent-length: {len(body)}\r\n\r\n"
            self.transport.write(_HEADERS + lines.encode() + body)
        self.transport.close()

    def _is_answering(self) -> bool:
        """Whether an answer is on its way, in whose place nothing else may be said: to an earlier
        request while a head is wrong, to the same one while a body is."""
        cycle = getattr(self, "cycle", None)
        if cycle is None or cycle.response_complete:
            return False
        return self._in_head or bool(cycle.response_started)

    def _wait(self, seconds: float = 0) -> None:
        self._arrived()
        self._seconds = seconds or MESSAGE_SECONDS
        self._deadline = self.loop.call_later(self._seconds, self._overdue)

    def _overdue(self) -> None:
        if self.flow.read_paused:
            self._wait(self._seconds)  # it waits for us
        else:
            self.transport.close()

    def _resumed(self) -> None:
        """Somebody wants the next part of a body."""
        if self._deadline is not None:
            self._wait(self._seconds)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _agree(url: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the authority of an absolute URL is what the Host header says, port included."""
    scheme, found, rest = url.partition(b"://")
    authority = rest.partition(b"/")[0].partition(b"?")[0]
    hosts = [value for name, value in headers if name == b"host"]
    if not found or len(hosts) != 1 or not httptools.parse_url(url).path:
        return False
    port = {b"http": b":80", b"https": b":443"}.get(scheme.lower(), b"")
    stated, host = authority.lower(), hosts[0].lower()
    return bool(stated) and stated.removesuffix(port) == host.removesuffix(port)
