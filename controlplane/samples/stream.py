"""`samples.aicr.local/stream`: server-sent events, or with `?bytes=N` so many bytes.

`?events=N` says how many events (10), `?interval_ms=N` how far apart (100), `?chunk=N` how many
bytes are sent at a time.
"""

from __future__ import annotations

import http.server
import json
import sys
import time
from urllib.parse import parse_qs, urlsplit

_HEALTH = ("/health", "/v2/health/ready")
# Sizes are whole, and bounded by nothing but patience.
_BLOCK = 64 * 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self._drop_body()
        url = urlsplit(self.path)
        try:
            asked = {name: int(values[-1]) for name, values in parse_qs(url.query).items()}
        except ValueError:
            self.send_error(400, "numbers, please")
            return
        if url.path in _HEALTH:
            self._bytes(2)
        elif "bytes" in asked:
            self._bytes(asked["bytes"], asked.get("chunk", _BLOCK))
        else:
            self._events(asked.get("events", 10), asked.get("interval_ms", 100) / 1000)

    def _drop_body(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (data := self.rfile.read(min(left, _BLOCK))):
            left -= len(data)
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass

    def _bytes(self, count: int, at_once: int = _BLOCK) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(count))
        self.end_headers()
        block = b"x" * max(at_once, 1)
        for sent in range(0, count, len(block)):
            self.wfile.write(block[: count - sent])

    def _events(self, count: int, seconds: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n in range(count):
            if n:
                time.sleep(seconds)
            self._chunk(f"id: {n}\ndata: {json.dumps({'n': n})}\n\n".encode())
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        print(format % args, flush=True)  # noqa: T201


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
