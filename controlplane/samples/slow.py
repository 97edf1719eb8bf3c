"""`samples.aicr.local/slow`: takes a while to be well (`--warm-up S`) and to answer (`--answer S`).

It says how far it is in NVCF-PERCENT-COMPLETE, and answers {"slept": seconds}.
"""

from __future__ import annotations

import argparse
import http.server
import json
import time

_HEALTH = ("/health", "/v2/health/ready")
_STARTED = time.monotonic()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--warm-up", type=float, default=0.0)
    parser.add_argument("--answer", type=float, default=2.0)
    return parser.parse_args()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    warm_up, answer = 0.0, 0.0

    def do_GET(self) -> None:
        if self.path in _HEALTH:
            warm = time.monotonic() - _STARTED >= self.warm_up
            self._say(200 if warm else 503, {"warm": warm})
        else:
            self._sleep(b"")

    def do_POST(self) -> None:
        self._sleep(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _sleep(self, body: bytes) -> None:
        """As long as the body's `delay_ms` says, or the command line."""
        try:
            seconds = float(json.loads(body)["delay_ms"]) / 1000
        except (ValueError, TypeError, KeyError):
            seconds = self.answer
        time.sleep(max(seconds, 0.0))
        self._say(200, {"slept": seconds})

    def _say(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("NVCF-PERCENT-COMPLETE", "100")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        print(format % args, flush=True)  # noqa: T201


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


if __name__ == "__main__":
    given = _arguments()
    Handler.warm_up, Handler.answer = given.warm_up, given.answer
    Server(("127.0.0.1", given.port), Handler).serve_forever()
