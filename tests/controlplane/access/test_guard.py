"""What a route asks of a request: scope first, then the account, then resources."""

from __future__ import annotations

import asyncio
from typing import Any

import falcon.testing
import pytest
from falcon.asgi import Request

from controlplane.access import guard, scopes
from controlplane.access.credentials import Caller
from controlplane.access.policy import EVERYTHING, NEW_FUNCTION, Grant, version
from controlplane.http.problems import Refused
from tests.controlplane.installation import LOCAL, Api, Worker


def request(authorization: str | None) -> Request:
    headers = {} if authorization is None else {"Authorization": authorization}
    asked: Any = falcon.testing.create_asgi_req(headers=headers)
    return asked  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, ""),
        ("", ""),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   abc  ", "abc"),
        ("Bearer a b", "a b"),
        ("Basic dTpw", ""),
        ("abc", ""),
        ("Bearerabc", ""),
        ("Token abc", ""),
    ],
)
def test_the_bearer_of_a_request(header: str | None, found: str) -> None:
    assert guard.bearer(request(header)) == found


def asked(worker: Worker, bearer: str, *any_of: str, namespace: str = "nvcf") -> Any:
    """The caller, or the refusal's status, words and headers."""
    try:
        wanted = guard.require(
            request(f"Bearer {bearer}"), worker.credentials, *any_of, namespace=namespace
        )
        return asyncio.run(wanted).subject
    except Refused as e:
        return e.status, e.message, e.headers


@pytest.mark.parametrize(
    ("client", "having", "wanted", "found"),
    [
        ("ncp", scopes.ADMIN, ["deploy_function"], "ncp"),
        ("ncp", scopes.ADMIN, ["invoke_function", "deploy_function"], "ncp"),
        ("ncp", scopes.ADMIN, ["invoke_function"], (403, "Access Denied", {})),
        ("ncp", [], ["invoke_function"], (403, "Access Denied", {})),
        ("ncp", ["admin:deploy_function"], ["deploy_function"], (403, "Access Denied", {})),
        ("ncp", ["deploy_function"], ["admin:deploy_function"], (403, "Access Denied", {})),
        (
            "some-guy",
            scopes.ADMIN,
            ["deploy_function"],
            (404, "Unknown client_id 'some-guy' when finding account id", {}),
        ),
        # A token that may not is not told whether its client is known.
        ("some-guy", [], ["deploy_function"], (403, "Access Denied", {})),
    ],
)
def test_tokens(worker: Worker, client: str, having: Any, wanted: list[str], found: Any) -> None:
    bearer = worker.credentials.tokens.issue(client, having).value
    assert asked(worker, bearer, *wanted) == found


def test_keys(keys: Api, worker: Worker) -> None:
    value = keys.key().json["value"]
    assert asked(worker, value, "list_functions") == "anna"
    assert asked(worker, value, "invoke_function") == (403, "Access Denied", {})
    assert asked(worker, value, "list_functions", namespace="nvct") == (
        403,
        "Authorization failed",
        {},
    )
    unknown = "nvapi-nvcf-stg-" + "A" * 64
    assert asked(worker, unknown, "list_functions") == (403, "Authorization failed", {})


def test_no_key_ever_lists_cluster_groups(keys: Api, worker: Worker) -> None:
    policy = {
        "aud": "nvidia-cloud-functions-ncp-service-id-aketm",
        "scopes": ["list_cluster_groups"],
    }
    value = keys.key(authorizations={"policies": [policy]}).json["value"]
    assert asked(worker, value, "list_cluster_groups") == (403, "Access Denied", {})


def test_the_credential_of_this_host(worker: Worker) -> None:
    assert asked(worker, LOCAL, "plans:apply") == "admin"
    assert asked(worker, LOCAL, "deploy_function") == (403, "Access Denied", {})


@pytest.mark.parametrize("bearer", ["", "dummy", "é"])
def test_nobody(worker: Worker, bearer: str) -> None:
    status, words, headers = asked(worker, bearer, "list_functions")
    assert (status, headers) == (401, {"WWW-Authenticate": "Bearer"})
    assert "Authorization: Bearer" in words


def test_resources() -> None:
    def caller(*grants: Grant) -> Caller:
        return Caller("apikey", "a", "acme", frozenset(), grants)

    guard.check(caller(*EVERYTHING), NEW_FUNCTION)
    guard.check(caller(Grant("function", "f/*")), version("f", "v"))
    for target in (NEW_FUNCTION, version("g", "v")):
        with pytest.raises(Refused, match="Access Denied") as caught:
            guard.check(caller(Grant("function", "f/*")), target)
        assert caught.value.status == 403
