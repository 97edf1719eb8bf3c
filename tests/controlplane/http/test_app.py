"""Routes and methods: what is served, what is not, and how the difference is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controlplane.conftest import Api, problem
from tests.controlplane.routes import AICR

GETTABLE = [path for path, methods in AICR.items() if "GET" in methods]
WRONG = [
    (path, method)
    for path, methods in AICR.items()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    if method not in methods
]


def test_root_lists_the_routes_of_the_api(api: Api) -> None:
    body = api.simulate_get("/").json
    assert body["service"] == "aicrd"
    assert body["version"]
    assert sorted(body["routes"]) == ["/v1/bundle", "/v1/query", "/v1/recipe"]


@pytest.mark.parametrize("path", GETTABLE)
def test_get_answers(api: Api, path: str) -> None:
    answer = api.simulate_get(path)
    assert answer.status_code == 200
    assert answer.content


@pytest.mark.parametrize("path", [path for path in GETTABLE if path != "/metrics"])
def test_head_is_get_without_a_body(api: Api, path: str) -> None:
    got, head = api.simulate_get(path), api.simulate_head(path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(("path", "method"), WRONG)
def test_a_wrong_method_is_told_the_right_ones(api: Api, path: str, method: str) -> None:
    answer = api.simulate_request(method, path)
    body = problem(answer, 405, "METHOD_NOT_ALLOWED")
    assert tuple(answer.headers["allow"].split(", ")) == AICR[path]
    assert body["details"]["method"] == method
    assert body["details"].get("allowed", list(AICR[path])) == list(AICR[path])


def test_head_of_what_has_no_get(api: Api) -> None:
    answer = api.simulate_head("/v1/bundle")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.content == b""


@pytest.mark.parametrize("path", ["/v1/recipe", "/v1/bundle", "/"])
def test_options_is_no_way_around_the_methods(api: Api, path: str) -> None:
    answer = api.simulate_options(path)
    assert answer.status_code in (200, 204, 405)
    assert set(AICR[path]) <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/v1", "/v1/recipes", "/v1/recipe/", "/nothing", "/V1/recipe"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_paths(api: Api, path: str, method: str) -> None:
    body = problem(api.simulate_request(method, path), 404, "NOT_FOUND")
    assert body["details"] == {"path": path}


@pytest.mark.parametrize(
    ("path", "query", "location"),
    [
        ("//v1/recipe", "", "/v1/recipe"),
        ("//v1/recipe", "service=eks&os=ubuntu", "/v1/recipe?service=eks&os=ubuntu"),
        ("/v1//recipe", "", "/v1/recipe"),
        ("///v1///query", "a=b", "/v1/query?a=b"),
        ("//evil.example/x", "", "/evil.example/x"),
        ("//%E2%82%AC", "", "/%E2%82%AC"),
        ("//a%0d%0aX-Injected:%20b", "", "/a%0D%0AX-Injected:%20b"),
    ],
)
def test_doubled_slashes_are_redirected(api: Api, path: str, query: str, location: str) -> None:
    answer = api.simulate_get(path, query_string=query)
    assert answer.status_code == 307
    assert answer.headers["location"] == location
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("path", [*GETTABLE, "/nothing"])
def test_every_answer_says_which_api_and_is_safe_in_a_browser(api: Api, path: str) -> None:
    headers = api.simulate_get(path).headers
    assert headers["x-api-version"] == "v1"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_health(api: Api) -> None:
    answer = api.simulate_get("/health")
    assert answer.json["status"] == "healthy"
    assert answer.json["timestamp"].endswith("Z")
    assert answer.headers["cache-control"] == "no-store"


def test_ready_says_why_not(api_with: Any) -> None:
    own = api_with()
    assert own.simulate_get("/ready").json["status"] == "ready"
    own.program.lifecycle.reason = "shutting down"
    answer = own.simulate_get("/ready")
    assert answer.status_code == 503
    assert answer.json["status"] == "not_ready"
    assert answer.json["reason"] == "shutting down"


def test_a_note_leaves_the_server_ready(api_with: Any) -> None:
    own = api_with()
    own.program.lifecycle.note = "the catalog was not reloaded"
    answer = own.simulate_get("/ready")
    assert answer.status_code == 200
    assert answer.json["note"] == "the catalog was not reloaded"
