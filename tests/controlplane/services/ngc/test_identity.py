"""Who somebody is, and of which org."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.access.registry import TASKS
from tests.controlplane.services.calling import ACCOUNT, Vendor, problem

INFO = "/v3/keys/get-caller-info"
FORM = "application/x-www-form-urlencoded"
ME = {"name": "acme", "displayName": "acme", "billingAccountId": ACCOUNT}


@pytest.fixture(scope="module")
def ngc(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    made = Vendor(home=str(tmp_path_factory.mktemp("home")), org="acme")
    yield made
    made.close()


def info(ngc: Vendor, form: str) -> Any:
    return ngc.simulate_post(INFO, body=form, headers={"Content-Type": FORM})


def test_whose_a_key_is(ngc: Vendor) -> None:
    known = {"type": "SERVICE_KEY", "orgName": "acme"}
    assert info(ngc, f"credentials={ngc.key('list_functions')}").json == known


@pytest.mark.parametrize("form", ["", "x=1", "credentials=", "credentials=nvapi-none", "%ff=%ff"])
def test_whose_nothing_is(ngc: Vendor, form: str) -> None:
    problem(info(ngc, form), 401)


def test_tokens_are_no_keys_and_forms_have_few_fields(ngc: Vendor) -> None:
    problem(info(ngc, f"credentials={ngc.token('list_functions')}"), 401)
    problem(info(ngc, "&".join(f"a{i}=1" for i in range(50))), 400)


def test_orgs(ngc: Vendor) -> None:
    for bearer in (ngc.token(), ngc.key("list_functions")):
        assert ngc.call("GET", "/v2/orgs", bearer).json == {"organizations": [ME]}
        assert ngc.call("GET", "/v2/orgs/acme", bearer).json == {"organizations": ME}
        assert ngc.call("GET", "/v2/org/acme/teams", bearer).json == {"teams": []}
        user = ngc.call("GET", "/v2/users/me?org-name=acme", bearer).json["user"]
        assert user["roles"][0]["org"] == ME
        for path in ("/v2/orgs/else", "/v2/org/else/teams", "/v2/users/me?org-name=else"):
            problem(ngc.call("GET", path, bearer), 403)
    for path in ("/v2/orgs", "/v2/orgs/acme", "/v2/org/acme/teams", "/v2/users/me"):
        problem(ngc.call("GET", path), 401)


def test_an_account_is_called_by_its_id_where_nothing_is_set(own_cache: Any, tmp_path: Any) -> None:
    ngc = Vendor(home=str(tmp_path))
    found = ngc.call("GET", "/v2/orgs", ngc.token()).json["organizations"]
    assert [o["name"] for o in found] == [ACCOUNT]
    ngc.close()


def test_the_catalog_is_not_known(ngc: Vendor) -> None:
    for path in ("repos/a/images/1", "team/t/models/m/versions/1", "helm-charts/c/versions/1"):
        problem(ngc.call("GET", f"/v2/org/nvidia/{path}"), 401)
        problem(ngc.call("GET", f"/v2/org/nvidia/{path}", ngc.token()), 403, "no catalog")


def test_what_is_not_there(ngc: Vendor) -> None:
    path = "/v2/orgs/acme/nvct/no/such/path"
    problem(ngc.call("GET", path), 401)
    problem(ngc.call("GET", path, ngc.token()), 404)


def test_a_key_of_tasks_is_of_an_org(ngc: Vendor) -> None:
    policy = {"aud": TASKS.id, "scopes": ["list_tasks"], "resources": []}
    made = ngc.simulate_post(
        "/v1/keys",
        json={
            "description": "tasks",
            "expires_at": "2027-01-01T00:00:00Z",
            "authorizations": {"policies": [policy]},
        },
        headers={"Key-Issuer-Id": TASKS.id, "Key-Owner-Id": "me"},
    )
    assert info(ngc, f"credentials={made.json['value']}").json["orgName"] == "acme"
    problem(ngc.call("GET", "/v2/orgs/acme/nvcf/functions", made.json["value"]), 403)
