"""Every endpoint: the right scope, a wrong one, none; the tables of contract 8."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.http.problems import Refused
from controlplane.registries import Artifact, uses
from controlplane.state.protocol import Resource, Transaction
from tests.controlplane.services.calling import ACCOUNT, problem
from tests.controlplane.services.registries.conftest import (
    CREDENTIALS,
    DOCKER,
    NGC,
    SCOPE,
    VALUE,
    Registries,
    body,
    encoded,
    opened,
)

ANY = "00000000-0000-4000-8000-000000000000"
RECOGNIZED = "/v2/nvcf/recognized-registries"
ENDPOINTS = [
    ("GET", "registry-credentials", 200),
    ("POST", "registry-credentials", 400),
    ("GET", f"registry-credentials/{ANY}", 404),
    ("PATCH", f"registry-credentials/{ANY}", 404),
    ("DELETE", f"registry-credentials/{ANY}", 404),
    ("GET", "recognized-registries", 200),
]
SENT: dict[str, Any] = {"POST": {}, "PATCH": {"artifactTypeEnums": ["MODEL"]}}


@pytest.mark.parametrize(("method", "path", "status"), ENDPOINTS)
def test_who_may(registries: Registries, method: str, path: str, status: int) -> None:
    ours, sent = f"/v2/nvcf/{path}", SENT.get(method)
    for bearer in (registries.token(SCOPE), registries.key(SCOPE)):
        assert registries.call(method, ours, bearer, sent).status_code == status
    for bearer in (registries.token("list_functions"), registries.key("list_functions")):
        problem(registries.call(method, ours, bearer, sent), 403, "Access Denied")
    # A scope for other accounts is none for one's own.
    problem(registries.call(method, ours, registries.token(f"admin:{SCOPE}"), sent), 403)
    nobody = registries.call(method, ours, "", sent)
    assert (nobody.status_code, nobody.content) == (401, b"")
    unknown = registries.token(SCOPE, client="some-guy")
    problem(registries.call(method, ours, unknown, sent), 404, "Unknown client_id 'some-guy'")


@pytest.mark.parametrize(("method", "path", "status"), ENDPOINTS)
def test_of_any_account(registries: Registries, method: str, path: str, status: int) -> None:
    theirs, sent = f"/v2/nvcf/accounts/{ACCOUNT}/{path}", SENT.get(method)
    administrator = registries.token(f"admin:{SCOPE}")
    assert registries.call(method, theirs, administrator, sent).status_code == status
    problem(registries.call(method, theirs, registries.token(SCOPE), sent), 403)
    problem(registries.call(method, theirs, registries.key(f"admin:{SCOPE}"), sent), 403)
    assert registries.call(method, theirs, "", sent).status_code == 401
    nowhere = f"/v2/nvcf/accounts/nowhere/{path}"
    problem(registries.call(method, nowhere, administrator, sent), 404, "nowhere")


def test_recognised_registries(registries: Registries) -> None:
    found = registries.manage("GET", RECOGNIZED).json["recognizedRegistries"]
    assert list(found) == ["CONTAINER", "HELM", "MODEL", "RESOURCE"]
    for listed in found.values():
        assert [r["name"] for r in listed] == sorted(r["name"] for r in listed)
        assert all(set(r) == {"name", "hostname"} for r in listed)
    hosts = {type_: {r["hostname"] for r in listed} for type_, listed in found.items()}
    assert hosts["CONTAINER"] == {
        "docker.io", "nvcr.io", "dkr.ecr.amazonaws.com", "public.ecr.aws", "cr.volces.com",
        "azurecr.io", "samples.aicr.local",
    }  # fmt: skip
    assert hosts["HELM"] == (hosts["CONTAINER"] - {"nvcr.io"}) | {"helm.ngc.nvidia.com"}
    assert hosts["MODEL"] == hosts["RESOURCE"] == {NGC}


def test_a_credential(registries: Registries) -> None:
    sent = body(tags=["t:1"], description="d")
    found = registries.manage("POST", CREDENTIALS, sent).json["registryCredential"]
    assert list(found) == [
        "registryCredentialId", "ncaId", "registryCredentialName", "registryName",
        "registryHostname", "artifactTypes", "tags", "description", "provisionedBy", "keyType",
        "lastUpdatedAt", "createdAt",
    ]  # fmt: skip
    assert found["ncaId"] == ACCOUNT
    assert found["registryCredentialName"] == sent["secret"]["name"]
    assert found["registryName"] == "NGC Private Registry"
    assert found["provisionedBy"] == "USER"
    assert found["keyType"] == "LEGACY"
    path = f"{CREDENTIALS}/{found['registryCredentialId']}"
    assert registries.manage("GET", path).json == {"registryCredential": found}
    assert found in registries.manage("GET", CREDENTIALS).json["registryCredentials"]


def test_only_what_there_is_is_said(registries: Registries) -> None:
    found = registries.store(secret={"name": "new", "value": encoded("$oauthtoken:nvapi-123")})
    assert {"keyType", "tags", "description"}.isdisjoint(found)


CREATION: list[tuple[dict[str, Any], str]] = [
    ({"registryHostname": None}, "registryHostname"),
    ({"registryHostname": "localhost"}, "registryHostname"),
    ({"registryHostname": "a.b"}, "registryHostname"),
    ({"registryHostname": "a b.com"}, "registryHostname"),
    ({"registryHostname": "registry.example.com"}, "is not yet recognized"),
    ({"registryHostname": "nvcr.io"}, "is not yet recognized"),
    ({"secret": None}, "secret"),
    ({"secret": {"name": "x"}}, "secret.value"),
    ({"secret": {"value": VALUE}}, "secret.name"),
    ({"secret": {"name": "a b", "value": VALUE}}, "secret.name"),
    ({"secret": {"name": "x", "value": "%%%"}}, "base64"),
    ({"secret": {"name": "x", "value": encoded("userpass")}}, "base64"),
    ({"secret": {"name": "x", "value": encoded("$oauthtoken:a:b")}}, "base64"),
    ({"secret": {"name": "x", "value": encoded("$oauthtoken:")}}, "base64"),
    ({"secret": {"name": "x", "value": encoded(":pw")}}, "base64"),
    ({"secret": {"name": "x", "value": encoded("me:pw")}}, "$oauthtoken"),
    ({"secret": "x"}, "Failed to read request"),
    ({"artifactTypes": None}, "artifactTypes"),
    ({"artifactTypes": []}, "artifactTypes"),
    ({"artifactTypes": ["DISK"]}, "Failed to read request"),
    ({"artifactTypes": "MODEL"}, "Failed to read request"),
    ({"artifactTypes": ["MODEL", "CONTAINER"]}, "CONTAINER registry"),
    ({"description": "d" * 257}, "description"),
    ({"tags": ["a b"]}, "tags"),
    ({"tags": [str(i) for i in range(65)]}, "tags"),
]


@pytest.mark.parametrize(("change", "said"), CREATION)
def test_creation(registries: Registries, change: dict[str, Any], said: str) -> None:
    answer = registries.manage("POST", CREDENTIALS, body(**change))
    problem(answer, 400, said)
    assert VALUE not in answer.text


def test_types_in_any_case_and_each_once(registries: Registries) -> None:
    found = registries.store(artifactTypes=["model", "MODEL", "Resource"])
    assert found["artifactTypes"] == ["MODEL", "RESOURCE"]


def test_one_name_per_host(registries: Registries) -> None:
    wanted = body()
    assert registries.manage("POST", CREDENTIALS, wanted).status_code == 200
    problem(registries.manage("POST", CREDENTIALS, wanted), 409)
    docker = {"registryHostname": DOCKER, "artifactTypes": ["CONTAINER"]}
    assert registries.manage("POST", CREDENTIALS, {**wanted, **docker}).status_code == 200


def test_as_many_as_an_account_may_have(own: Registries) -> None:
    for _ in range(25):
        own.store()
    problem(own.manage("POST", CREDENTIALS, body()), 400, "at most 25")


def test_filters(own: Registries) -> None:
    model = own.store()["registryCredentialId"]
    image = own.store(registryHostname=DOCKER, artifactTypes=["CONTAINER", "HELM"])
    container = image["registryCredentialId"]

    def listed(**parameters: Any) -> set[str]:
        answer = own.manage("GET", CREDENTIALS, params=parameters)
        assert answer.status_code == 200, answer.text
        return {c["registryCredentialId"] for c in answer.json["registryCredentials"]}

    assert listed() == listed(artifactType="") == {model, container}
    assert listed(artifactType="model") == {model}
    assert listed(artifactType=["MODEL", "helm"]) == {model, container}
    assert listed(artifactType="RESOURCE") == set()
    assert listed(provisionedBy="user") == {model, container}
    assert listed(provisionedBy="SYSTEM") == set()
    problem(own.manage("GET", CREDENTIALS, params={"artifactType": "DISK"}), 400)
    problem(own.manage("GET", CREDENTIALS, params={"provisionedBy": "ME"}), 400)


def test_ids_are_uuids(registries: Registries) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        problem(registries.manage(method, f"{CREDENTIALS}/nope", SENT.get(method)), 400)


def test_patch(registries: Registries) -> None:
    first = registries.store()
    path = f"{CREDENTIALS}/{first['registryCredentialId']}"

    def patch(**sent: Any) -> Any:
        return registries.manage("PATCH", path, sent)

    problem(patch(), 400, "Validation failed")
    added = patch(artifactTypeEnums=["resource"])
    assert added.json["registryCredential"]["artifactTypes"] == ["MODEL", "RESOURCE"]
    kept = patch(artifactTypeEnums=["RESOURCE"])
    assert kept.json["registryCredential"]["artifactTypes"] == ["MODEL", "RESOURCE"]
    problem(patch(artifactTypeEnums=["HELM"]), 400, "is not yet recognized")
    problem(patch(secret={"name": "x", "value": "%%%"}), 400, "base64")
    other = registries.store()["registryCredentialName"]
    problem(patch(secret={"name": other, "value": VALUE}), 409)
    fresh = {"name": "renamed", "value": encoded("$oauthtoken:nvapi-1")}
    renamed = patch(secret=fresh).json["registryCredential"]
    assert renamed["registryCredentialName"] == "renamed"
    assert renamed["registryCredentialId"] == first["registryCredentialId"]
    assert "keyType" not in renamed
    # Its old name is free again.
    old = {"name": first["registryCredentialName"], "value": VALUE}
    assert registries.store(secret=old)["registryCredentialName"] == old["name"]


def test_the_end_of_a_credential(registries: Registries) -> None:
    path = f"{CREDENTIALS}/{registries.store()['registryCredentialId']}"
    answer = registries.manage("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    problem(registries.manage("DELETE", path), 404)
    problem(registries.manage("GET", path), 404)


def test_what_is_needed_stays(own: Registries) -> None:
    found = own.store(registryHostname=DOCKER, artifactTypes=["CONTAINER"],
                      secret={"name": "docker", "value": encoded("me:pw")})  # fmt: skip
    image = Artifact("CONTAINER", "docker.io/acme/echo:1")

    def use(tx: Transaction) -> None:
        made = Resource("nvcf.functions.f", "u", {}, None, {}, False, 0, tx.now, tx.now)
        tx.put(made, uses(ACCOUNT, [image]))

    own.program.engine.store.write(use)
    path = f"{CREDENTIALS}/{found['registryCredentialId']}"
    problem(own.manage("DELETE", path), 400, "nvcf.functions.f")


def test_bodies(registries: Registries) -> None:
    headers = {"Authorization": f"Bearer {registries.manager}"}
    text = {**headers, "Content-Type": "text/plain"}
    problem(registries.simulate_post(CREDENTIALS, body="x", headers=text), 415)
    malformed = {**headers, "Content-Type": "application/json"}
    answer = registries.simulate_post(CREDENTIALS, body="{", headers=malformed)
    problem(answer, 400, "Failed to read request")
    problem(registries.manage("POST", CREDENTIALS, [1]), 400, "Failed to read request")


def test_nothing_shows_a_secret(own: Registries) -> None:
    found = own.store()
    path = f"{CREDENTIALS}/{found['registryCredentialId']}"
    own.manage("PATCH", path, {"secret": {"name": "n", "value": VALUE}})
    answers = [own.manage("GET", CREDENTIALS).text, own.manage("GET", path).text]
    engine = own.program.engine
    answers += [str(engine.store.read(lambda r: r.resources()))]
    answers += [str(engine.store.read(lambda r: r.audit(0, 1000)))]
    answers += [str(engine.store.read(lambda r: r.events(0, 1000)))]
    for text in answers:
        assert VALUE not in text
        assert "not-a-real-password" not in text


class Asked:
    """In place of what asks registries: notes what it was asked, and knows one password."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    async def log_in(self, host: str, value: str, types: Any) -> None:
        self.hosts.append(host)
        if value != encoded("me:pw"):
            raise Refused(400, "not accepted")


def test_registries_are_asked_on_demand(own: Registries, monkeypatch: pytest.MonkeyPatch) -> None:
    from controlplane.program import Program

    asked = Asked()
    monkeypatch.setattr(Program, "_live", lambda _self: asked)
    live = opened(home=own.program.settings.home)
    docker = {"registryHostname": DOCKER, "artifactTypes": ["CONTAINER"]}

    def secret(login: str) -> dict[str, Any]:
        return {"secret": {"name": "live", "value": encoded(login)}}

    # What can be told without the network is told without it.
    problem(live.manage("POST", CREDENTIALS, body(**{**docker, **secret("::")})), 400, "base64")
    assert asked.hosts == []
    problem(live.manage("POST", CREDENTIALS, body(**docker, **secret("me:no"))), 400, "accepted")
    found = live.store(**docker, **secret("me:pw"))
    problem(live.manage("POST", CREDENTIALS, body(**docker, **secret("me:pw"))), 409)
    path = f"{CREDENTIALS}/{found['registryCredentialId']}"
    problem(live.manage("PATCH", path, secret("me:no")), 400, "accepted")
    assert live.manage("PATCH", path, secret("me:pw")).status_code == 200
    assert asked.hosts == [DOCKER] * 4
    live.close()
