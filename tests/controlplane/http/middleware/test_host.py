from __future__ import annotations

from typing import Any

import pytest
from falcon import testing

from tests.controlplane.conftest import problem

GOOD = ["localhost", "a.example", "A.Example:8080", "10.0.0.1", "[::1]", "[::1]:80", "a-b_c", "a."]
BAD = ["", " ", "a b", "a/b", "u@h", "a:b", "a:123456", "[::1", "a,b", "-a", "a\tb", "a?b", "ä"]


def _client(own: Any, *hosts: str) -> testing.TestClient:
    """A client with exactly these Host headers; Falcon's own has one of its choice."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        if "headers" in scope:
            rest = [tuple(p) for p in scope["headers"]]
            named = [(b"host", host.encode()) for host in hosts]
            scope = {**scope, "headers": [p for p in rest if p[0] != b"host"] + named}
        await own.program.app(scope, receive, send)

    return testing.TestClient(served)


@pytest.mark.parametrize("host", GOOD)
def test_good_hosts(api: Any, host: str) -> None:
    assert _client(api, host).simulate_get("/").status_code == 200


@pytest.mark.parametrize("host", BAD)
def test_bad_hosts(api: Any, host: str) -> None:
    answer = _client(api, host).simulate_get("/v1/recipe")
    problem(answer, 400, "INVALID_REQUEST")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("hosts", [(), ("a", "a"), ("a", "b")])
def test_exactly_one(api: Any, hosts: tuple[str, ...]) -> None:
    problem(_client(api, *hosts).simulate_get("/"), 400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("a.example", 200),
        ("A.EXAMPLE:81", 200),
        ("[::1]:80", 200),
        ("b.example", 400),
        ("::1", 400),
    ],
)
def test_allowed_hosts(api_with: Any, host: str, status: int) -> None:
    own = api_with(allowed_hosts=("a.example", "[::1]"))
    assert _client(own, host).simulate_get("/").status_code == status
