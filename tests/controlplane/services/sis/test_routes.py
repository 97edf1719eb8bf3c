"""Every endpoint: the right scope, a wrong one, none; lists, nulls, replacement, deletion."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest

from tests.controlplane.services.calling import ACCOUNT
from tests.controlplane.services.sis.conftest import CLUSTERS, GPU, Sis, body, fault, name

ANY = "00000000-0000-4000-8000-000000000000"
# Method, path, scope, what it answers to somebody with the scope.
ENDPOINTS = [
    ("GET", CLUSTERS, "cluster-management", 200),
    ("POST", CLUSTERS, "cluster-management", 400),
    ("GET", f"{CLUSTERS}/{ANY}", "cluster-management", 404),
    ("PUT", f"{CLUSTERS}/{ANY}", "cluster-management", 400),
    ("DELETE", f"{CLUSTERS}/{ANY}", "cluster-management", 404),
    ("GET", f"/v1/accounts/{ACCOUNT}/clusterVersions", "cluster-management", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/clusters", "cluster-management", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/clusters/{ANY}", "cluster-management", 404),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/clusterVersions", "cluster-management", 200),
    ("PUT", f"/v1/nvca/clusters/{ANY}/jwks", "cluster-management", 400),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/clusterGroups", "cluster_listing", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/gpus", "gpu_listing", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/regions", "regions_listing", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/clusterNames", "clusters_listing", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/attributes", "attributes_listing", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/instanceTypes", "instance_types", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/instanceTypes/availability", "gpu-usage", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/gpu/usage", "gpu-usage", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/deployments/{ANY}/gpu/usage", "gpu-usage", 200),
    ("GET", f"/v1/si/accounts/{ACCOUNT}/deployments/null/gpu/usage", "gpu-usage", 400),
]


@pytest.mark.parametrize(("method", "path", "scope", "status"), ENDPOINTS)
def test_who_may(sis: Sis, method: str, path: str, scope: str, status: int) -> None:
    sent: Any = {} if method in ("POST", "PUT") else None
    assert sis.call(method, path, sis.token(scope), sent).status_code == status
    assert fault(sis.call(method, path, sis.token("list_functions"), sent), 403) == "Access Denied"
    needed = "Authentication failure - Full authentication is required to access this resource"
    assert fault(sis.call(method, path, "", sent), 401) == needed
    fault(sis.call(method, path, sis.key(scope), sent), 401, "Authentication failure - ")


AGENT = [("PUT", "register"), ("POST", "heartbeat"), ("GET", "credentials")]


@pytest.mark.parametrize(("method", "last"), AGENT)
def test_what_agents_do_is_not_for_managers(sis: Sis, method: str, last: str) -> None:
    path = f"/v1/nvca/clusters/{ANY}/{last}"
    fault(sis.call(method, path, sis.manager, {}), 403, "Access Denied")
    fault(sis.call(method, path, sis.token("list_functions"), {}), 403, "Access Denied")
    fault(sis.call(method, path, "", {}), 401)
    fault(sis.call(method, path, "a.b.c", {}), 401)


def test_a_client_that_is_not_registered_may_manage_since_nobody_asks_for_its_account(
    sis: Sis,
) -> None:
    assert sis.call("GET", CLUSTERS, sis.token("cluster-management", client="x")).status_code == 200


@pytest.mark.parametrize("header", ["dummy", "Basic YTpi", "Bearer", "Bearer  "])
def test_what_is_no_bearer(sis: Sis, header: str) -> None:
    fault(sis.simulate_get(CLUSTERS, headers={"Authorization": header}), 401)


def test_a_token_that_is_too_long(sis: Sis) -> None:
    words = fault(sis.call("GET", CLUSTERS, "x" * 2049), 431)
    assert words == "JWT exceeds maximum size of 2048 bytes"
    fault(sis.call("GET", CLUSTERS, "x" * 2048), 401)
    introspect = "/v1/nvca/tokens/introspect"
    fault(sis.call("POST", introspect, body={"token": "x" * 2049}), 431)


def test_errors_before_any_route_speak_the_same_dialect(sis: Sis) -> None:
    fault(sis.manage("PATCH", CLUSTERS, {}), 405)
    fault(sis.manage("GET", "/v1/nvca/nowhere"), 404)
    fault(sis.manage("POST", CLUSTERS, headers={"Content-Type": "text/plain"}), 415)
    malformed = {"content": b'{"clusterName":', "headers": {"Content-Type": "application/json"}}
    headers = {"Authorization": f"Bearer {sis.manager}", **malformed["headers"]}  # type: ignore[dict-item]
    fault(sis.simulate_post(CLUSTERS, body=malformed["content"], headers=headers), 400)


def test_what_nobody_expected_says_nothing(sis: Sis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.services.sis.answers.versions", lambda: 1 / 0)
    answer = sis.manage("GET", f"/v1/accounts/{ACCOUNT}/clusterVersions")
    assert fault(answer, 500) == "Internal Server Error"


def test_a_cluster_and_its_nulls(sis: Sis) -> None:
    id_, wanted = sis.register(clusterConfigurations={"k": "v"}, customAttributes=["c"])
    found = sis.cluster(id_)
    assert list(found) == [
        "clusterName", "clusterGroupName", "clusterDescription", "ncaId", "authorizedNCAIds",
        "cloudProvider", "region", "capabilities", "attributes", "customAttributes", "gpus",
        "nvcaVersion", "ssaClientId", "oAuthClientId", "clusterId", "clusterGroupId", "status",
        "clusterSource", "nvcaLastConnected", "k8sVersion", "gpuUsage", "sisConfig", "vaultConfig",
        "imageCredentialHelper", "clusterUpgradeStatus", "clusterKeyId", "clusterConfigurations",
        "clusterConfigurationFiles",
    ]  # fmt: skip
    assert found["status"] == "NOT_READY"
    assert found["clusterSource"] == "ngc-managed"
    nulls = ("nvcaLastConnected", "k8sVersion", "gpuUsage", "clusterKeyId", "oAuthClientId")
    assert {found[field] for field in nulls} == {None}
    assert found["clusterConfigurations"] == {"k": "v"}
    listed = next(
        c for c in sis.manage("GET", CLUSTERS).json if c["clusterName"] == wanted["clusterName"]
    )
    assert "clusterConfigurations" not in listed
    assert listed == {key: found[key] for key in listed}


def test_lists(sis: Sis) -> None:
    account = f"{ACCOUNT}-2"
    other = f"/v1/accounts/{account}/clusters"
    assert sis.manage("GET", other).json == []
    sis.register(authorizedNCAIds=[account], clusterGroupName="shared")
    sis.register(authorizedNCAIds=[account], cloudProvider="GFN")

    def names(**parameters: str) -> set[str]:
        return {c["cloudProvider"] for c in sis.manage("GET", other, params=parameters).json}

    yes = {"includeAuthorizedClusters": "true"}
    assert names() == set()
    assert names(**yes) == {"ON-PREM", "NCP"}  # the server itself is everybody's
    assert names(**yes, includeNonByocInAuthorizedClusters="true") == {"ON-PREM", "NCP", "GFN"}
    assert names(**yes, includeGfnInAuthorizedClusters="yes") == {"ON-PREM", "NCP", "GFN"}
    # The old name counts only where the new one is not there.
    both = {"includeGfnInAuthorizedClusters": "true", "includeNonByocInAuthorizedClusters": "no"}
    assert names(**yes, **both) == {"ON-PREM", "NCP"}
    fault(sis.manage("GET", other, params={"includeAuthorizedClusters": "maybe"}), 400)


def test_accounts_are_told_apart(sis: Sis) -> None:
    id_, wanted = sis.register()
    foreign = f"/v1/accounts/other/clusters/{id_}"
    fault(sis.manage("GET", foreign), 409)
    fault(sis.manage("PUT", foreign, wanted), 409)
    fault(sis.manage("DELETE", foreign), 409)
    # The same name in another account is another cluster.
    same = {**wanted, "ncaId": "other"}
    answer = sis.manage("POST", "/v1/accounts/other/clusters", same)
    assert answer.status_code == 200
    assert answer.json["clusterId"] != id_
    odd = {**wanted, "ncaId": "an odd / account"}
    path = "/v1/accounts/an%20odd%20%2F%20account/clusters"
    assert sis.manage("POST", path, odd).status_code in (200, 404)


def test_a_client_decides_the_id(sis: Sis) -> None:
    digest = hashlib.md5(b"client-1", usedforsecurity=False).digest()
    id_, _ = sis.register(oAuthClientId="client-1")
    assert id_ == str(uuid.UUID(bytes=digest, version=3))
    fault(sis.manage("POST", CLUSTERS, body(ssaClientId="client-1")), 409)
    # It may be everybody's, too.
    id_, _ = sis.register(oauthClientId="client-2", authorizedNCAIds=["*"])
    assert sis.cluster(id_)["oAuthClientId"] == sis.cluster(id_)["ssaClientId"] == "client-2"


def test_replacement_is_full(sis: Sis) -> None:
    id_, wanted = sis.register(
        clusterDescription="d",
        clusterKeyId="k",
        clusterConfigurations={"k": "v"},
        customAttributes=["c"],
        clusterSource="helm-managed",
        authorizedNCAIds=["a"],
    )
    before = sis.cluster(id_)
    changed = {
        "clusterGroupName": wanted["clusterGroupName"],
        "cloudProvider": "ON-PREM",
        "region": "EU-WEST-1",
        "nvcaVersion": "1.2.3",
        "capabilities": ["DynamicGPUDiscovery", "CachingSupport"],
    }
    answer = sis.manage("PUT", f"{CLUSTERS}/{id_}", changed)
    assert (answer.status_code, answer.content) == (200, b"")
    after = sis.cluster(id_)
    same = ("clusterId", "clusterGroupId", "clusterName", "ncaId", "status")
    assert {k: after[k] for k in same} == {k: before[k] for k in same}
    assert after["region"] == "eu-west-1"
    assert after["nvcaVersion"] == "1.2.3"
    assert after["clusterSource"] == "ngc-managed"
    assert after["authorizedNCAIds"] == after["customAttributes"] == []
    gone = ("clusterDescription", "clusterKeyId", "clusterConfigurations")
    assert {after[field] for field in gone} == {None}


def test_groups_by_name_and_owner(sis: Sis) -> None:
    first, wanted = sis.register()
    second, _ = sis.register(clusterGroupName=wanted["clusterGroupName"])
    group = sis.cluster(first)["clusterGroupId"]
    assert sis.cluster(second)["clusterGroupId"] == group
    moved = name()
    path = f"{CLUSTERS}/{second}"
    assert sis.manage("PUT", path, body(clusterGroupName=moved)).status_code == 200
    assert sis.cluster(second)["clusterGroupId"] != group
    assert sis.cluster(second)["clusterGroupName"] == moved
    back = body(clusterGroupName=wanted["clusterGroupName"])
    assert sis.manage("PUT", path, back).status_code == 200
    assert sis.cluster(second)["clusterGroupId"] == group
    third, _ = sis.register(cloudProvider="AWS")
    away = body(clusterGroupName=wanted["clusterGroupName"], cloudProvider="AWS")
    fault(sis.manage("PUT", f"{CLUSTERS}/{third}", away), 409)


def test_the_end_of_a_cluster(sis: Sis) -> None:
    id_, wanted = sis.register()
    path = f"{CLUSTERS}/{id_}"
    answer = sis.manage("DELETE", path)
    assert (answer.status_code, answer.content) == (200, b"")
    fault(sis.manage("DELETE", path), 404)
    fault(sis.manage("GET", path), 404)
    again, _ = sis.register(clusterName=wanted["clusterName"])
    assert again != id_


def test_what_can_be_registered(sis: Sis) -> None:
    found = sis.manage("GET", f"/v1/accounts/{ACCOUNT}/clusterVersions").json
    assert {"us-west-1", "us-east-1"} <= {*found["clusterRegions"]}
    assert found["clusterSources"] == ["ngc-managed", "helm-managed"]


def test_health_needs_no_bearer(sis: Sis) -> None:
    assert sis.call("GET", "/v1/health").json == {"status": "UP"}


def test_answers_are_compact(sis: Sis) -> None:
    sis.register(gpus=[GPU], capabilities=[])
    assert b": " not in sis.manage("GET", CLUSTERS).content
