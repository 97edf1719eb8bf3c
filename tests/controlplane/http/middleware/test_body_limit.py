"""413 as soon as it is known: by the length that is stated, or by what has come so far."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.controlplane.conftest import problem

PATHS = ["/v1/recipe", "/v1/query", "/v1/bundle"]


@pytest.mark.parametrize("path", PATHS)
def test_by_content_length(api_with: Any, path: str) -> None:
    answer = api_with(max_body=100).post(path, b"x" * 101, "application/json")
    body = problem(answer, 413, "REQUEST_TOO_LARGE")
    assert body["details"] == {"limit": 100}
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("path", PATHS)
def test_what_is_just_large_enough_is_read(api_with: Any, path: str) -> None:
    answer = api_with(max_body=100).post(path, b"x" * 100, "application/json")
    problem(answer, 400, "INVALID_REQUEST")


async def _stream(app: Any, path: str, headers: list[tuple[bytes, bytes]]) -> tuple[int, int]:
    """Status of an endless chunked body, and how many parts of it were asked for."""
    asked, status = 0, 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def send(event: dict[str, Any]) -> None:
        nonlocal status
        status = event.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"a"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "scheme": "http",
    }
    await app(scope, receive, send)
    return status, asked


@pytest.mark.parametrize("path", PATHS)
def test_by_what_has_come_without_reading_the_rest(api_with: Any, path: str) -> None:
    app = api_with(max_body=10_000).program.app
    status, asked = asyncio.run(_stream(app, path, [(b"transfer-encoding", b"chunked")]))
    assert status == 413
    # Falcon may drain a part or two; the stream itself never ends.
    assert 11 <= asked <= 15


@pytest.mark.parametrize("path", PATHS)
def test_a_stated_length_is_refused_before_reading(api_with: Any, path: str) -> None:
    app = api_with(max_body=10_000).program.app
    status, asked = asyncio.run(_stream(app, path, [(b"content-length", b"999999999")]))
    assert status == 413
    assert asked <= 1
