"""Every path of the hosted service: no credential, another org, the right one; and that answers are
those of the paths that they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from uuid import uuid4

import pytest

from controlplane.access.scopes import ADMIN
from tests.controlplane.routes import ALIASES
from tests.controlplane.services.calling import ACCOUNT, Vendor, problem
from tests.controlplane.services.nvcf.conftest import body, specs

ORG = "acme"
ALL = (*ADMIN, "queue_details", "authorize_clients", "list_cluster_groups")
EACH = [(m, path) for path, methods in ALIASES.items() for m in methods]
O = f"/v2/orgs/{ORG}"  # noqa: E741


class Ngc(Vendor):
    bearer: str = ""

    @cached_property
    def powerless(self) -> str:
        """A key that may do nothing."""
        return self.key("invoke_function")

    def good(self, method: str, path: str, sent: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, self.bearer, sent, **more)
        assert answer.status_code in (200, 204), answer.text
        return answer.json if answer.content else None


@pytest.fixture(scope="module")
def ngc(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ngc]:
    made = Ngc(home=str(tmp_path_factory.mktemp("home")), org=ORG)
    made.bearer = made.key(*ALL)
    yield made
    made.close()


@pytest.fixture(scope="module")
def other(ngc: Ngc) -> str:
    """A token of another account."""
    setup = ngc.token("account_setup")
    path = "/v2/nvcf/accounts/other"
    for method, below, sent in (
        ("POST", "", {"name": "Other"}),
        ("PATCH", "/clients/associate", {"clientIds": ["them"]}),
    ):
        assert ngc.call(method, f"{path}{below}", setup, sent).status_code == 200
    return ngc.token(*ALL, client="them")


def _at(path: str, org: str = ORG) -> str:
    named = path.replace("{org}", org).replace("{team}", "a-team")
    return re.sub(r"\{\w+\}", str(uuid4()), named)


@pytest.mark.parametrize(("method", "path"), EACH)
def test_who_may(ngc: Ngc, other: str, method: str, path: str) -> None:
    sent = None if method in ("GET", "DELETE") else {}
    missing = problem(ngc.call(method, _at(path), "", sent), 401)
    assert missing["title"] == "Unauthorized"
    problem(ngc.call(method, _at(path), "nvapi-" + "x" * 64, sent), 403)
    for bearer, org in ((ngc.bearer, "other"), (ngc.bearer, ACCOUNT), (other, ORG)):
        problem(ngc.call(method, _at(path, org), bearer, sent), 403, "Access Denied")
    problem(ngc.call(method, _at(path), ngc.powerless, sent), 403, "Access Denied")
    # What is asked for is not there, or the body says nothing: past the guard either way.
    for bearer, org in ((ngc.bearer, ORG), (other, "other")):
        answer = ngc.call(method, _at(path, org), bearer, sent)
        assert answer.status_code in (200, 204, 400, 404, 409), answer.text


def test_the_credential_of_this_host_is_of_no_org(ngc: Ngc) -> None:
    from controlplane.program import home_of

    token = home_of(ngc.program.settings).token()
    for path in ("/v2/orgs", "/v2/users/me", f"{O}/nvcf/functions", "/v2/orgs//nvcf/functions"):
        assert ngc.call("GET", path, token).status_code in (308, 403)


def test_tokens_of_unknown_clients(ngc: Ngc) -> None:
    bearer = ngc.token(*ALL, client="some-guy")
    problem(ngc.call("GET", f"{O}/nvcf/functions", bearer), 404, "Unknown client_id")


def test_the_same_answer_by_both_paths(ngc: Ngc) -> None:
    made = ngc.good("POST", f"{O}/nvcf/functions", body())["function"]
    at = f"functions/{made['id']}/versions/{made['versionId']}"
    problem(ngc.call("GET", f"{O}/nvcf/deployments/{at}", ngc.bearer), 404)
    deployed = ngc.good("POST", f"{O}/nvcf/deployments/{at}", specs())["deployment"]
    for path in (
        "functions", "functions/ids", at, f"functions/{made['id']}/versions", f"deployments/{at}",
        f"queues/{at}", f"authorizations/{at}", "telemetries", "registry-credentials",
        "recognized-registries", "supportedGpus", "functions/none",
    ):  # fmt: skip
        plain, *hosted = (
            ngc.call("GET", p, ngc.bearer)
            for p in (f"/v2/nvcf/{path}", f"{O}/nvcf/{path}", f"{O}/teams/t/nvcf/{path}")
        )
        for answer in hosted:
            assert answer.status_code == plain.status_code
            if plain.status_code == 200:
                assert answer.content == plain.content
    assert ngc.good("GET", f"{O}/nvcf/deployments")["deployments"] == [deployed]
    assert ngc.good("GET", f"{O}/skyway/instances/{at}") == {"instances": []}
    gone = ngc.good("DELETE", f"{O}/nvcf/deployments/{at}", params={"graceful": "true"})
    assert gone["function"]["id"] == made["id"]
    ngc.good("DELETE", f"{O}/nvcf/{at}")


def test_null_clears_a_rate_limit(ngc: Ngc) -> None:
    made = ngc.good("POST", f"{O}/nvcf/functions", body())["function"]
    at = f"functions/{made['id']}/versions/{made['versionId']}"
    wanted = {"rateLimit": {"rateLimit": "5-S"}}
    assert "rateLimit" in ngc.good("PUT", f"{O}/nvcf/{at}", wanted)["function"]
    ngc.good("PUT", f"{O}/nvcf/{at}", {"tags": ["a"]})
    assert "rateLimit" in ngc.good("GET", f"{O}/nvcf/{at}")["function"]
    null: dict[str, Any] = {"rateLimit": None}
    problem(ngc.call("PUT", f"/v2/nvcf/{at}", ngc.bearer, null), 400)
    problem(ngc.call("PUT", f"{O}/nvcf/{at}", ngc.bearer, {}), 400)
    assert "rateLimit" not in ngc.good("PUT", f"{O}/nvcf/{at}", null)["function"]


def test_clusters(ngc: Ngc) -> None:
    manager = ngc.token("cluster-management")
    mine, theirs = (
        ngc.call("GET", path, bearer).json
        for path, bearer in (
            (f"{O}/sis/clusters", ngc.bearer), (f"/v1/si/accounts/{ACCOUNT}/clusters", manager),
        )
    )  # fmt: skip
    when = "nvcaLastConnected"
    assert [{**c, when: ""} for c in mine] == [{**c, when: ""} for c in theirs]
    problem(ngc.call("GET", "/v2/nvcf/clusterGroups", ngc.bearer), 403)
    assert ngc.good("GET", f"{O}/nvcf/clusterGroups")["clusterGroups"]
    assert ngc.call("GET", f"/v1/si/accounts/{ACCOUNT}/clusters", ngc.bearer).status_code == 401
    types = ngc.good("GET", f"/v3/orgs/{ORG}/ngc/nvcf/deployments/available/instanceTypes")
    assert None not in types["H100"][0].values()
    no = ngc.call("GET", f"{O}/sis/clusters/{uuid4()}", ngc.bearer)
    assert no.json["error"] == problem(no, 404)["detail"]


def test_what_is_full_is_listed_but_not_available(ngc: Ngc) -> None:
    below, image = f"{O}/nvcf/deployments", "samples.aicr.local/echo:1"
    f = {"name": "full", "inferenceUrl": "/", "containerImage": image}
    f = ngc.good("POST", f"{O}/nvcf/functions", f)["function"]
    gpu = {"gpu": "H100", "instanceType": "NCP.GPU.H100_8x", "minInstances": 1, "maxInstances": 1}
    path = f"{below}/functions/{f['id']}/versions/{f['versionId']}"
    ngc.good("POST", path, {"deploymentSpecifications": [gpu]})
    types = f"/v3/orgs/{ORG}/ngc/nvcf/deployments"
    assert ngc.good("GET", f"{types}/available/instanceTypes") == {}
    every = ngc.good("GET", f"{types}/instanceTypes")["H100"]
    assert {t["availableCapacity"] for t in every} == {0}
    ngc.good("DELETE", path)
    assert ngc.good("GET", f"{types}/available/instanceTypes")["H100"]


def test_a_cluster_with_its_key(ngc: Ngc) -> None:
    agent = ngc.good("GET", f"{O}/sis/clusterVersions")["nvcaVersions"][0]["version"]
    wanted = {"clusterName": "edge", "clusterGroupName": "edge", "ncaId": ACCOUNT}
    wanted |= {"cloudProvider": "ON-PREM", "region": "us-east-1", "nvcaVersion": agent}
    cluster = ngc.good("POST", f"{O}/sis/clusters", {**wanted, "capabilities": None})["clusterId"]
    policy = {
        "aud": "nvidia-cloud-functions-ncp-service-id-aketm", "scopes": list(ALL),
        "resources": [{"type": "cluster", "id": cluster}],
    }  # fmt: skip
    asked = {"name": "edge.1", "expiryDate": "2027-01-01T00:00:00.123456Z", "policies": [policy]}
    keys = f"/v3/orgs/{ORG}/keys"
    kind = "type/CLUSTER_SERVICE_KEY"
    made = ngc.good("POST", f"{keys}/{kind}", asked)["apiKey"]
    ngc.good("PUT", f"{O}/sis/clusters/{cluster}", {**wanted, "clusterKeyId": made["keyId"]})
    (found,) = [c for c in ngc.good("GET", f"{O}/sis/clusters") if c["clusterId"] == cluster]
    assert found["clusterKeyId"] == made["keyId"]
    # Whatever was asked for, it allows nothing.
    problem(ngc.call("GET", f"{O}/nvcf/functions", made["value"]), 403)
    problem(ngc.call("GET", f"{O}/sis/clusters", made["value"]), 403)
    # Keys of others are not keys of clusters, and clusters of others have none.
    mine = ngc.key("list_functions")
    looked = ngc.call("POST", "/v1/admin/lookup", "", {"key": mine}).json["id"]
    problem(ngc.call("DELETE", f"{keys}/{looked}/{kind}", ngc.bearer), 404)
    resources = [{"type": "cluster", "id": str(uuid4())}]
    asked["policies"] = [{**policy, "resources": resources}]
    problem(ngc.call("POST", f"{keys}/{kind}", ngc.bearer, asked), 404)
    for wrong in ([], [{"resources": []}], "x", None, [{"resources": [{"id": 7}]}]):
        problem(ngc.call("POST", f"{keys}/{kind}", ngc.bearer, {**asked, "policies": wrong}), 400)
    ngc.good("DELETE", f"{O}/sis/clusters/{cluster}")
    ngc.good("DELETE", f"{keys}/{made['keyId']}/{kind}")
    problem(ngc.call("GET", f"{O}/nvcf/functions", made["value"]), 403, "Authorization failed")
