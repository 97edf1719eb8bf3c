"""Cluster groups and GPUs: for tokens with the scope, never for API keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.controlplane.services.calling import ACCOUNT, Vendor, problem

GROUPS = "/v2/nvcf/clusterGroups"


@pytest.fixture(scope="module")
def nvcf(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    made = Vendor(home=str(tmp_path_factory.mktemp("home")), cluster_gpus={"H100": 2})
    yield made
    made.close()


def test_groups(nvcf: Vendor) -> None:
    answer = nvcf.call("GET", GROUPS, nvcf.token("list_cluster_groups"))
    (group,) = answer.json["clusterGroups"]
    assert list(group) == ["id", "name", "ncaId", "authorizedNcaIds", "gpus", "clusters"]
    assert (group["name"], group["ncaId"]) == ("ncp-local", ACCOUNT)
    assert group["gpus"] == [
        {
            "name": "H100",
            "instanceTypes": [
                {"name": "NCP.GPU.H100_1x", "description": "1 x H100", "default": True},
                {"name": "NCP.GPU.H100_2x", "description": "2 x H100"},
            ],
        }
    ]
    assert [list(c) for c in group["clusters"]] == [["id", "name"]]


def test_who_may(nvcf: Vendor) -> None:
    assert nvcf.call("GET", GROUPS).status_code == 401
    problem(nvcf.call("GET", GROUPS, nvcf.token("cluster-management")), 403, "Access Denied")
    problem(nvcf.call("GET", GROUPS, nvcf.key("list_cluster_groups")), 403, "Access Denied")
    stranger = nvcf.token("list_cluster_groups", client="x")
    problem(nvcf.call("GET", GROUPS, stranger), 404)
    problem(nvcf.call("GET", f"{GROUPS}/gpus", nvcf.token("list_cluster_groups")), 404)


def test_of_any_account(nvcf: Vendor) -> None:
    administrator = nvcf.token("admin:list_cluster_groups")
    path = f"/v2/nvcf/accounts/{ACCOUNT}/clusterGroups"
    assert len(nvcf.call("GET", path, administrator).json["clusterGroups"]) == 1
    problem(nvcf.call("GET", path, nvcf.token("list_cluster_groups")), 403)
    problem(nvcf.call("GET", path, nvcf.key("admin:list_cluster_groups")), 403)
    assert nvcf.call("GET", path).status_code == 401
    nowhere = "/v2/nvcf/accounts/nowhere/clusterGroups"
    problem(nvcf.call("GET", nowhere, administrator), 404)


def test_supported_gpus(nvcf: Vendor) -> None:
    path = "/v2/nvcf/supportedGpus"
    for bearer in (nvcf.token("register_function"), nvcf.key("register_function")):
        answer = nvcf.call("GET", path, bearer)
        assert answer.json == [{"gpu": "H100", "backend": "ncp-local"}]
    problem(nvcf.call("GET", path, nvcf.key("invoke_function")), 403)
    assert nvcf.call("GET", path).status_code == 401
