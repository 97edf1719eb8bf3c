"""Who comes in: this machine, administrators, nobody else; and what no answer and no cache keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aicr import jsonio
from controlplane.access import roots, scopes
from controlplane.access.bootstrap import CLIENT
from controlplane.access.registry import FUNCTIONS
from controlplane.state.protocol import Actor
from tests.controlplane.conftest import Api

OWNER = "somebody@nvcf-api.local"
CALLER = {"Key-Issuer-Id": FUNCTIONS.id, "Key-Owner-Id": OWNER}
ELSEWHERE = {"remote_addr": "192.0.2.7"}
TESTER = Actor("tester")


@pytest.fixture
def keys(api_with: Callable[..., Api], tmp_path: Path) -> Any:
    made = api_with(home=str(tmp_path))
    yield made
    made.program.engine.store.close()


def wish(**more: Any) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = {"aud": FUNCTIONS.id, "scopes": ["list_functions"], "resources": []}
    body = {"description": "a key", "expires_at": until, "authorizations": {"policies": [policy]}}
    return {**body, **more}


def make(keys: Api, headers: dict[str, str] | None = None, **more: Any) -> Any:
    return keys.simulate_post(
        "/v1/keys", json=wish(), headers={**CALLER, **(headers or {})}, **more
    )


def bearing(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_from_this_machine_no_credential_is_asked_for(keys: Api) -> None:
    assert make(keys).status_code == 200


@pytest.mark.parametrize(
    "sign",
    [
        {"X-Forwarded-For": "10.0.0.1"},
        {"Forwarded": "for=10.0.0.1"},
        {"X-Real-IP": "10.0.0.1"},
        {"Origin": "http://evil.example"},
    ],
)
def test_a_proxy_or_a_browser_on_this_machine_is_not_this_machine(
    keys: Api, sign: dict[str, str]
) -> None:
    for answer in (make(keys, sign), keys.simulate_post("/v1/admin/keys", headers=sign)):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.content == b""


def test_from_elsewhere_an_administrator_may(keys: Api) -> None:
    token = keys.simulate_post("/v1/admin/keys").json["value"]
    assert make(keys, bearing(token), **ELSEWHERE).status_code == 200


def test_a_token_of_less_cannot_become_a_key_of_more(keys: Api) -> None:
    token = keys.program.credentials.tokens.issue(CLIENT, ["list_functions"]).value
    assert make(keys, bearing(token), **ELSEWHERE).status_code == 403
    almost = keys.program.credentials.tokens.issue(CLIENT, scopes.ADMIN[:-1]).value
    assert make(keys, bearing(almost), **ELSEWHERE).status_code == 403


def test_a_key_makes_no_keys(keys: Api) -> None:
    value = make(keys).json["value"]
    assert make(keys, bearing(value), **ELSEWHERE).status_code == 403


def test_from_elsewhere_the_bootstrap_secret_mints(keys: Api) -> None:
    engine = keys.program.engine
    secret = engine.change_now(TESTER, lambda c: roots.new_bootstrap_secret(c.tx, engine.vault))
    token = keys.simulate_post("/v1/admin/keys", headers=bearing(secret)).json["value"]
    for wrong in ("", "x", secret[:-1], token):
        answer = keys.simulate_post("/v1/admin/keys", headers=bearing(wrong), **ELSEWHERE)
        assert answer.status_code == 401
    answer = keys.simulate_post("/v1/admin/keys", headers=bearing(secret), **ELSEWHERE)
    assert answer.status_code == 200


def test_minting_is_audited_without_the_token(keys: Api) -> None:
    minted = keys.simulate_post("/v1/admin/keys").json
    last = keys.program.engine.store.read(lambda r: r.audit(0, 1000))[-1]
    assert (last.action, last.address) == ("minted", "access.clients.ncp")
    assert last.detail["id"] == minted["id"]
    assert minted["value"] not in jsonio.compact(last.detail)


def test_nobody_on_the_way_keeps_a_key(keys: Api) -> None:
    for answer in (
        make(keys),
        keys.simulate_post("/v1/admin/keys"),
        keys.simulate_get("/v1/keys", headers=CALLER),
    ):
        assert answer.headers["cache-control"] == "no-store"


def test_the_same_request_again_gets_the_same_bytes(keys: Api) -> None:
    body = wish()
    headers = {**CALLER, "Idempotency-Key": "once"}
    first, again = (keys.simulate_post("/v1/keys", json=body, headers=headers) for _ in range(2))
    assert first.content == again.content
    other = keys.simulate_post("/v1/keys", json={**body, "description": "another"}, headers=headers)
    assert other.status_code == 422


def test_introspection_asks_for_the_key_alone(keys: Api) -> None:
    value = make(keys).json["value"]
    body = {"key": value, "audience_service_id": FUNCTIONS.id}
    answer = keys.simulate_post("/v1/introspect", json=body, **ELSEWHERE)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "max-age=360"


def test_what_was_made_up_is_malformed_and_what_is_gone_is_not_found(keys: Api) -> None:
    made = make(keys).json
    keys.simulate_delete(f"/v1/keys/{made['id']}", headers=CALLER)
    body = {"key": made["value"], "audience_service_id": FUNCTIONS.id}
    assert keys.simulate_post("/v1/introspect", json=body).status_code == 404
    body["key"] = "nvapi-nvcf-stg-" + "A" * 64
    assert keys.simulate_post("/v1/introspect", json=body).status_code == 400


def test_a_suspended_owner_sees_and_changes_nothing(keys: Api) -> None:
    made = make(keys).json
    one = f"/v1/keys/{made['id']}"
    user = f"/v1/admin/users/{OWNER}"
    suspended = keys.simulate_put(f"{user}/status", json={"status": "SUSPENDED"})
    assert suspended.json["status"] == "SUSPENDED"
    for method, path, body in (
        ("GET", "/v1/keys", None),
        ("POST", "/v1/keys", wish()),
        ("GET", one, None),
        ("DELETE", one, None),
        ("PUT", f"{one}/authorizations", {"authorizations": {}}),
    ):
        answer = keys.simulate_request(method, path, json=body, headers=CALLER)
        assert answer.status_code == 403, (method, path)
        assert answer.json["detail"] == "Key owner suspended."
    body = {"key": made["value"], "audience_service_id": FUNCTIONS.id}
    assert keys.simulate_post("/v1/introspect", json=body).status_code == 404
    keys.simulate_put(f"{user}/status", json={"status": "ACTIVE"})
    assert keys.simulate_get(one, headers=CALLER).json["status"] == "ACTIVE"


def test_all_keys_of_a_user_are_suspended_at_once(keys: Api) -> None:
    ids = sorted(make(keys).json["id"] for _ in range(2))
    answer = keys.simulate_put(f"/v1/service-admin/users/{OWNER}/suspend", json={}, headers=CALLER)
    assert sorted((key["id"], key["status"]) for key in answer.json["keys"]) == [
        (id_, "SUSPENDED") for id_ in ids
    ]


def test_a_deleted_key_counts_no_longer_at_once(keys: Api) -> None:
    import asyncio

    from controlplane.http.problems import Refused

    made = make(keys).json
    credentials = keys.program.credentials
    assert asyncio.run(credentials.caller(made["value"])).subject == OWNER
    keys.simulate_delete(f"/v1/keys/{made['id']}", headers=CALLER)
    with pytest.raises(Refused, match="Authorization failed"):
        asyncio.run(credentials.caller(made["value"]))


def test_what_runs_here_for_others_is_not_this_machine(
    api_with: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def is_instance(home: str, host: str, _port: int) -> bool:
        asked.append((home, host))
        return True

    monkeypatch.setattr("controlplane.program.is_instance", is_instance)
    api = api_with(home=str(tmp_path))
    assert make(api).status_code == 401
    assert api.simulate_post("/v1/admin/keys").status_code == 401
    assert set(asked) == {(str(tmp_path), "127.0.0.1")}
    api.program.engine.store.close()
