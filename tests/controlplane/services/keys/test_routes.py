"""Every route of the API Keys service, row by row of contracts 12 and 13, over a store."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import itertools
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from falcon.testing import ASGIConductor

from controlplane.access import roots, scopes
from controlplane.access.registry import FUNCTIONS, LEDGER, SERVICES, TASKS
from controlplane.http.problems import Refused
from tests.controlplane.installation import (
    ABSENT,
    LOCAL,
    NOON,
    POLICY,
    REMOTE,
    Api,
    Clock,
    Worker,
    request,
)

ANNA = {"owner": "anna", "service": FUNCTIONS.id}
BERT = {"owner": "bert", "service": FUNCTIONS.id}
KEYS = "/v1/keys"
TITLES = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 422: "Unprocessable Entity", 429: "Too Many Requests"}  # fmt: skip


def refused(answer: Any, status: int, detail: str, path: str = KEYS) -> None:
    """A refusal of the service, byte for byte."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    title = TITLES[status]
    kebab = title.lower().replace(" ", "-")
    assert answer.text == (
        f'{{"type":"urn:nv-boot:problem-details:{kebab}","title":"{title}","status":{status},'
        f'"detail":"{detail}","instance":"{path}"}}'
    )


def unreadable(answer: Any, path: str = KEYS) -> None:
    """What the framework refuses has no type."""
    assert answer.status_code == 400
    assert answer.text == (
        '{"title":"Bad Request","status":400,"detail":"Failed to read request",'
        f'"instance":"{path}"}}'
    )


# ---- POST /v1/keys


def test_create(keys: Api, clock: Clock) -> None:
    answer = keys.key(description="invocation key", owner="svc@nvcf-api.local")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    key_id, value = answer.json["id"], answer.json["value"]
    assert answer.text == json.dumps(
        {
            "id": key_id,
            "value": value,
            "status": "ACTIVE",
            "owner_type": "USER",
            "owner_id": "svc@nvcf-api.local",
            "issuer_service_id": FUNCTIONS.id,
            "audience_service_ids": [FUNCTIONS.id],
            "description": "invocation key",
            "created_at": "2026-03-01T12:00:00Z",
            "expires_at": "2026-03-02T12:00:00Z",
            "authorizations": {"policies": [POLICY]},
        },
        separators=(",", ":"),
    )
    assert value.startswith("nvapi-nvcf-stg-")
    assert len(value) == 15 + 64


BODIES = [
    # field, value, what is refused ("" nothing, None: the framework does)
    ("description", ABSENT, "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
    ("description", None, "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
    ("description", "", "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
    ("description", "a.b", "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
    ("description", "a:b", "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
    ("description", "ä", "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
    ("description", "a\u2003b", "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
    ("description", "a" * 65, "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
    ("description", 5, None),
    ("description", ["a"], None),
    ("description", "a" * 64, ""),
    ("description", "a", ""),
    ("description", "A z_0-9\t", ""),
    ("expires_at", ABSENT, "expires_at must be set"),
    ("expires_at", None, "expires_at must be set"),
    ("expires_at", "2026-03-01T12:00:00Z", "expires_at must be in the future"),
    ("expires_at", "2026-03-01T11:59:00Z", "expires_at must be in the future"),
    ("expires_at", "2027-03-01T12:00:00.001Z", "expires_at must be within 365 days"),
    ("expires_at", "9999-12-31T23:59:59Z", "expires_at must be within 365 days"),
    ("expires_at", "tomorrow", None),
    ("expires_at", "", None),
    ("expires_at", "2026-03-02", None),
    ("expires_at", 1800000000, None),
    ("expires_at", "2027-03-01T12:00:00Z", ""),
    ("expires_at", "2026-03-01T12:00:00.001Z", ""),
    ("expires_at", "2026-03-01T14:00:01+02:00", ""),
    ("audience_service_ids", [], "audience_service_ids must not be empty"),
    ("audience_service_ids", ["nobody"], "audience_service_ids has a service that is not allowed"),
    ("audience_service_ids", [TASKS.id], "audience_service_ids has a service that is not allowed"),
    ("audience_service_ids", [FUNCTIONS.id, "x"], "audience_service_ids has a service that is not allowed"),
    ("audience_service_ids", FUNCTIONS.id, None),
    ("audience_service_ids", [5], None),
    ("audience_service_ids", None, ""),
    ("audience_service_ids", ABSENT, ""),
    ("audience_service_ids", [FUNCTIONS.id, FUNCTIONS.id], ""),
    ("authorizations", ABSENT, "authorizations must be set"),
    ("authorizations", None, "authorizations must be set"),
    ("authorizations", "a" * 2047, "authorizations must have at most 2048 characters"),
    ("authorizations", ["ü" * 2045], "authorizations must have at most 2048 characters"),
    ("authorizations", "a" * 2046, ""),
    ("authorizations", ["ü" * 2044], ""),
    ("authorizations", {}, ""),
    ("authorizations", [], ""),
    ("authorizations", False, ""),
    ("authorizations", 0, ""),
    ("authorizations", {"a": "\u0000"}, ""),
    ("unknown", {"a": 1}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "detail"), BODIES)
def test_bodies(keys: Api, field: str, value: Any, detail: str | None) -> None:
    answer = keys.key(**{field: value})
    if detail is None:
        unreadable(answer)
    elif detail:
        refused(answer, 400, detail)
    else:
        assert answer.status_code == 200, answer.text
        assert answer.json["audience_service_ids"] == [FUNCTIONS.id]
        if field in ("description", "authorizations"):
            assert answer.json[field] == value


@pytest.mark.parametrize(
    ("text", "kind", "status"),
    [
        ("", "application/json", 400),
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("null", "application/json", 400),
        ('"x"', "application/json", 400),
        ('{"description":"a","description":"b"}', "application/json", 400),
        ('{"authorizations":NaN}', "application/json", 400),
        ('{"description":"\\ud800"}', "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        ("description: a", "application/yaml", 415),
        ("a=b", "application/x-www-form-urlencoded", 415),
        ("{}", "text/plain; charset=utf-8", 415),
    ],
)
def test_bodies_that_are_none(keys: Api, text: Any, kind: str, status: int) -> None:
    headers = {"Key-Owner-Id": "a", "Key-Issuer-Id": FUNCTIONS.id, "Content-Type": kind}
    answer = keys.simulate_post(KEYS, body=text, headers=headers)
    if status == 400:
        unreadable(answer)
    else:
        media = kind.partition(";")[0]
        assert answer.json == {
            "title": "Unsupported Media Type",
            "status": 415,
            "detail": f"Content-Type '{media}' is not supported.",
            "instance": KEYS,
        }


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "application/vnd.acme+json", ""]
)
def test_media_types_of_json(keys: Api, clock: Clock, kind: str) -> None:
    headers = {"Key-Owner-Id": "a", "Key-Issuer-Id": FUNCTIONS.id, "Content-Type": kind}
    answer = keys.simulate_post(KEYS, body=json.dumps(request(clock)), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({}, "Key-Issuer-Id is not set"),
        ({"owner": "a"}, "Key-Issuer-Id is not set"),
        ({"owner": "a", "service": " "}, "Key-Issuer-Id is not set"),
        ({"owner": "a", "service": "nobody"}, "Caller service not registered"),
        ({"service": "nobody"}, "Caller service not registered"),
        ({"service": FUNCTIONS.id}, "Key-Owner-Id is not set"),
        ({"service": FUNCTIONS.id, "owner": "  "}, "Key-Owner-Id is not set"),
        ({"service": FUNCTIONS.id, "owner": "a" * 257}, "Key-Owner-Id is malformed"),
        ({"service": FUNCTIONS.id, "owner": "a\tb"}, "Key-Owner-Id is malformed"),
        # What clients send and nobody reads says nothing.
        ({"owner": "a", "Key_Issuer_Service": FUNCTIONS.id}, "Key-Issuer-Id is not set"),
    ],
)
def test_headers(keys: Api, method: str, headers: dict[str, str], detail: str) -> None:
    body = {} if method == "POST" else None
    refused(keys.ask(method, KEYS, body, **headers), 400, detail)


def test_the_authorization_of_local_callers_is_not_read(keys: Api) -> None:
    assert keys.key(headers={"bearer": "garbage"}).status_code == 200


# ---- the order of checks


def test_the_order_of_checks(keys: Api) -> None:
    """Each fault is said only when those before it are gone: contract 12.1."""
    for n in range(8):
        keys.key(description=f"key {n}")
    wrong = {
        "description": "a.b",
        "expires_at": "2026-03-01T00:00:00Z",
        "audience_service_ids": [],
        "authorizations": None,
    }
    expected = [
        ("description", "description must be 1 to 64 letters, digits, blanks, '_' or '-'"),
        ("expires_at", "expires_at must be in the future"),
        ("audience_service_ids", "audience_service_ids must not be empty"),
    ]
    for field, detail in expected:
        refused(keys.key(**wrong), 400, detail)
        del wrong[field]
    refused(keys.key(**wrong), 400, "an owner has at most 8 keys for a service")
    refused(keys.key("bert", **wrong), 400, "authorizations must be set")


# ---- eight keys


def test_eight_keys_per_owner_and_service(keys: Api, clock: Clock) -> None:
    made = [keys.key().json["id"] for _ in range(8)]
    refused(keys.key(), 400, "an owner has at most 8 keys for a service")
    assert keys.key("bert").status_code == 200
    assert keys.key(service=TASKS.id).status_code == 200
    assert keys.ask("DELETE", f"{KEYS}/{made[0]}", **ANNA).status_code == 204
    assert keys.key().status_code == 200
    assert keys.key().status_code == 400


def test_suspended_keys_count_and_expired_ones_do_not(keys: Api, clock: Clock) -> None:
    for _ in range(8):
        keys.key(expires_at=clock.after(hours=1))
    keys.ask("PUT", "/v1/service-admin/users/anna/suspend", service=FUNCTIONS.id)
    assert keys.key().status_code == 400
    for entry in keys.ask("GET", KEYS, **ANNA).json["keys"][:7]:
        path = f"/v1/service-admin/users/anna/keys/{entry['id']}/status"
        keys.ask("PUT", path, {"status": "ACTIVE"}, service=FUNCTIONS.id)
    clock.sleep(3600)
    assert [keys.key().status_code for _ in range(8)] == [200] * 7 + [400]


def at_once(apis: list[Api], count: int, **headers: str) -> list[Any]:
    """Ask for so many keys of one owner at the same time, of all workers alike."""
    said = {"Key-Owner-Id": "anna", "Key-Issuer-Id": FUNCTIONS.id, **headers}
    body = request(apis[0].worker.clock)

    async def run() -> list[Any]:
        async with AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(ASGIConductor(api.app)) for api in apis]
            turns = itertools.islice(itertools.cycle(opened), count)
            return await asyncio.gather(
                *(o.simulate_post(KEYS, json=body, headers=said) for o in turns)
            )

    return asyncio.run(run())


def test_eight_of_two_workers_at_once(workers: Callable[[], Worker]) -> None:
    """Both count in the transaction that makes the key: nobody gets a ninth."""
    apis = [workers().api(), workers().api()]
    seen = [answer.status_code for answer in at_once(apis, 20)]
    assert sorted(seen) == [200] * 8 + [400] * 12
    assert len(apis[0].ask("GET", KEYS, **ANNA).json["keys"]) == 8
    assert apis[1].worker.engine.store.check() == []


# ---- listing, showing, deleting


def test_an_empty_list(keys: Api) -> None:
    assert keys.ask("GET", KEYS, **ANNA).text == '{"keys":[]}'


def test_masked_everywhere_but_once(keys: Api) -> None:
    made = keys.key().json
    masked = f"nvapi-nvcf-stg-**********{made['value'][-3:]}"
    shown = {**made, "value": masked}
    listed = {name: value for name, value in shown.items() if name != "authorizations"}
    answer = keys.ask("GET", KEYS, **ANNA)
    assert answer.text == json.dumps({"keys": [listed]}, separators=(",", ":"))
    answer = keys.ask("GET", f"{KEYS}/{made['id']}", **ANNA)
    assert answer.text == json.dumps(shown, separators=(",", ":"))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "who",
    [BERT, {"owner": "anna", "service": TASKS.id}, {"owner": "Anna", "service": FUNCTIONS.id}],
)
def test_nobody_elses(keys: Api, method: str, who: dict[str, str]) -> None:
    path = f"{KEYS}/{keys.key().json['id']}"
    refused(keys.ask(method, path, **who), 404, "Key not found", path)
    assert keys.ask("GET", KEYS, **who).json == {"keys": []}
    assert keys.ask("GET", path, **ANNA).status_code == 200


def test_nobody_elses_authorizations(keys: Api, clock: Clock) -> None:
    path = f"{KEYS}/{keys.key().json['id']}/authorizations"
    clock.sleep(10)
    refused(keys.ask("PUT", path, {"authorizations": 1}, **BERT), 404, "Key not found", path)


UNKNOWN = (
    "00000000-0000-0000-0000-000000000000",
    "x",
    "%00",
    "a%2Fb",
    "%C3%A4",
    "%FF",
    "*",
    "a" * 3000,
)


@pytest.mark.parametrize("key_id", UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_unknown_ids(keys: Api, method: str, key_id: str) -> None:
    answer = keys.ask(method, f"{KEYS}/{key_id}", **ANNA)
    assert (answer.status_code, answer.json["title"]) == (404, "Not Found")


def test_delete(keys: Api, worker: Worker) -> None:
    made = keys.key().json
    answer = keys.ask("DELETE", f"{KEYS}/{made['id']}", **ANNA)
    assert (answer.status_code, answer.content) == (204, b"")
    path = f"{KEYS}/{made['id']}"
    for method in ("DELETE", "GET"):
        refused(keys.ask(method, path, **ANNA), 404, "Key not found", path)
    with pytest.raises(Refused, match="Authorization failed"):
        worker.caller(made["value"])


@pytest.mark.parametrize(
    ("hours", "status", "listed"),
    [(23, "ACTIVE", True), (24, "EXPIRED", True), (24 + 47, "EXPIRED", True), (24 + 48, "", False)],
)
def test_expired_keys_are_seen_for_two_days(
    keys: Api, clock: Clock, hours: int, status: str, listed: bool
) -> None:
    keys.key()
    clock.sleep(hours * 3600)
    found = keys.ask("GET", KEYS, **ANNA).json["keys"]
    assert [entry["status"] for entry in found] == [status] * listed


def test_what_expired_long_ago_is_swept_by_the_next_key(keys: Api, clock: Clock) -> None:
    old = keys.key().json["id"]
    clock.sleep(3 * 86_400)
    keys.key()
    assert keys.ask("GET", f"{KEYS}/{old}", **ANNA).status_code == 404


# ---- authorizations


@pytest.mark.parametrize(
    ("seconds", "status"), [(0, 429), (2.999, 429), (3, 200), (3.001, 200), (60, 200)]
)
def test_three_seconds(keys: Api, clock: Clock, seconds: float, status: int) -> None:
    made = keys.key().json
    path = f"{KEYS}/{made['id']}/authorizations"
    clock.sleep(seconds)
    answer = keys.ask("PUT", path, {"authorizations": {"policies": []}}, **ANNA)
    if status == 429:
        refused(answer, 429, "Slow down.", path)
        assert answer.headers["retry-after"] == "3"
        return
    masked = f"nvapi-nvcf-stg-**********{made['value'][-3:]}"
    expected = {**made, "value": masked, "authorizations": {"policies": []}}
    assert answer.text == json.dumps(expected, separators=(",", ":"))
    refused(keys.ask("PUT", path, {"authorizations": 1}, **ANNA), 429, "Slow down.", path)
    clock.sleep(3)
    assert keys.ask("PUT", path, {"authorizations": 1}, **ANNA).status_code == 200


def test_a_refused_update_does_not_start_the_clock_again(keys: Api, clock: Clock) -> None:
    path = f"{KEYS}/{keys.key().json['id']}/authorizations"
    clock.sleep(2)
    assert keys.ask("PUT", path, {"authorizations": 1}, **ANNA).status_code == 429
    clock.sleep(1)
    assert keys.ask("PUT", path, {"authorizations": 1}, **ANNA).status_code == 200


def test_authorizations_of_keys_that_are_not_active(keys: Api, clock: Clock) -> None:
    made = keys.key(expires_at=clock.after(hours=1)).json
    path = f"{KEYS}/{made['id']}/authorizations"
    keys.ask("PUT", "/v1/service-admin/users/anna/suspend", service=FUNCTIONS.id)
    refused(keys.ask("PUT", path, {"authorizations": 1}, **ANNA), 400, "Key is not active", path)
    other = f"{KEYS}/{keys.key(expires_at=clock.after(hours=1)).json['id']}/authorizations"
    clock.sleep(3600)
    refused(keys.ask("PUT", other, {"authorizations": 1}, **ANNA), 400, "Key is not active", other)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "authorizations must be set"),
        ({"authorizations": None}, "authorizations must be set"),
        ({"authorizations": "a" * 2047}, "authorizations must have at most 2048 characters"),
    ],
)
def test_authorizations_that_are_none(keys: Api, body: Any, detail: str) -> None:
    path = f"{KEYS}/{keys.key().json['id']}/authorizations"
    refused(keys.ask("PUT", path, body, **ANNA), 400, detail, path)
    other = f"{KEYS}/unknown/authorizations"
    refused(keys.ask("PUT", other, body, **ANNA), 404, "Key not found", other)


def test_what_a_key_allows_changes_with_them(keys: Api, worker: Worker, clock: Clock) -> None:
    made = keys.key().json
    clock.sleep(3)
    policy = {**POLICY, "scopes": ["invoke_function"]}
    keys.ask(
        "PUT",
        f"{KEYS}/{made['id']}/authorizations",
        {"authorizations": {"policies": [policy]}},
        **ANNA,
    )
    assert worker.caller(made["value"]).scopes == {"invoke_function"}


# ---- services


def test_services(keys: Api) -> None:
    answer = keys.ask("GET", "/v1/services")
    assert [s["service_id"] for s in answer.json["services"]] == list(SERVICES)
    one = keys.ask("GET", f"/v1/services/{FUNCTIONS.id}")
    assert one.text == (
        '{"service_id":"nvidia-cloud-functions-ncp-service-id-aketm","service_name":"nvcf-api",'
        '"audience_service_ids":["nvidia-cloud-functions-ncp-service-id-aketm"],'
        '"max_api_keys_per_user":8,"max_api_key_ttl_days":365,"max_authz_size_chars":2048,'
        '"min_authz_update_interval_seconds":3}'
    )
    assert one.json == answer.json["services"][0]
    refused(keys.ask("GET", "/v1/services/nobody"), 404, "Service not found", "/v1/services/nobody")


@pytest.mark.parametrize("service", [FUNCTIONS, TASKS, LEDGER])
def test_each_service_has_keys(keys: Api, service: Any) -> None:
    made = keys.key(service=service.id).json
    assert made["issuer_service_id"] == service.id
    assert made["audience_service_ids"] == [service.id]


# ---- introspection


def introspect(keys: Api, key: Any, audience: Any = FUNCTIONS.id, **headers: str) -> Any:
    body = {"audience_service_id": audience, "key": key}
    return keys.ask("POST", "/v1/introspect", body, **(headers or {"service": FUNCTIONS.id}))


def test_introspection(keys: Api) -> None:
    made = keys.key().json
    answer = introspect(keys, made["value"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "max-age=360"
    assert answer.text == json.dumps(
        {
            "owner_type": "USER",
            "owner_id": "anna",
            "key_id": made["id"],
            "issuer_service_id": FUNCTIONS.id,
            "authorizations": made["authorizations"],
        },
        separators=(",", ":"),
    )


def test_introspection_of_what_does_not_count(keys: Api, clock: Clock) -> None:
    path = "/v1/introspect"
    made = keys.key().json
    value = made["value"]
    for text in ("abc", value[:-1] + ("A" if value[-1] != "A" else "B"), f"{value} "):
        refused(introspect(keys, text), 400, "Key is malformed", path)
    refused(introspect(keys, value, "nobody"), 400, "The key is not for this audience", path)
    refused(introspect(keys, value, TASKS.id), 400, "The key is not for this audience", path)
    refused(introspect(keys, keys.worker.credentials.mint.new()), 404, "Key not found.", path)
    refused(introspect(keys, "nvapi-" + "a" * 40), 404, "Key not found.", path)
    keys.ask("PUT", "/v1/service-admin/users/anna/suspend", service=FUNCTIONS.id)
    refused(introspect(keys, value), 404, "Key not found.", path)
    other = keys.key("bert").json["value"]
    clock.sleep(86_400)
    refused(introspect(keys, other), 404, "Key not found.", path)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"key": "x"}, "audience_service_id must be set"),
        ({"audience_service_id": FUNCTIONS.id}, "key must be set"),
        ({"audience_service_id": "", "key": ""}, "audience_service_id must be set"),
        ({"audience_service_id": 5, "key": "x"}, None),
        ({"audience_service_id": FUNCTIONS.id, "key": ["x"]}, None),
    ],
)
def test_introspection_of_nothing(keys: Api, body: Any, detail: str | None) -> None:
    answer = keys.ask("POST", "/v1/introspect", body, service=FUNCTIONS.id)
    if detail is None:
        unreadable(answer, "/v1/introspect")
    else:
        refused(answer, 400, detail, "/v1/introspect")


def test_introspection_asks_nobody_who_they_are(keys: Api) -> None:
    """Whoever has the key may know what it is; the vendor's own tests send no issuer."""
    value = keys.key().json["value"]
    for headers in ({"owner": "anna"}, {"service": "nobody"}, {}):
        assert introspect(keys, value, **headers).status_code == 200


# ---- evaluation


def evaluate(keys: Api, key: Any, namespace: str = "nvcf", rule: str = "apikey.allow") -> Any:
    path = f"/v1/namespaces/{namespace}/evaluations/{rule}"
    return keys.ask("POST", path, {"input": {"apiKey": key}})


def test_evaluation(keys: Api) -> None:
    other = {"aud": TASKS.id, "scopes": ["list_tasks"]}
    made = keys.key(authorizations={"policies": [other, POLICY]}).json
    answer = evaluate(keys, made["value"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.text == json.dumps(
        {
            "namespace": "nvcf",
            "rule_name": "apikey.allow",
            "result": {
                "allowed": True,
                "ncaId": "nvcf-default",
                "ownerId": "anna",
                "policy": POLICY,
            },
        },
        separators=(",", ":"),
    )
    assert evaluate(keys, made["value"], "nvct").json["result"]["policy"] == other
    assert evaluate(keys, made["value"], rule="a-b_0.allow").json["rule_name"] == "a-b_0.allow"


def test_evaluation_says_no_with_200(keys: Api, clock: Clock) -> None:
    made = keys.key().json
    no = '{"namespace":"nvcf","rule_name":"apikey.allow","result":{"allowed":false}}'
    for text in ("x", "nvapi-nvcf-stg-" + "B" * 64, keys.worker.credentials.mint.new()):
        assert evaluate(keys, text).text == no
    assert evaluate(keys, made["value"], "nvct").json["result"] == {"allowed": False}
    keys.ask("PUT", "/v1/admin/users/anna/status", {"status": "SUSPENDED"})
    assert evaluate(keys, made["value"]).text == no
    keys.ask("PUT", "/v1/admin/users/anna/status", {"status": "ACTIVE"})
    assert evaluate(keys, made["value"]).json["result"]["allowed"] is True
    clock.sleep(86_400)
    assert evaluate(keys, made["value"]).text == no


@pytest.mark.parametrize(
    ("namespace", "rule", "body", "detail"),
    [
        ("other", "apikey.allow", {"input": {"apiKey": "x"}}, "Namespace other is not configured"),
        ("NVCF", "apikey.allow", {"input": {"apiKey": "x"}}, "Namespace NVCF is not configured"),
        ("nvcf", "nope", {"input": {"apiKey": "x"}}, "nope is no rule"),
        ("nvcf", ".allow", {"input": {"apiKey": "x"}}, ".allow is no rule"),
        ("nvcf", "a.b.allow", {"input": {"apiKey": "x"}}, "a.b.allow is no rule"),
        ("nvcf", "apikey.allows", {"input": {"apiKey": "x"}}, "apikey.allows is no rule"),
        ("nvcf", "apikey.allow", {}, "input.apiKey must be set"),
        ("nvcf", "apikey.allow", {"input": None}, "input.apiKey must be set"),
        ("nvcf", "apikey.allow", {"input": {}}, "apiKey must be set"),
        ("nvcf", "apikey.allow", {"input": {"apiKey": ""}}, "apiKey must be set"),
        ("nvcf", "apikey.allow", {"input": {"apiKey": 5}}, None),
    ],
)
def test_evaluation_of_nothing(
    keys: Api, namespace: str, rule: str, body: Any, detail: str | None
) -> None:
    path = f"/v1/namespaces/{namespace}/evaluations/{rule}"
    answer = keys.ask("POST", path, body)
    if detail is None:
        unreadable(answer, path)
    else:
        refused(answer, 400, detail, path)


# ---- service-admin


USER = "/v1/service-admin/users/anna/keys"


def test_the_keys_of_a_user(keys: Api) -> None:
    made = keys.key().json
    keys.key(service=TASKS.id)
    mine = keys.ask("GET", KEYS, **ANNA)
    assert keys.ask("GET", USER, service=FUNCTIONS.id).text == mine.text
    assert len(keys.ask("GET", USER, service=TASKS.id).json["keys"]) == 1
    one = keys.ask("GET", f"{USER}/{made['id']}", service=FUNCTIONS.id)
    assert one.text == keys.ask("GET", f"{KEYS}/{made['id']}", **ANNA).text
    path = f"{USER}/{made['id']}"
    refused(keys.ask("GET", path, service=TASKS.id), 404, "Key not found", path)
    assert keys.ask("DELETE", path, service=FUNCTIONS.id).status_code == 204
    refused(keys.ask("DELETE", path, service=FUNCTIONS.id), 404, "Key not found", path)


@pytest.mark.parametrize(
    ("before", "wanted", "status"),
    [
        ("ACTIVE", "SUSPENDED", 200),
        ("SUSPENDED", "ACTIVE", 200),
        ("EXPIRED", "SUSPENDED", 200),
        ("ACTIVE", "ACTIVE", 400),
        ("SUSPENDED", "SUSPENDED", 400),
        ("EXPIRED", "ACTIVE", 400),
    ],
)
def test_transitions(keys: Api, clock: Clock, before: str, wanted: str, status: int) -> None:
    path = f"{USER}/{keys.key().json['id']}/status"

    def put(word: str) -> Any:
        return keys.ask("PUT", path, {"status": word}, service=FUNCTIONS.id)

    if before == "SUSPENDED":
        assert put("SUSPENDED").status_code == 200
    if before == "EXPIRED":
        clock.sleep(86_400)
    answer = put(wanted)
    if status == 200:
        assert answer.json["status"] == wanted
    else:
        refused(answer, 400, "Invalid status transition", path)


@pytest.mark.parametrize("status", ["EXPIRED", "active!", 5, ["ACTIVE"]])
def test_a_status_that_is_none(keys: Api, status: Any) -> None:
    path = f"{USER}/{keys.key().json['id']}/status"
    unreadable(keys.ask("PUT", path, {"status": status}, service=FUNCTIONS.id), path)


@pytest.mark.parametrize("path", ["x/status", "%00/status"])
def test_the_status_of_nothing(keys: Api, path: str) -> None:
    answer = keys.ask("PUT", f"{USER}/{path}", {"status": "SUSPENDED"}, service=FUNCTIONS.id)
    assert answer.status_code == 404
    full = f"{USER}/x/status"
    refused(keys.ask("PUT", full, {}, service=FUNCTIONS.id), 400, "status must be set", full)


def test_suspend_all_of_a_service(keys: Api, clock: Clock) -> None:
    gone = keys.key(expires_at=clock.after(seconds=1)).json["id"]
    first, second = (keys.key().json["id"] for _ in range(2))
    other = keys.key(service=TASKS.id).json["value"]
    clock.sleep(1)
    path = "/v1/service-admin/users/anna/suspend"
    answer = keys.ask("PUT", path, service=FUNCTIONS.id)
    assert {(k["id"], k["status"]) for k in answer.json["keys"]} == {
        (first, "SUSPENDED"),
        (second, "SUSPENDED"),
    }
    assert keys.ask("PUT", path, service=FUNCTIONS.id).json == {"keys": []}
    assert keys.ask("GET", f"{KEYS}/{gone}", **ANNA).json["status"] == "EXPIRED"
    assert introspect(keys, other, TASKS.id).status_code == 200


@pytest.mark.parametrize("path", [USER, f"{USER}/x", "/v1/service-admin/users/anna/suspend"])
def test_service_admin_needs_an_issuer(keys: Api, path: str) -> None:
    method = "PUT" if path.endswith("suspend") else "GET"
    refused(keys.ask(method, path), 400, "Key-Issuer-Id is not set", path)


# ---- admin


ADMIN = "/v1/admin/users/anna"


def test_lookup(keys: Api) -> None:
    made = keys.key().json
    answer = keys.ask("POST", "/v1/admin/lookup", {"key": made["value"]})
    assert answer.text == keys.ask("GET", f"{KEYS}/{made['id']}", **ANNA).text
    unknown = {"x": 400, "nvapi-\u0000": 400, "nvapi-" + "a" * 64: 404}
    for text, status in unknown.items():
        answer = keys.ask("POST", "/v1/admin/lookup", {"key": text})
        words = "Key is malformed" if status == 400 else "Key not found."
        refused(answer, status, words, "/v1/admin/lookup")
    refused(keys.ask("POST", "/v1/admin/lookup", {}), 400, "key must be set", "/v1/admin/lookup")


def test_all_keys_of_a_user(keys: Api) -> None:
    made = {keys.key(service=s.id).json["id"] for s in (FUNCTIONS, TASKS)}
    keys.key("bert")
    answer = keys.ask("GET", f"{ADMIN}/keys")
    assert {entry["id"] for entry in answer.json["keys"]} == made
    assert keys.ask("DELETE", f"{ADMIN}/keys").status_code == 204
    assert keys.ask("GET", f"{ADMIN}/keys").json == {"keys": []}
    assert keys.ask("DELETE", f"{ADMIN}/keys").status_code == 204
    assert len(keys.ask("GET", KEYS, **BERT).json["keys"]) == 1


def test_a_user(keys: Api, clock: Clock) -> None:
    refused(keys.ask("GET", ADMIN), 404, "Key owner not found", ADMIN)
    keys.key()
    assert keys.ask("GET", ADMIN).text == (
        '{"owner_type":"USER","owner_id":"anna","status":"ACTIVE",'
        '"status_updated_at":"2026-03-01T12:00:00Z"}'
    )
    clock.sleep(60)
    answer = keys.ask("PUT", f"{ADMIN}/status", {"status": "suspended"})
    assert answer.json["status"] == "SUSPENDED"
    assert answer.json["status_updated_at"] == "2026-03-01T12:01:00Z"
    refused(keys.key(), 403, "Key owner suspended.")
    refused(keys.ask("GET", KEYS, **ANNA), 403, "Key owner suspended.")
    keys.ask("PUT", f"{ADMIN}/status", {"status": "ACTIVE"})
    assert keys.key().status_code == 200


@pytest.mark.parametrize("user", UNKNOWN[1:])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "", None), ("DELETE", "/keys", None), ("PUT", "/status", {"status": "ACTIVE"})],
)
def test_users_that_nobody_knows(keys: Api, user: str, method: str, path: str, body: Any) -> None:
    answer = keys.ask(method, f"/v1/admin/users/{user}{path}", body)
    assert answer.status_code == 404


# ---- what there is not


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PATCH", KEYS, 405),
        ("PUT", f"{KEYS}/x", 405),
        ("GET", "/v1/introspect", 405),
        ("GET", "/v1/keys/x/y", 404),
        ("GET", "/v1/service-admin", 404),
        ("POST", "/v1/namespaces/nvcf", 404),
    ],
)
def test_other_paths_and_methods(keys: Api, method: str, path: str, status: int) -> None:
    answer = keys.ask(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    title = {404: "Not Found", 405: "Method Not Allowed"}[status]
    assert list(answer.json) == ["title", "status", "detail", "instance"]
    assert (answer.json["title"], answer.json["instance"]) == (title, path)


def test_a_body_that_is_too_large(keys: Api) -> None:
    headers = {"Key-Owner-Id": "a", "Key-Issuer-Id": FUNCTIONS.id}
    answer = keys.simulate_post(KEYS, body=bytes((10 << 20) + 1), headers=headers)
    assert answer.status_code == 413
    assert answer.json["title"] == "Payload Too Large"


# ---- the same request again


def again(keys: Api, name: str = "order-1", owner: str = "anna", **fields: Any) -> Any:
    return keys.key(owner, headers={"Idempotency_Key": name}, **fields)


def test_the_same_request_gets_the_same_answer(keys: Api, worker: Worker) -> None:
    first = again(keys)
    counts = worker.counts()
    second = again(keys)
    assert first.status_code == 200
    assert second.content == first.content
    assert worker.counts() == counts
    assert len(keys.ask("GET", KEYS, **ANNA).json["keys"]) == 1


def test_another_request_under_its_name(keys: Api) -> None:
    again(keys)
    answer = again(keys, description="another")
    refused(answer, 422, "Idempotency-Key was used with another request")


def test_the_same_request_after_the_key_expired(keys: Api, worker: Worker, clock: Clock) -> None:
    body = request(clock, expires_at=clock.after(hours=1))
    asked = {**ANNA, "Idempotency_Key": "order-1"}
    first = keys.ask("POST", KEYS, body, **asked)
    clock.sleep(7200)
    assert keys.ask("POST", KEYS, body, **asked).content == first.content
    clock.sleep(86_400)
    assert keys.ask("POST", KEYS, body, **asked).status_code == 400


def test_the_same_request_after_the_key_was_deleted(keys: Api, worker: Worker) -> None:
    made = again(keys).json
    keys.ask("DELETE", f"{KEYS}/{made['id']}", **ANNA)
    answer = again(keys)
    assert (answer.status_code, answer.json["title"]) == (409, "Conflict")
    assert made["value"] not in answer.text
    assert not [s for s in worker.read(lambda r: r.secrets()) if made["id"] in s.name]


def test_the_same_request_of_an_owner_who_is_suspended(keys: Api) -> None:
    again(keys)
    keys.ask("PUT", f"{ADMIN}/status", {"status": "SUSPENDED"})
    refused(again(keys), 403, "Key owner suspended.")


def test_names_belong_to_an_owner_of_a_service(keys: Api) -> None:
    made = [
        again(keys),
        again(keys, owner="bert"),
        again(keys, service=TASKS.id),
        again(keys, "order-2"),
    ]
    assert len({answer.json["id"] for answer in made}) == 4


def test_what_was_refused_is_not_remembered(keys: Api) -> None:
    assert again(keys, authorizations=None).status_code == 400
    assert again(keys).status_code == 200


@pytest.mark.parametrize("name", ["", "a b", "é", "a" * 256])
def test_names_that_are_none(keys: Api, name: str) -> None:
    refused(again(keys, name), 400, "Idempotency-Key must be 1 to 255 visible ASCII characters")


def test_twice_at_once_is_one_key(workers: Callable[[], Worker]) -> None:
    apis = [workers().api(), workers().api()]
    seen = {answer.content for answer in at_once(apis, 12, **{"Idempotency-Key": "order-1"})}
    assert len(seen) == 1
    assert len(apis[0].ask("GET", KEYS, **ANNA).json["keys"]) == 1


def test_a_remembered_answer_is_sealed(keys: Api, worker: Worker) -> None:
    value = again(keys).json["value"]
    for file in worker.home.rglob("*"):
        assert not file.is_file() or value.encode() not in file.read_bytes()


# ---- the administrator's token


MINT = "/v1/admin/keys"


def claims(answer: Any) -> Any:
    part = answer.json["value"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"a":1}', b"not json", b"\xff"])
def test_minting(keys: Api, worker: Worker, body: bytes | None) -> None:
    answer = keys.simulate_post(MINT, body=body)
    assert answer.status_code == 200
    assert list(answer.json) == ["id", "value", "status", "description", "created_at", "expires_at"]
    assert answer.json == {
        "id": claims(answer)["jti"],
        "value": answer.json["value"],
        "status": "ACTIVE",
        "description": "Admin token",
        "created_at": "2026-03-01T12:00:00Z",
        "expires_at": "2026-03-02T00:00:00Z",
    }
    found = claims(answer)
    assert (found["sub"], found["azp"], found["aud"]) == ("ncp", "ncp", ["ncp", "s:api"])
    assert found["scopes"] == list(scopes.ADMIN)
    assert found["exp"] - found["iat"] == 43_200
    assert len(answer.json["value"]) <= 2048
    assert worker.caller(answer.json["value"]).account == "nvcf-default"


LOCAL_PEERS = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("peer", LOCAL_PEERS)
def test_from_this_machine(worker: Worker, peer: str) -> None:
    assert worker.api(peer=peer).simulate_post(MINT, remote_addr=peer).status_code == 200


NOT_LOCAL = [
    {"Origin": "http://localhost:8080"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-origin"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": ""},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "localhost"},
    {"X-Real-IP": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1"},
    {"Via": "1.1 proxy"},
]


@pytest.mark.parametrize("headers", NOT_LOCAL, ids=str)
@pytest.mark.parametrize("path", [MINT, KEYS])
def test_not_for_whom_somebody_speaks_for(keys: Api, headers: dict[str, str], path: str) -> None:
    answer = keys.simulate_post(path, headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("peer", [REMOTE, "10.0.0.1", "2001:db8::1", "0.0.0.1", "localhost"])
def test_not_from_elsewhere(worker: Worker, peer: str) -> None:
    api = worker.api(peer=peer)
    for bearer in ("", "x", LOCAL, worker.credentials.tokens.issue("ncp", scopes.ADMIN).value):
        answer = api.ask("POST", MINT, bearer=bearer)
        assert (answer.status_code, answer.content) == (401, b"")


PROXY = ipaddress.ip_network("127.0.0.1/32")


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        (REMOTE, 401),
        ("127.0.0.2", 200),
        (f"127.0.0.2, {REMOTE}", 401),
        ("127.0.0.1", 401),
        ("", 401),
        ("x", 401),
    ],
)
def test_behind_a_proxy_that_is_trusted(worker: Worker, forwarded: str, status: int) -> None:
    api = worker.api(PROXY)
    assert api.simulate_post(MINT, headers={"X-Forwarded-For": forwarded}).status_code == status
    assert api.simulate_post(MINT).status_code == 401


@pytest.mark.parametrize("path", [MINT, KEYS])
def test_this_machine_is_not_trusted_where_that_is_switched_off(worker: Worker, path: str) -> None:
    assert worker.api(loopback=False).ask("POST", path, **ANNA).status_code == 401


def test_with_a_bootstrap_secret_this_machine_needs_it_too(worker: Worker, keys: Api) -> None:
    vault = worker.engine.vault
    before = keys.ask("POST", MINT).json["value"]
    secret = worker.engine.store.write(lambda tx: roots.new_bootstrap_secret(tx, vault))
    assert keys.ask("POST", MINT).status_code == 401
    assert keys.ask("GET", KEYS, **ANNA).status_code == 401
    assert keys.ask("POST", MINT, bearer=secret).status_code == 200
    for bearer in (before, LOCAL):
        assert keys.ask("GET", KEYS, bearer=bearer, **ANNA).status_code == 200


def test_with_the_bootstrap_secret(worker: Worker) -> None:
    vault = worker.engine.vault
    api = worker.api(peer=REMOTE)
    secret = worker.engine.store.write(lambda tx: roots.new_bootstrap_secret(tx, vault))
    assert api.ask("POST", MINT, bearer=secret).status_code == 200
    assert api.ask("POST", MINT, bearer=secret[:-1]).status_code == 401
    assert api.ask("GET", KEYS, bearer=secret, **ANNA).status_code == 401
    worker.engine.store.write(lambda tx: roots.new_bootstrap_secret(tx, vault))
    assert api.ask("POST", MINT, bearer=secret).status_code == 401


# ---- who may use the service from elsewhere


ROUTES = [
    ("POST", KEYS, {}),
    ("GET", KEYS, None),
    ("GET", f"{KEYS}/x", None),
    ("DELETE", f"{KEYS}/x", None),
    ("PUT", f"{KEYS}/x/authorizations", {"authorizations": 1}),
    ("GET", USER, None),
    ("GET", f"{USER}/x", None),
    ("DELETE", f"{USER}/x", None),
    ("PUT", f"{USER}/x/status", {"status": "ACTIVE"}),
    ("PUT", "/v1/service-admin/users/anna/suspend", None),
    ("POST", "/v1/admin/lookup", {}),
    ("GET", f"{ADMIN}/keys", None),
    ("DELETE", f"{ADMIN}/keys", None),
    ("GET", ADMIN, None),
    ("PUT", f"{ADMIN}/status", {"status": "ACTIVE"}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_from_elsewhere(worker: Worker, keys: Api, method: str, path: str, body: Any) -> None:
    """Only with the token of an administrator: whoever makes keys decides what they may."""
    api, issue = worker.api(peer=REMOTE), worker.credentials.tokens.issue
    key = keys.key(authorizations={"policies": [{**POLICY, "scopes": list(scopes.ADMIN)}]}).json
    expected = {
        "": 401,
        "dummy": 401,
        key["value"]: 403,
        "nvapi-" + "a" * 64: 403,
        issue("ncp", []).value: 403,
        issue("ncp", scopes.ADMIN[1:]).value: 403,
        issue("ncp", scopes.OWN).value: 403,
        issue("some-guy", scopes.ADMIN).value: 403,
    }
    for bearer, status in expected.items():
        answer = api.ask(method, path, body, bearer=bearer, **ANNA)
        assert answer.status_code == status
        assert answer.content == b"" or answer.json["type"].endswith("forbidden")
    for bearer in (issue("ncp", scopes.ADMIN).value, LOCAL):
        answer = api.ask(method, path, body, bearer=bearer, **ANNA)
        assert answer.status_code not in (401, 403, 500)


@pytest.mark.parametrize(
    "path", ["/v1/services", f"/v1/services/{TASKS.id}", "/.well-known/jwks.json"]
)
def test_what_everybody_may_know(worker: Worker, path: str) -> None:
    assert worker.api(peer=REMOTE).ask("GET", path).status_code == 200


# ---- verifying tokens


def test_where_public_keys_are(keys: Api, worker: Worker) -> None:
    found = keys.ask("GET", "/.well-known/openid-configuration").json
    assert found == {
        "issuer": "http://api.nvcf.svc.cluster.local",
        "jwks_uri": "http://falconframework.org/.well-known/jwks.json",
    }
    answers = {
        keys.ask("GET", path).text
        for path in ("/.well-known/jwks.json", "/v1/services/nvcf-api/jwt/jwks")
    }
    (text,) = answers
    (key,) = json.loads(text)["keys"]
    assert "d" not in key
    from joserfc import jwk, jwt

    token = worker.credentials.tokens.issue("ncp", ["a"]).value
    read = jwt.decode(token, jwk.KeySet.import_key_set(json.loads(text)), algorithms=["ES256"])
    assert read.claims["scopes"] == ["a"]
    assert read.header["kid"] == key["kid"]


# ---- events and audit


def test_what_is_told_of_a_key(keys: Api, worker: Worker) -> None:
    before = worker.read(lambda r: r.meta()).audit_count
    made = keys.key().json
    entries = worker.read(lambda r: r.audit(before, 10))
    address = f"access.keys.{made['id']}"
    assert [(e.actor, e.action) for e in entries] == [("local:loopback", "created")] * 2
    assert entries[1].address == address
    assert entries[1].detail["owner"] == "anna"
    assert entries[1].request_id
    keys.ask("DELETE", f"{KEYS}/{made['id']}", **ANNA)
    last = worker.read(lambda r: r.events(0, 100))[-1]
    assert (last.type, last.address) == ("deleted", address)
    assert worker.read(lambda r: r.audit(0, 100))[-1].detail == {"owner": "anna"}


def test_the_audit_says_who_it_was_and_not_whom_they_named(worker: Worker) -> None:
    remote = worker.api(peer=REMOTE)

    def by(method: str, path: str, bearer: str, **headers: str) -> tuple[str, str]:
        body = request(worker.clock) if path == KEYS else None
        assert remote.ask(method, path, body, bearer=bearer, **headers).status_code == 200
        last = worker.read(lambda r: r.audit(0, 1000))[-1]
        return last.actor, last.detail.get("owner", "")

    token = worker.credentials.tokens.issue("ncp", scopes.ADMIN).value
    assert by("POST", KEYS, token, **ANNA) == ("jwt:ncp", "anna")
    assert by("POST", KEYS, LOCAL, **BERT) == ("local:admin", "bert")
    vault = worker.engine.vault
    secret = worker.engine.store.write(lambda tx: roots.new_bootstrap_secret(tx, vault))
    assert by("POST", MINT, secret) == ("bootstrap:secret", "")


def test_a_refused_request_leaves_nothing(keys: Api, worker: Worker) -> None:
    keys.key()
    counts = worker.counts()
    keys.key(authorizations=None)
    keys.ask("DELETE", f"{KEYS}/x", **ANNA)
    keys.ask("PUT", f"{USER}/x/status", {"status": "ACTIVE"}, service=FUNCTIONS.id)
    assert worker.counts() == counts


# ---- what nobody may find


def test_canaries(
    keys: Api, worker: Worker, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    """Keys, tokens, the bootstrap secret and the installation's own: nowhere but in one answer."""
    from controlplane import planner
    from controlplane.plan.builder import state_of

    vault = worker.engine.vault
    first = again(keys)
    mine = [first.json["value"], *(keys.key().json["value"] for _ in range(3))]
    bootstrap = worker.engine.store.write(lambda tx: roots.new_bootstrap_secret(tx, vault))
    token = keys.ask("POST", MINT, bearer=bootstrap).json["value"]
    remote = worker.api(peer=REMOTE)
    said = []
    for key_id, value in ((first.json["id"], mine[0]), ("x", mine[1])):
        clock.sleep(5)
        said += [
            keys.ask(m, p.replace("/x", f"/{key_id}"), b, bearer=bearer, **ANNA)
            for m, p, b in ROUTES
            for bearer in (value, token)
            if m != "DELETE"
        ]
        said += [remote.ask("GET", KEYS, bearer=b, **ANNA) for b in (value, token, bootstrap)]
        said += [evaluate(keys, value), introspect(keys, value), introspect(keys, value[:-1])]
        said.append(keys.ask("POST", "/v1/admin/lookup", {"key": value}))
        said.append(
            keys.ask(
                "POST",
                "/v1/introspect",
                {"audience_service_id": [value], "key": value},
                service=FUNCTIONS.id,
            )
        )
        said.append(again(keys, value))
        said.append(keys.ask("GET", KEYS, owner="a", service=value))
    said = [
        answer
        for answer in said
        if "authorizations" not in answer.text or answer.json.get("value", "*" * 10).count("*")
    ]
    asyncio.run(_settle())
    told = worker.read(lambda r: repr((r.audit(0, 1000), r.events(0, 1000))))
    exported = json.dumps(planner.exported(worker.read(state_of)))
    captured = capfd.readouterr()
    places = {
        "answers": "".join(answer.text + repr(answer.headers) for answer in said),
        "audit and events": told,
        "export": exported,
        "log": captured.err + captured.out,
    }
    own = worker.roots.signing.splitlines()[1]
    canaries = [*mine, token, bootstrap, own, base64.b64encode(worker.roots.domain).decode()]
    for canary in canaries:
        for place, text in places.items():
            assert canary not in text, place
        for file in worker.home.rglob("*"):
            assert not file.is_file() or canary.encode() not in file.read_bytes(), file
    for file in worker.home.rglob("*"):
        assert not file.is_file() or worker.roots.domain not in file.read_bytes(), file
    assert len(said) > 30
    assert NOON.year == 2026


async def _settle() -> None:
    from controlplane.http import log

    log.flush()
