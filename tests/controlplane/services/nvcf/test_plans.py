"""Manifests and requests meet in one state: what one made the other changes, protects, destroys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aicr.errors import AicrError, Conflict, InvalidRequest
from controlplane import planner
from controlplane.plan.effects import secret_name
from tests.controlplane import engines
from tests.controlplane.services.calling import ACCOUNT, problem
from tests.controlplane.services.nvcf.conftest import (
    BASE,
    FUNCTIONS,
    Nvcf,
    at,
    body,
    deployed,
    gpu,
    specs,
)


def by_name(nvcf: Nvcf, name: str) -> dict[str, Any]:
    """The version of a function that a manifest declares, as requests see it."""
    status = nvcf.resource(f"nvcf.functions.{name}").status
    return nvcf.get({"id": status["functionId"], "versionId": status["versionId"]})


def clean(nvcf: Nvcf) -> None:
    engines.apply(nvcf.engine, planner.destroy(nvcf.engine))


@pytest.fixture(autouse=True)
def _tidy(nvcf: Nvcf) -> Any:
    yield
    lifted = [
        a for a, r in nvcf.engine.store.read(lambda x: {r.address: r for r in x.resources()}).items()
        if r.protected and r.applied is not None
    ]  # fmt: skip
    if lifted:
        engines.apply(nvcf.engine, planner.wish(nvcf.engine, "unprotect", lifted))
    clean(nvcf)


def test_a_manifest_is_what_requests_see(nvcf: Nvcf) -> None:
    done = nvcf.apply(
        {
            "nvcf.functions.echo": body(secrets={"A.b": "env:A"}),
            "nvcf.functions.echo-2": body(versionOf="echo"),
            "nvcf.deployments.echo": {"function": "echo", **specs()},
        },
        {"env:A": "zz-value"},
    )
    assert done == [
        ("create", "nvcf.functions.echo"),
        ("create", "nvcf.deployments.echo"),
        ("create", "nvcf.functions.echo-2"),
    ] or sorted(a for _, a in done) == sorted(
        ["nvcf.functions.echo", "nvcf.functions.echo-2", "nvcf.deployments.echo"]
    )
    first, second = by_name(nvcf, "echo"), by_name(nvcf, "echo-2")
    assert first["id"] == second["id"]
    assert first["versionId"] != second["versionId"]
    assert (first["status"], second["status"]) == ("ACTIVE", "INACTIVE")
    assert first["secrets"] == ["A.b"]
    listed = nvcf.good("GET", f"{FUNCTIONS}/{first['id']}/versions")["functions"]
    assert len(listed) == 2
    d = nvcf.good("GET", deployed(first))["deployment"]
    assert nvcf.good("GET", f"{BASE}/deployments/{d['deploymentId']}")["deployment"] == d

    def kept(reader: Any) -> str:
        return str(nvcf.engine.vault.get(reader, secret_name("nvcf.functions.echo", "secrets.A.b")))

    assert nvcf.engine.store.read(kept) == "zz-value"


def test_requests_change_what_a_manifest_made_and_the_next_plan_says_so(nvcf: Nvcf) -> None:
    specs_ = {"nvcf.functions.echo": body(tags=["a"])}
    nvcf.apply(specs_)
    f = by_name(nvcf, "echo")
    nvcf.good("PUT", at(f), {"tags": ["b"]})
    plan = nvcf.plan(specs_)
    assert [d.address for d in plan.drift] == ["nvcf.functions.echo"]
    assert nvcf.apply(specs_) == [("update", "nvcf.functions.echo")]
    assert nvcf.get(f)["tags"] == ["a"]
    nvcf.good("DELETE", at(f))
    assert nvcf.apply(specs_) == [("create", "nvcf.functions.echo")]


def test_a_changed_image_is_a_new_version_of_the_same_function(nvcf: Nvcf) -> None:
    def wanted(image: str) -> dict[str, Any]:
        return {
            "nvcf.functions.echo": body(containerImage=image),
            "nvcf.deployments.echo": {"function": "echo", **specs()},
        }

    nvcf.apply(wanted("samples.aicr.local/echo:1"))
    before = by_name(nvcf, "echo")
    old = nvcf.good("GET", deployed(before))["deployment"]
    assert nvcf.apply(wanted("samples.aicr.local/echo:2")) == [
        ("replace", "nvcf.functions.echo"),
        ("replace", "nvcf.deployments.echo"),
    ]
    after = by_name(nvcf, "echo")
    assert after["id"] == before["id"]
    assert after["versionId"] != before["versionId"]
    assert after["status"] == "ACTIVE"
    problem(nvcf.ask("GET", at(before)), 404)
    new = nvcf.good("GET", deployed(after))["deployment"]
    assert new["deploymentId"] != old["deploymentId"]
    assert nvcf.apply(wanted("samples.aicr.local/echo:2")) == []


def test_what_a_request_deployed_ends_with_the_version_that_a_plan_replaces(nvcf: Nvcf) -> None:
    nvcf.apply({"nvcf.functions.echo": body()})
    f = by_name(nvcf, "echo")
    d = nvcf.deploy(f)
    nvcf.apply({"nvcf.functions.echo": body(inferencePort=9000)})
    problem(nvcf.ask("GET", f"{BASE}/deployments/{d['deploymentId']}"), 404)
    assert by_name(nvcf, "echo")["status"] == "INACTIVE"
    nvcf.deploy(by_name(nvcf, "echo"))
    with pytest.raises(Conflict, match="still needed"):
        nvcf.plan({})
    nvcf.good("DELETE", deployed(by_name(nvcf, "echo")))


def test_a_request_made_it_and_a_manifest_takes_it_over(nvcf: Nvcf) -> None:
    f = nvcf.create(tags=["a"], secrets=[{"name": "S", "value": "v"}])
    nvcf.deploy(f)
    function, deployment = (
        f"nvcf.{kind}.{f['versionId']}" for kind in ("functions", "deployments")
    )
    wanted = {
        function: body(tags=["a"], secrets={"S": "env:S"}),
        deployment: {"function": f["versionId"], **specs()},
    }
    done = nvcf.apply(wanted, {"env:S": "v"})
    assert done == [("adopt", function), ("adopt", deployment)]
    assert nvcf.get(f) == {**f, "status": "ACTIVE"}
    wanted[function]["tags"] = ["b"]
    wanted[deployment]["deploymentSpecifications"] = [gpu(maxInstances=5)]
    assert nvcf.apply(wanted, {"env:S": "v"}) == [("update", function), ("update", deployment)]
    assert nvcf.get(f)["tags"] == ["b"]
    found = nvcf.good("GET", deployed(f))["deployment"]
    assert found["deploymentSpecifications"][0]["maxInstances"] == 5
    assert nvcf.apply({}) == [("delete", deployment), ("delete", function)]
    problem(nvcf.ask("GET", at(f)), 404)


def test_adoption_by_a_command(nvcf: Nvcf) -> None:
    f = nvcf.create()
    address = f"nvcf.functions.{f['versionId']}"
    engines.apply(nvcf.engine, planner.wish(nvcf.engine, "adopt", [address]))
    assert nvcf.apply({address: body()}) == []
    engines.apply(nvcf.engine, planner.wish(nvcf.engine, "protect", [address]))
    problem(nvcf.ask("DELETE", at(f)), 409, "protected")
    with pytest.raises(Conflict, match="protected"):
        nvcf.plan({})
    assert nvcf.get(f)["status"] == "INACTIVE"


def test_the_first_account_may_be_named(nvcf: Nvcf) -> None:
    nvcf.apply({"nvcf.functions.echo": body()})
    assert nvcf.apply({"nvcf.functions.echo": body(account=ACCOUNT)}) == []


def test_protection_stands_for_deployments_too(nvcf: Nvcf) -> None:
    f = nvcf.create()
    nvcf.deploy(f)
    address = f"nvcf.deployments.{f['versionId']}"
    engines.apply(nvcf.engine, planner.wish(nvcf.engine, "protect", [address]))
    problem(nvcf.ask("DELETE", deployed(f)), 409, "protected")
    problem(nvcf.ask("DELETE", at(f)), 409, "protected")
    assert nvcf.get(f)["status"] == "ACTIVE"
    engines.apply(nvcf.engine, planner.wish(nvcf.engine, "unprotect", [address]))
    nvcf.good("DELETE", at(f))


def test_secrets_of_manifests_come_and_go(nvcf: Nvcf) -> None:
    def names() -> list[str]:
        found = nvcf.engine.store.read(lambda r: r.secrets())
        return [s.name for s in found if s.name.startswith("nvcf.functions.sec#")]

    both = {"A": "env:A", "B": "env:B"}
    nvcf.apply({"nvcf.functions.sec": body(secrets=both)}, {"env:A": "1", "env:B": "2"})
    assert names() == ["nvcf.functions.sec#secrets.A", "nvcf.functions.sec#secrets.B"]
    nvcf.apply({"nvcf.functions.sec": body(secrets={"A": "env:A"})}, {"env:A": "1"})
    assert names() == ["nvcf.functions.sec#secrets.A"]
    nvcf.apply({})
    assert names() == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"nvcf.functions.x": body(containerImage="x.example.com/a:1")}, "Unsupported registry"),
        ({"nvcf.functions.x": body(), "nvcf.deployments.x": {"function": "x", **specs(gpu="ZX81")}}, "Invalid GPU"),
        ({"nvcf.functions.x": body(), "nvcf.deployments.x": {"function": "x", **specs()}, "nvcf.deployments.y": {"function": "x", **specs()}}, "deployed already"),
    ],
)  # fmt: skip
def test_plans_meet_the_rules_of_the_state(nvcf: Nvcf, wanted: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        nvcf.apply(wanted)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (body(name="a b"), "name"),
        (body(colour=1), "colour"),
        (body(health={"protocol": "HTTP"}), "health"),
        (body(functionType="LLM"), "needs models"),
        (body(secrets={"A": "a value"}), "reference to a secret"),
        (body(account="nobody"), "access.accounts.nobody"),
        (body(versionOf="nobody"), "nvcf.functions.nobody"),
    ],
)
def test_manifests_are_checked(nvcf: Nvcf, spec: Any, said: str) -> None:
    with pytest.raises(AicrError, match=said):
        nvcf.plan({"nvcf.functions.x": spec})


def test_values_of_secrets_are_in_no_message(nvcf: Nvcf) -> None:
    with pytest.raises(AicrError) as caught:
        nvcf.plan({"nvcf.functions.x": body(secrets={"A": "zz-value"})})
    assert "zz-value" not in str(caught.value)


def test_without_clusters_nothing_is_deployed(nvcf: Nvcf, monkeypatch: pytest.MonkeyPatch) -> None:
    from controlplane import clusters

    monkeypatch.setattr(clusters, "offers", lambda *_: [])
    wanted = {"nvcf.functions.x": body(), "nvcf.deployments.x": {"function": "x", **specs()}}
    with pytest.raises(InvalidRequest, match="No cluster groups for account 'nvcf-default'"):
        nvcf.apply(wanted)


def test_what_cannot_be_pulled_is_only_logged_where_that_is_said(
    own_cache: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Nvcf(home=str(tmp_path), registry_check="log")
    deployment = {"function": "x", "deploymentSpecifications": [gpu()]}
    desired = {
        "nvcf.functions.x": body(containerImage="x.example.com/a:1"),
        "nvcf.deployments.x": deployment,
    }
    assert len(made.apply(desired)) == 2
    assert capsys.readouterr().err.count("Unsupported registry hostname x.example.com") == 2
    made.close()
