"""`samples.aicr.local/echo`: answers what it is sent, streamed, with the same content type.

A JSON body of an object with `delay_ms` is answered that much later.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

_HEALTH = (b"/health", b"/v2/health/ready")
# Bodies up to this are looked into for a delay; larger ones go back as they come.
_WHOLE = 64 * 1024
_HEAD = 64 * 1024
# What has nothing to echo finds nothing at paths other than those of health.
_EMPTY = (b"GET", b"HEAD", b"DELETE", b"OPTIONS")
_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    431: b"Request Header Fields Too Large",
}


def head(status: int, kind: bytes, length: int | None, *, close: bool) -> bytes:
    """The head of an answer; without a length it is chunked."""
    size = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    lines = [b"HTTP/1.1 %d %s" % (status, _REASONS[status]), b"Content-Type: " + kind, size]
    return b"\r\n".join([*lines, *([b"Connection: close"] if close else []), b"\r\n"])


def delay(kind: bytes, body: bytes) -> float:
    """How many seconds a body asks to wait for its answer."""
    if b"delay_ms" not in body or not kind.startswith(b"application/json"):
        return 0.0
    try:
        found = json.loads(body)
        return max(float(found["delay_ms"]), 0.0) / 1000 if isinstance(found, dict) else 0.0
    except (ValueError, TypeError, KeyError):
        return 0.0


class Echo(asyncio.Protocol):
    """One connection: requests one after the other, each with its head, body and answer."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._later: asyncio.TimerHandle | None = None
        self._paused = False
        self._begin()

    def _begin(self) -> None:
        self._in_head, self._left, self._chunked = True, 0, False
        self._kind, self._path, self._close = b"application/octet-stream", b"", False
        self._method = b""
        self._body: bytearray | None = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self._later is not None:
            self._later.cancel()

    def pause_writing(self) -> None:
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        if self._later is None:
            self._transport.resume_reading()
            self._work()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def _work(self) -> None:
        """Go as far as what came goes."""
        while not self._paused and self._later is None and not self._transport.is_closing():
            if not (self._head() if self._in_head else self._content()):
                return

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _HEAD:
                self._refuse(431)
            return False
        first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        words = first.split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            self._refuse(400)
            return False
        self._method, self._path = words[0], words[1].partition(b"?")[0]
        self._close = words[2] == b"HTTP/1.0"
        try:
            self._fields(lines)
        except ValueError:
            self._refuse(400)
            return False
        self._in_head = False
        if not self._chunked and self._left > _WHOLE and self._path not in _HEALTH:
            self._transport.write(head(200, self._kind, self._left, close=self._close))
            self._body = None
        return True

    def _fields(self, lines: list[bytes]) -> None:
        for line in lines:
            name, _, value = line.partition(b":")
            name, value = name.lower(), value.strip()
            if name == b"content-length":
                self._left = int(value)
            elif name == b"transfer-encoding":
                self._chunked = value.lower() == b"chunked"
                self._left = -1 if self._chunked else self._left
            elif name == b"content-type":
                self._kind = value
            elif name == b"connection":
                self._close = self._close or value.lower() == b"close"
            elif name == b"expect":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _content(self) -> bool:
        """Take what there is of the body."""
        if self._chunked:
            return self._chunks()
        data = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(data)
        self._take(data)
        if self._left:
            return False
        return self._end()

    def _chunks(self) -> bool:
        """Take a part of a chunk. `_left`: -1 a size comes next, -2 the end of a chunk, -3 the
        trailers."""
        if self._left <= 0:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return False
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            return self._between(line)
        data = bytes(self._buffer[: self._left])
        del self._buffer[: len(data)]
        self._left -= len(data)
        self._take(data)
        self._left = self._left or -2
        return bool(self._buffer)

    def _between(self, line: bytes) -> bool:
        if self._left == -2:
            self._left = -1
        elif self._left == -3:
            return self._end() if not line else True
        else:
            try:
                self._left = int(line.partition(b";")[0], 16) or -3
            except ValueError:
                self._refuse(400)
                return False
        return True

    def _take(self, data: bytes) -> None:
        if self._body is not None:
            self._body += data
            if len(self._body) <= _WHOLE:
                return
            self._transport.write(head(200, self._kind, None, close=self._close))
            data, self._body = bytes(self._body), None
        if not data or self._path in _HEALTH:
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def _end(self) -> bool:
        if self._body is None:
            self._sent(b"0\r\n\r\n" if self._chunked else b"")
            return True
        body = bytes(self._body)
        if self._path in _HEALTH:
            self._sent(head(200, b"text/plain", 2, close=self._close) + b"ok")
            return True
        if not body and self._method in _EMPTY:
            self._sent(head(404, b"text/plain", 0, close=self._close))
            return True
        answer = head(200, self._kind, len(body), close=self._close) + body
        seconds = delay(self._kind, body)
        if not seconds:
            self._sent(answer)
            return True
        self._later = asyncio.get_running_loop().call_later(seconds, self._answer, answer)
        return False

    def _answer(self, answer: bytes) -> None:
        self._later = None
        self._sent(answer)
        self._work()

    def _sent(self, answer: bytes) -> None:
        if answer:
            self._transport.write(answer)
        if self._close:
            self._transport.close()
        self._begin()

    def _refuse(self, status: int) -> None:
        self._transport.write(head(status, b"text/plain", 0, close=True))
        self._transport.close()


async def serve(port: int) -> None:
    """Serve until terminated."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=1024)
    print(f"listening on {port}", flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
