"""Every route asks for its scope, of every kind of credential."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from controlplane.access.scopes import ADMIN, OWN
from tests.controlplane.routes import PLANS
from tests.controlplane.services.plans.conftest import ACCOUNTS, RESEARCH


class Call(NamedTuple):
    method: str
    path: str
    scope: str
    body: Any = None


DIGEST = f"sha256:{'0' * 64}"
BODY = {"documents": [{"name": "a", "content": ACCOUNTS}]}
CALLS = {
    ("/v1/plans", "POST"): Call("POST", "/v1/plans", "plans:read", BODY),
    ("/v1/plans/{id}", "GET"): Call("GET", f"/v1/plans/{DIGEST}", "plans:read"),
    ("/v1/plans/{id}/apply", "POST"): Call("POST", f"/v1/plans/{DIGEST}/apply", "plans:apply"),
    ("/v1/state", "GET"): Call("GET", "/v1/state", "state:read"),
    ("/v1/state", "POST"): Call("POST", "/v1/state", "plans:apply", {}),
    ("/v1/state/{address}", "GET"): Call("GET", f"/v1/state/{RESEARCH}", "state:read"),
    ("/v1/events", "GET"): Call("GET", "/v1/events?after=never", "state:read"),
    ("/v1/audit", "GET"): Call("GET", "/v1/audit", "audit:read"),
}


def test_every_route_is_here() -> None:
    assert set(CALLS) == {(path, m) for path, methods in PLANS.items() for m in methods}


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda c: f"{c.method} {c.path}")
def test_a_route(plans: Any, call: Call) -> None:
    def status(token: str) -> int:
        return int(plans.call(call.method, call.path, call.body, token).status_code)

    refused = plans.call(call.method, call.path, call.body, "")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    for bad in ("x", "a.b.c", "nvapi-" + "x" * 64, plans.token(call.scope) + "x", plans.admin[:-1]):
        assert status(bad) in (401, 403)
    assert status(plans.token()) == 403
    for scope in {*OWN, *ADMIN, f"admin:{call.scope}"} - {call.scope}:
        assert status(plans.token(scope)) == 403, scope
    unregistered = plans.call(
        call.method, call.path, call.body, plans.token(call.scope, client="nobody")
    )
    assert unregistered.status_code == 404
    assert "'nobody'" in unregistered.json["message"]
    # Now it is about what was asked for.
    expected = {
        ("/v1/plans", "POST"): 200,
        ("/v1/state", "GET"): 200,
        ("/v1/audit", "GET"): 200,
        ("/v1/state", "POST"): 400,
        ("/v1/events", "GET"): 400,
    }
    key = next(k for k, c in CALLS.items() if c is call)
    for token in (plans.token(call.scope), plans.token(*OWN), plans.admin):
        assert status(token) == expected.get(key, 404)


def test_what_a_client_may_carry_limits_its_tokens(plans: Any) -> None:
    spec = {"account": "nvcf-default", "scopes": ["state:read"]}
    plans.change(lambda c: c.create("access.clients.ci", spec))
    token = plans.token(*OWN, client="ci")
    assert plans.get("/v1/state", token).status_code == 200
    assert plans.get("/v1/audit", token).status_code == 403


def test_the_audit_names_who_applied(plans: Any) -> None:
    id_ = plans.planned()["id"]
    answer = plans.call("POST", f"/v1/plans/{id_}/apply", None, plans.token("plans:apply"))
    assert answer.status_code == 200
    last = plans.get("/v1/audit?limit=1000").json["entries"][-1]
    assert (last["action"], last["actor"]) == ("applied", "jwt:ncp")
    assert last["request_id"] == answer.headers["x-request-id"]
