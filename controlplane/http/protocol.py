"""HTTP/1.x on a connection: uvicorn's, with what it lets through refused.

A message that cannot be trusted gets one 400 with a JSON body, and the connection closes. What
uvicorn does for each message that is the same for all of a connection is done once for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controlplane.http import problems
from controlplane.http.cork import Corked
from controlplane.http.cycle import Cycle, Line
from controlplane.http.deadline import Deadline
from controlplane.http.encoded import LINES
from controlplane.http.loops import LOOP

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
        if self.read_paused:  # most of the time it is not, and this is asked at each event
            self._told()
            super().resume_reading()

    def end(self) -> None:
        """Nobody is told any more, or kept in memory for it."""
        self._told = _nothing


class Protocol(HttpToolsProtocol):
    """What is raised in a callback of the parser ends in `send_400_response`.

    Of what uvicorn can be told, limits of concurrency and a path of the root are not looked at.
    """

    cycle: Cycle
    flow: _Flow
    _in_head = False
    _head = 0  # bytes of a message whose head is not complete
    _has_length = False
    _seconds: float = MESSAGE_SECONDS

    def connection_made(self, transport: Any) -> None:
        self._wire = Corked(transport, self.loop)
        super().connection_made(self._wire)  # type: ignore[arg-type]
        self.flow = _Flow(self.transport, self._resumed)
        self._line = Line(self._wire, self.flow, self.server_state, self.logger)
        self._of_all = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "extensions": {LINES: self._wire.add_lines, LOOP: self.loop},
        }
        self._message = Deadline(self.loop, self._overdue)
        self._pause = Deadline(self.loop, self.timeout_keep_alive_handler)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._message.end()
        self._pause.end()
        super().connection_lost(exc)
        self.flow.end()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head = self._head + len(data) if self._in_head else 0
        if self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("the head of the request is too large")

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = self._has_length = False
        self._in_head = True
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name == b"content-length":
            self._has_length = True
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        # The parser stops at an upgrade, and what follows would be read as another request.
        if self.parser.should_upgrade():
            raise ValueError("upgrade")
        version = self.parser.get_http_version()
        # A line without a version is HTTP/0.9, for which ASGI has no words (Falcon would fail).
        if version not in ("1.0", "1.1"):
            raise ValueError("HTTP version")
        # Only the absolute form says a host twice, and a proxy may believe either.
        if not self.url.startswith(b"/") and not _agree(self.url, self.headers):
            raise ValueError("the target is for another host than the Host header")
        # ASGI wants text: bytes that are none would fail where nobody can answer.
        if not self.url.isascii():
            raise ValueError("target")
        self._in_head = False
        if self.url.startswith(FILES):
            self._wait(FILE_SECONDS)
        self._begin(version)
        # Falcon waits for the first event before it looks at anything; a body that is too large
        # is to be refused before any of it has come, so the first event is an empty part.
        if self._has_length:
            self.cycle.message_event.set()

    def _begin(self, version: str) -> None:
        """There is a request: it is answered now, or after those before it."""
        before: Cycle | None = self.cycle
        self.cycle = cycle = Cycle(
            self._scope(version),
            self._line,
            self.on_response_complete,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            expect_100_continue=self.expect_100_continue,
        )
        if before is None or before.response_complete:
            self._answer(cycle)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _scope(self, version: str) -> dict[str, Any]:
        url = httptools.parse_url(self.url)
        raw = url.path
        path = raw.decode("ascii")
        scope = {
            **self._of_all,
            "headers": self.headers,
            "state": self.app_state.copy(),
            "method": self.parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw,
            "query_string": url.query or b"",
        }
        if version != "1.1":
            scope["http_version"] = version
        return scope

    def _answer(self, cycle: Cycle) -> None:
        task = self.loop.create_task(cycle.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._message.clear()
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._wire.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, _ = self.pipeline.pop()
            self._answer(cycle)  # type: ignore[arg-type]
        else:
            self._pause.set(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self._pause.clear()

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
        self._seconds = seconds or MESSAGE_SECONDS
        self._message.set(self._seconds)

    def _overdue(self) -> None:
        if self.flow.read_paused:
            self._wait(self._seconds)  # it waits for us
        else:
            self.transport.close()

    def _resumed(self) -> None:
        """Somebody wants the next part of a body."""
        if self._message.is_set:
            self._wait(self._seconds)


def _nothing() -> None:
    """Nobody wants to know."""


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
