"""The application in this process, with the settings that a test wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon import testing

from controlplane.http import log
from controlplane.http.settings import Settings
from controlplane.program import Program, prepare

# Tests that are not about the limit never meet it.
# What tests of routes need not wait for: limits, and a runner beside each.
PLENTY: dict[str, Any] = {"rate_limit": 1_000_000, "rate_burst": 1_000_000, "runtime": "none"}


def _as_served(app: Any) -> Any:
    """The scope with lists in it, as servers give it; Falcon's client gives iterators."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        if "headers" in scope:
            scope = {**scope, "headers": [tuple(pair) for pair in scope["headers"]]}
            scope["client"] = tuple(scope.get("client") or ("127.0.0.1", 1))
        await app(scope, receive, send)

    return served


class Api(testing.TestClient):
    """A client of one program; `program` is what answers."""

    def __init__(self, **settings: Any) -> None:
        given = Settings(**{**PLENTY, **settings})
        prepare(given)
        self.program = Program(given)
        super().__init__(_as_served(self.program.app))

    def recipe(self, **parameters: str) -> Any:
        answer = self.simulate_get("/v1/recipe", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json

    def post(self, path: str, body: str | bytes | None = None, kind: str = "", **more: Any) -> Any:
        headers = {**more.pop("headers", {}), **({"Content-Type": kind} if kind else {})}
        return self.simulate_post(path, body=body, headers=headers, **more)


@pytest.fixture(scope="session")
def api(own_cache: Any) -> Api:
    return Api()


@pytest.fixture
def api_with(own_cache: Any) -> Callable[..., Api]:
    return Api


@pytest.fixture(autouse=True)
def default_level() -> Any:
    yield
    log.set_level("info")


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The body of an answer that is an error, in the shape that every error has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json
    assert body["code"] == code
    assert list(body) == [
        key
        for key in ("code", "message", "details", "requestId", "timestamp", "retryable")
        if key != "details" or "details" in body
    ]
    assert body["requestId"] == answer.headers["x-request-id"]
    assert body["retryable"] is (status in (429, 500, 503, 504))
    assert isinstance(body["message"], str)
    assert body["message"]
    return dict(body)


@pytest.fixture(autouse=True)
def _own_lines() -> Any:
    """Access lines whose loop is gone wait for nobody."""
    yield
    log._waiting.clear()
