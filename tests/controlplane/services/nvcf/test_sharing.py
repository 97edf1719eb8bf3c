"""Functions of others: shared, public, foreign; queues; accounts and clients."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.controlplane.services.calling import problem
from tests.controlplane.services.nvcf.conftest import (
    BASE,
    FUNCTIONS,
    Nvcf,
    at,
    body,
    deployed,
    specs,
)

HIDDEN = {"inferenceUrl", "inferencePort", "containerImage", "secrets", "activeInstances", "rateLimit"}  # fmt: skip


def of_function(f: dict[str, Any]) -> str:
    return f"{BASE}/authorizations/functions/{f['id']}"


def party(account: str) -> dict[str, Any]:
    return {"authorizedParty": {"ncaId": account}}


def parties(*accounts: str) -> dict[str, Any]:
    return {"authorizedParties": [{"ncaId": a} for a in accounts]}


def test_sharing_a_version(nvcf: Nvcf, other: str) -> None:
    f = nvcf.create(secrets=[{"name": "A", "value": "v"}], rateLimit={"rateLimit": "1-S"})
    path = at(f, "authorizations/functions")
    problem(nvcf.ask("GET", at(f), bearer=other), 404)
    said = nvcf.good("POST", path, parties("other", "third"))["function"]
    assert said == {
        "id": f["id"],
        "ncaId": "nvcf-default",
        "versionId": f["versionId"],
        **parties("other", "third"),
    }
    seen = nvcf.get(f, bearer=other)
    assert seen["ownedByDifferentAccount"] is True
    assert not HIDDEN & seen.keys()
    assert [
        x["versionId"]
        for x in nvcf.good("GET", FUNCTIONS, query_string="visibility=authorized", bearer=other)[
            "functions"
        ]
    ] == [f["versionId"]]
    for method, where, sent in (
        ("DELETE", at(f), None),
        ("PUT", at(f), {"tags": []}),
        ("POST", deployed(f), specs()),
    ):
        problem(nvcf.ask(method, where, sent, bearer=other), 404)
    nvcf.good("PATCH", f"{path}/remove", party("third"))
    nvcf.good("PATCH", f"{path}/add", party("fourth"))
    assert nvcf.good("GET", path)["function"]["authorizedParties"] == [
        {"ncaId": "other"},
        {"ncaId": "fourth"},
    ]
    problem(nvcf.ask("PATCH", f"{path}/remove", party("nobody")), 400)
    nvcf.good("DELETE", path)
    problem(nvcf.ask("GET", at(f), bearer=other), 404)


def test_sharing_a_function_is_for_versions_to_come(nvcf: Nvcf, other: str) -> None:
    f = nvcf.create()
    nvcf.good("POST", of_function(f), parties("other"))
    later = nvcf.create(f["id"])
    assert nvcf.get(later, bearer=other)["id"] == f["id"]
    assert "versionId" not in nvcf.good("GET", of_function(f))["function"]
    nvcf.good("DELETE", of_function(f))
    problem(nvcf.ask("GET", at(later), bearer=other), 404)


def test_public_functions(nvcf: Nvcf, other: str) -> None:
    f = nvcf.create()
    nvcf.deploy(f)
    nvcf.good("POST", of_function(f), parties("*"))
    none = nvcf.key("list_functions", "update_function", resources=[])
    assert nvcf.get(f, bearer=none)["id"] == nvcf.get(f, bearer=other)["id"]
    rows = nvcf.good("GET", FUNCTIONS, query_string="visibility=public", bearer=none)["functions"]
    assert [r["versionId"] for r in rows] == [f["versionId"]]
    first = nvcf.good("GET", FUNCTIONS)["functions"]
    assert first[0]["versionId"] == f["versionId"]
    assert len({r["versionId"] for r in first}) == len(first)
    for bearer in (nvcf.admin, other):
        problem(nvcf.ask("PUT", at(f), {"tags": []}, bearer=bearer), 400, "public")
        problem(nvcf.ask("DELETE", at(f), bearer=bearer), 400, "public")
        problem(nvcf.ask("GET", f"{BASE}/queues/functions/{f['id']}", bearer=bearer), 400, "public")
    problem(nvcf.ask("POST", f"{FUNCTIONS}/{f['id']}/versions", body()), 400, "public")
    nvcf.good("DELETE", of_function(f))


def test_queues(nvcf: Nvcf, other: str) -> None:
    f = nvcf.create(name="q")
    path = f"{BASE}/queues/functions/{f['id']}"
    of_version = f"{path}/versions/{f['versionId']}"
    problem(nvcf.ask("GET", path), 404, "not deployed")
    nvcf.deploy(f)
    sibling = nvcf.create(f["id"])
    row = {
        "functionVersionId": f["versionId"],
        "functionName": "q",
        "functionStatus": "ACTIVE",
        "queueDepth": 0,
    }
    for where in (path, of_version):
        assert nvcf.good("GET", where) == {"functionId": f["id"], "queues": [row]}
    problem(nvcf.ask("GET", f"{path}/versions/{sibling['versionId']}"), 404)
    problem(nvcf.ask("GET", f"{BASE}/queues/functions/{uuid4()}"), 404)
    problem(nvcf.ask("GET", f"{BASE}/queues/functions/null"), 400)
    problem(nvcf.ask("GET", f"{BASE}/queues/{uuid4()}/position"), 404)
    problem(nvcf.ask("GET", f"{BASE}/queues/nope/position"), 400)
    none = nvcf.key("queue_details", resources=[])
    problem(nvcf.ask("GET", path, bearer=none), 403)
    problem(nvcf.ask("GET", path, bearer=other), 404)
    nvcf.good("POST", of_function(f), parties("other"))
    assert nvcf.good("GET", path, bearer=other)["queues"] == [row]
    nvcf.good("DELETE", deployed(f))
    problem(nvcf.ask("GET", path), 404)


def test_accounts(nvcf: Nvcf) -> None:
    path = f"{BASE}/accounts/acme"
    problem(nvcf.ask("GET", path), 404)
    made = nvcf.good("POST", path, {"name": "Acme", "maxTasksAllowed": 3})["account"]
    assert list(made) == [
        "ncaId", "name", "maxFunctionsAllowed", "maxTasksAllowed", "maxTelemetriesAllowed",
        "maxRegistryCredentialsAllowed", "lastUpdatedAt",
    ]  # fmt: skip
    assert (made["ncaId"], made["maxTasksAllowed"], made["maxFunctionsAllowed"]) == (
        "acme",
        3,
        2**31 - 1,
    )
    problem(nvcf.ask("POST", path, {"name": "Acme"}), 409)
    problem(nvcf.ask("POST", f"{BASE}/accounts/nvcf-default", {}), 409)
    for sent in ({}, {"name": "abc"}, {"name": "a" * 37}, {"maxTelemetriesAllowed": 51}):
        problem(nvcf.ask("PATCH", path, sent), 400)
    assert nvcf.good("PATCH", path, {"name": "Acme Corp"})["account"]["name"] == "Acme Corp"
    assert "acme" in [a["ncaId"] for a in nvcf.good("GET", f"{BASE}/accounts")["accounts"]]
    nvcf.good("PATCH", f"{path}/clients/associate", {"clientIds": ["acme-ci"]})
    assert nvcf.good("GET", f"{BASE}/clients/acme-ci")["client"] == {
        "clientId": "acme-ci",
        "ncaId": "acme",
    }
    problem(
        nvcf.ask(
            "PATCH", f"{BASE}/accounts/nvcf-default/clients/associate", {"clientIds": ["acme-ci"]}
        ),
        409,
    )
    nvcf.good("PATCH", f"{path}/clients/disassociate", {"clientIds": ["acme-ci"]})
    problem(nvcf.ask("GET", f"{BASE}/clients/acme-ci"), 404)
    nvcf.good("DELETE", path)
    problem(nvcf.ask("GET", path), 404)
    problem(nvcf.ask("DELETE", f"{BASE}/accounts/nvcf-default"), {400, 409}.pop())


@pytest.mark.parametrize("name", ["a b", "-", "a" * 300])
def test_names_of_accounts(nvcf: Nvcf, name: str) -> None:
    problem(nvcf.ask("POST", f"{BASE}/accounts/{name.replace(' ', '%20')}", {}), 400)
