"""HTTP/1.x on a connection: uvicorn's, with what it lets through refused.

A message that cannot be trusted gets one 400 with a JSON body, and the connection closes.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controlplane.http import problems
from controlplane.http.cork import Corked

_HEADERS = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
    b"x-content-type-options: nosniff\r\nconnection: close\r\n"
)


class Protocol(HttpToolsProtocol):
    """What is raised in a callback of the parser ends in `send_400_response`."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]

    def on_headers_complete(self) -> None:
        # A line without a version is HTTP/0.9, for which ASGI has no words (Falcon would fail).
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            raise ValueError("HTTP version")
        # Only the absolute form says a host twice, and a proxy may believe either.
        if not self.url.startswith(b"/") and not _agree(self.url, self.headers):
            raise ValueError("the target is for another host than the Host header")
        # ASGI wants text: bytes that are none would fail where nobody can answer.
        self.url.decode("ascii")
        super().on_headers_complete()
        # Falcon waits for the first event before it looks at anything; a body that is too large
        # is to be refused before any of it has come, so the first event is an empty part.
        if any(name == b"content-length" for name, _ in self.headers):
            self.cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        request_id = str(uuid4())
        body = problems.body(problems.Problem(400, msg), request_id)
        lines = f"x-request-id: {request_id}\r\ncontent-length: {len(body)}\r\n\r\n"
        self.transport.write(_HEADERS + lines.encode() + body)
        self.transport.close()


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
