"""A request that the end of the server cuts off is told to come again, not that it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import uuid4

from controlplane.http.problems import Problem, body


class Ending:
    """An ASGI application around another."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        started = False

        # Hands on what `send` returns: to await it in a coroutine of its own would cost one more.
        def watched(message: Any) -> Awaitable[None]:
            nonlocal started
            started = True
            sent: Awaitable[None] = send(message)
            return sent

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            if not started and scope["type"] == "http":
                await _say(send)
            raise


async def _say(send: Any) -> None:
    request_id = str(uuid4())
    data = body(Problem(503, "the server is ending"), request_id)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(data)),
        (b"x-request-id", request_id.encode()),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": data})
