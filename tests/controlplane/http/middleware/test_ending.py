"""Requests that are cut off by the end of the server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from controlplane.http.middleware.ending import Ending


def cut_off(*, answered: bool) -> list[Any]:
    """What is sent when a request is cancelled before, or in the midst of, its answer."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if answered:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async def play() -> None:
        task = asyncio.ensure_future(Ending(app)({"type": "http"}, None, send))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(play())
    return sent


def test_one_without_an_answer_is_told_to_come_again() -> None:
    start, end = cut_off(answered=False)
    assert start["status"] == 503
    body = json.loads(end["body"])
    assert (body["code"], body["retryable"]) == ("SERVICE_UNAVAILABLE", True)


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    assert [message["status"] for message in cut_off(answered=True)] == [200]
