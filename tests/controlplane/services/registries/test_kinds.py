"""Manifests and REST meet in one state; secrets are referred to, never written."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.diagnostics import InvalidDocument
from aicr.errors import Conflict, InvalidRequest
from controlplane import planner
from controlplane.artifacts import SECRET, login_of
from controlplane.plan.definition import ADOPT, CREATE, DELETE, REPLACE, UPDATE
from controlplane.plan.effects import secret_name
from controlplane.registries import Artifact
from tests.controlplane import engines
from tests.controlplane.services.calling import ACCOUNT, problem
from tests.controlplane.services.registries.conftest import (
    CREDENTIALS,
    DOCKER,
    VALUE,
    Registries,
    encoded,
)

ADDRESS = "nvcf.registryCredentials.docker"
REFERENCE = "env:DOCKER"
GOOD = {REFERENCE: encoded("me:pw")}


def wish(**more: Any) -> dict[str, Any]:
    found = {
        "registryHostname": DOCKER,
        "artifactTypes": ["CONTAINER"],
        "secret": {"name": "docker", "value": REFERENCE},
        **more,
    }
    return {ADDRESS: found}


def apply(own: Registries, specs: dict[str, Any], secrets: dict[str, str] | None = None) -> Any:
    engine, values = own.program.engine, GOOD if secrets is None else secrets
    made = engines.plan(engine, specs, values)
    engines.apply(engine, made, values)
    return made


def stages(own: Registries, specs: dict[str, Any], secrets: dict[str, str] | None = None) -> Any:
    values = GOOD if secrets is None else secrets
    return engines.stages(engines.plan(own.program.engine, specs, values))


def only(own: Registries) -> dict[str, Any]:
    (found,) = own.manage("GET", CREDENTIALS).json["registryCredentials"]
    return dict(found)


def test_a_manifest_makes_what_rest_shows(own: Registries) -> None:
    apply(own, wish(tags=["a"]))
    found = only(own)
    assert found["registryCredentialName"] == "docker"
    assert found["ncaId"] == ACCOUNT
    assert found["tags"] == ["a"]
    assert stages(own, wish(tags=["a"])) == []


def test_what_rest_made_is_adopted(own: Registries) -> None:
    sent = {**wish()[ADDRESS], "secret": {"name": "docker", "value": encoded("me:pw")}}
    assert own.manage("POST", CREDENTIALS, sent).status_code == 200
    before = only(own)
    engine = own.program.engine
    made = engines.plan(engine, wish(), GOOD)
    assert engines.stages(made) == [(ADOPT, ADDRESS)]
    # Only where the secret is said to come from is another thing, not what it is.
    assert [c.path for c in made.stages[0].changes] == ["secret.value.secret"]
    engines.apply(engine, made, GOOD)
    after = only(own)
    assert after["registryCredentialId"] == before["registryCredentialId"]
    assert stages(own, wish()) == []


def test_adoption_by_command_needs_no_manifest(own: Registries) -> None:
    sent = {**wish()[ADDRESS], "secret": {"name": "docker", "value": encoded("me:pw")}}
    own.manage("POST", CREDENTIALS, sent)
    engine = own.program.engine
    engines.apply(engine, planner.wish(engine, ADOPT, [ADDRESS]))
    found = engine.store.read(lambda r: r.get(ADDRESS))
    assert found is not None
    assert found.applied == found.spec


def test_rest_changes_what_a_plan_made(own: Registries) -> None:
    apply(own, wish())
    path = f"{CREDENTIALS}/{only(own)['registryCredentialId']}"
    assert own.manage("PATCH", path, {"artifactTypeEnums": ["HELM"]}).status_code == 200
    made = engines.plan(own.program.engine, wish(), GOOD)
    assert engines.stages(made) == [(UPDATE, ADDRESS)]
    assert made.drift[0].address == ADDRESS
    engines.apply(own.program.engine, made, GOOD)
    assert only(own)["artifactTypes"] == ["CONTAINER"]


def test_another_secret_by_rest_is_drift_and_comes_back(own: Registries) -> None:
    apply(own, wish())
    path = f"{CREDENTIALS}/{only(own)['registryCredentialId']}"
    other = {"name": "docker", "value": encoded("me:other")}
    assert own.manage("PATCH", path, {"secret": other}).status_code == 200
    assert _value(own) == encoded("me:other")
    apply(own, wish())
    assert _value(own) == encoded("me:pw")


def _value(own: Registries) -> str:
    engine = own.program.engine
    return engine.store.read(lambda r: engine.vault.get(r, secret_name(ADDRESS, SECRET)))


def test_rest_deletes_what_a_plan_made(own: Registries) -> None:
    apply(own, wish())
    path = f"{CREDENTIALS}/{only(own)['registryCredentialId']}"
    assert own.manage("DELETE", path).status_code == 204
    assert own.program.engine.store.read(lambda r: r.secret(secret_name(ADDRESS, SECRET))) is None
    assert stages(own, wish()) == [(CREATE, ADDRESS)]
    apply(own, wish())
    assert _value(own) == encoded("me:pw")


def test_protection_and_the_end(own: Registries) -> None:
    apply(own, {ADDRESS: {**wish()[ADDRESS], "$protect": True}})
    path = f"{CREDENTIALS}/{only(own)['registryCredentialId']}"
    problem_free = own.manage("DELETE", path)
    problem(problem_free, 409, "protected")
    apply(own, {ADDRESS: {**wish()[ADDRESS], "$protect": False}})
    engine = own.program.engine
    gone = planner.destroy(engine)
    assert engines.stages(gone) == [(DELETE, ADDRESS)]
    engines.apply(engine, gone)
    assert own.manage("GET", CREDENTIALS).json == {"registryCredentials": []}


def test_another_host_is_another_credential(own: Registries) -> None:
    apply(own, wish())
    other = wish(registryHostname="public.ecr.aws")
    assert stages(own, other) == [(REPLACE, ADDRESS)]


def test_what_plans_say_of_secrets(own: Registries) -> None:
    made = engines.plan(own.program.engine, wish(), GOOD)
    assert GOOD[REFERENCE] not in made.text()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"registryHostname": "localhost"}, "hostname"),
    ({"artifactTypes": []}, "some of"),
    ({"artifactTypes": ["DISK"]}, "some of"),
    ({"secret": {"name": "a b", "value": REFERENCE}}, "letters"),
    ({"secret": {"name": "docker", "value": VALUE}}, "must be a reference to a secret"),
    ({"tags": ["a b"]}, "tags"),
]


@pytest.mark.parametrize(("more", "said"), WRONG)
def test_what_is_wrong_is_said_with_its_place(
    own: Registries, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidDocument) as e:
        engines.plan(own.program.engine, wish(**more), GOOD)
    assert said in e.value.message
    assert VALUE not in e.value.message


def test_what_only_the_state_knows_is_said_when_it_is_applied(own: Registries) -> None:
    with pytest.raises(InvalidRequest, match="is not yet recognized"):
        apply(own, wish(registryHostname="registry.example.com"))
    with pytest.raises(InvalidRequest, match="base64 of user:password"):
        apply(own, wish(), {REFERENCE: "nothing"})
    apply(own, wish())
    second = {**wish(), "nvcf.registryCredentials.second": wish()[ADDRESS]}
    with pytest.raises(Conflict, match="already exists"):
        apply(own, second)


def test_registries_of_manifests(own: Registries) -> None:
    registry = {"name": "Ours", "hostname": "registry.example.com", "artifactTypes": ["CONTAINER"]}
    apply(own, {"nvcf.recognizedRegistries.ours": registry})
    found = own.manage("GET", "/v2/nvcf/recognized-registries").json["recognizedRegistries"]
    assert {"name": "Ours", "hostname": "registry.example.com"} in found["CONTAINER"]
    sent = {
        "registryHostname": "registry.example.com",
        "artifactTypes": ["CONTAINER"],
        "secret": {"name": "ours", "value": encoded("me:pw")},
    }
    answer = own.manage("POST", CREDENTIALS, sent)
    assert answer.json["registryCredential"]["registryName"] == "Ours"


def test_whoever_pulls_gets_the_login(own: Registries) -> None:
    apply(own, wish())
    engine = own.program.engine
    image = Artifact("CONTAINER", "docker.io/acme/echo:1")
    found = engine.store.read(lambda r: login_of(r, engine.vault, ACCOUNT, image))
    assert found == "me:pw"


def test_names_that_are_taken_by_other_hosts(own: Registries) -> None:
    for host in (DOCKER, "public.ecr.aws"):
        sent = {
            "registryHostname": host,
            "artifactTypes": ["CONTAINER"],
            "secret": {"name": "same", "value": encoded("me:pw")},
        }
        assert own.manage("POST", CREDENTIALS, sent).status_code == 200
    found = own.program.engine.store.read(lambda r: r.resources("nvcf.registryCredentials"))
    assert len({r.address for r in found}) == 2
    assert "nvcf.registryCredentials.same" in {r.address for r in found}
