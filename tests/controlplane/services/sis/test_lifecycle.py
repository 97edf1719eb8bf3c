"""The tables of contract 10.1 and 10.3, over REST."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.clusters import PLACED, by_cluster
from controlplane.services.sis import rules
from controlplane.state.protocol import Resource, Transaction
from tests.controlplane.services.calling import ACCOUNT
from tests.controlplane.services.sis.conftest import CLUSTERS, GPU, Sis, body, fault
from tests.controlplane.services.sis.test_jwks import key_set

STATIC: dict[str, Any] = {"capabilities": []}
TYPE = GPU["instanceTypes"][0]  # type: ignore[index]


def gpus(**more: Any) -> dict[str, Any]:
    return {**STATIC, "gpus": [{**GPU, **more}]}


CREATION = [
    ({"clusterName": ""}, 400, "clusterName must be provided"),
    ({"clusterName": None}, 400, "clusterName must be provided"),
    ({"clusterName": "Edge"}, 400, "clusterName"),
    ({"clusterName": "a.b"}, 400, "clusterName"),
    ({"clusterName": "-ab"}, 400, "clusterName"),
    ({"clusterName": "ab-"}, 400, "clusterName"),
    ({"clusterName": "a_b"}, 400, "clusterName"),
    ({"clusterName": "ab\n"}, 400, "clusterName"),
    ({"clusterName": 5}, 400, "Failed to read request"),
    ({"clusterGroupName": None}, 400, "clusterGroupName must be provided"),
    ({"ncaId": None}, 400, "ncaId must be provided"),
    ({"ncaId": "other"}, 400, "ncaId"),
    ({"cloudProvider": None}, 400, "cloudProvider must be provided"),
    ({"cloudProvider": "MOON"}, 400, "cloudProvider"),
    ({"region": None}, 400, "region must be provided"),
    ({"region": "moon-1"}, 400, "region moon-1"),
    ({"region": "US-West-1"}, 200, ""),
    ({"nvcaVersion": " "}, 400, "nvcaVersion must be provided"),
    ({"attributes": ["Sparkling"]}, 400, "Sparkling"),
    ({"attributes": "HostIsolation"}, 400, "Failed to read request"),
    ({"attributes": ["HostIsolation"]}, 200, ""),
    ({"capabilities": ["DynamicGPUDiscovery", "Whatever"]}, 200, ""),
    ({"clusterSource": "hand-made"}, 400, "clusterSource"),
    ({"clusterSource": "helm-managed"}, 200, ""),
    ({"jwks": "{]", "oidcIssuer": "https://i"}, 400, "jwks"),
    ({"jwks": "{}", "oidcIssuer": "https://i"}, 400, "jwks"),
    ({"jwks": "x" * 65_537, "oidcIssuer": "https://i"}, 400, "65536"),
    ({"authorizedNCAIds": [ACCOUNT]}, 409, "account of the cluster itself"),
    ({"authorizedNCAIds": ["*", "a"]}, 409, "*"),
    ({"authorizedNCAIds": [" "]}, 409, "blank"),
    ({"authorizedNCAIds": ["*"]}, 409, "External clusters can not be publicly accessible"),
    ({"authorizedNCAIds": ["a", "a", "b"]}, 200, ""),
    ({"clusterName": "n" * 33}, 412, "clusterName"),
    ({"clusterGroupName": "g" * 33}, 412, "clusterGroupName"),
    ({"clusterDescription": "d" * 33}, 412, "clusterDescription"),
    ({"gpus": [GPU]}, 412, "gpus must be empty"),
    (STATIC, 412, "gpus must be provided"),
    (gpus(), 200, ""),
    (gpus(name="g" * 23), 400, "GPU name"),
    (gpus(name="a b"), 400, "GPU name"),
    (gpus(name=None), 400, "name must be provided"),
    (gpus(instanceTypes=[]), 400, "instanceTypes must be provided"),
    (gpus(instanceTypes=[TYPE, {**TYPE, "name": "b", "value": "b"}]), 409, "exactly one default"),
    (gpus(instanceTypes=[{**TYPE, "default": False}]), 409, "exactly one default"),
    (gpus(instanceTypes=[{**TYPE, "nodeType": "BOTH"}]), 400, "nodeType"),
    (gpus(capacity=-1), 400, "capacity"),
    (gpus(capacity="8"), 400, "Failed to read request"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "status", "said"), CREATION)
def test_creation(sis: Sis, change: dict[str, Any], status: int, said: str) -> None:
    answer = sis.manage("POST", CLUSTERS, body(**change))
    if status == 200:
        assert sorted(answer.json) == ["clusterGroupId", "clusterId"]
    else:
        fault(answer, status, said)


def test_the_order_of_checks(sis: Sis) -> None:
    """Each wrong thing is said only when those before it are right."""
    _, taken = sis.register()
    wrong: dict[str, Any] = {
        "clusterName": "Not",
        "ncaId": "other",
        "attributes": ["Sparkling"],
        "region": "moon-1",
        "clusterSource": "hand-made",
        "authorizedNCAIds": [ACCOUNT],
        "gpus": [GPU],
        "clusterDescription": "d" * 33,
    }
    right: list[tuple[str, Any, int, str]] = [
        ("clusterName", taken["clusterName"], 400, "must be lower case"),
        ("clusterName", "a-new-one", 400, "already exists"),
        ("ncaId", ACCOUNT, 400, "ncaId"),
        ("attributes", [], 400, "Sparkling"),
        ("region", "us-east-1", 400, "moon-1"),
        ("clusterSource", "ngc-managed", 400, "clusterSource"),
        ("clusterDescription", "d", 412, "clusterDescription"),
        ("authorizedNCAIds", [], 409, "authorizedNCAIds"),
        ("gpus", [], 412, "gpus"),
    ]
    for field, value, status, said in right:
        fault(sis.manage("POST", CLUSTERS, body(**wrong)), status, said)
        wrong[field] = value
    assert sis.manage("POST", CLUSTERS, body(**wrong)).status_code == 200


def test_the_same_name_again(sis: Sis) -> None:
    _, wanted = sis.register()
    words = fault(sis.manage("POST", CLUSTERS, wanted), 400)
    assert words == f"Cluster with clusterName {wanted['clusterName']} already exists"


def test_into_a_group(sis: Sis) -> None:
    _, first = sis.register(**gpus())
    group = {"clusterGroupName": first["clusterGroupName"]}
    types = [{**TYPE, "name": "other", "value": "other"}]

    def into(**more: Any) -> Any:
        return sis.manage("POST", CLUSTERS, body(**{**gpus(), **group, **more}))

    fault(into(cloudProvider="AWS"), 409, "cloudProvider")
    fault(into(**gpus(instanceTypes=types)), 409, "instance types")
    fault(into(authorizedNCAIds=["a"]), 409, "authorised")
    # Here the length of a description is nobody's business.
    assert into(clusterDescription="d" * 33).status_code == 200
    assert into(**gpus(name="A100", instanceTypes=types)).status_code == 200


REPLACEMENT = [
    ({"clusterGroupName": None}, 400, "clusterGroupName must be provided"),
    ({"cloudProvider": None}, 400, "cloudProvider must be provided"),
    ({"nvcaVersion": None}, 400, "nvcaVersion must be provided"),
    ({"region": None}, 400, "region must be provided"),
    ({"region": "moon-1"}, 400, "moon-1"),
    ({"attributes": ["Sparkling"]}, 400, "Sparkling"),
    ({"clusterSource": "x"}, 400, "clusterSource"),
    ({"authorizedNCAIds": [ACCOUNT]}, 409, "authorizedNCAIds"),
    ({"authorizedNCAIds": ["*", "b"]}, 409, "authorizedNCAIds"),
    ({"gpus": [GPU]}, 412, "gpus must be empty"),
    (STATIC, 412, "gpus must be provided"),
    ({"cloudProvider": "AWS"}, 409, "cloudProvider"),
    ({"clusterGroupName": "g" * 33}, 412, "clusterGroupName"),
    (gpus(), 200, ""),
]


@pytest.mark.parametrize(("change", "status", "said"), REPLACEMENT)
def test_replacement(sis: Sis, change: dict[str, Any], status: int, said: str) -> None:
    id_, wanted = sis.register()
    answer = sis.manage("PUT", f"{CLUSTERS}/{id_}", body(**{**wanted, **change}))
    if status == 200:
        assert answer.content == b""
    else:
        fault(answer, status, said)


def test_an_unknown_cluster_is_said_after_its_fields(sis: Sis) -> None:
    path = f"{CLUSTERS}/00000000-0000-0000-0000-000000000000"
    fault(sis.manage("PUT", path, body(region="moon-1")), 400)
    fault(sis.manage("PUT", path, body()), 404)


def test_keys_belong_to_one_cluster(sis: Sis) -> None:
    text, _ = key_set()
    id_, _ = sis.register(jwks=text, oidcIssuer="https://i")
    assert "jwks" not in sis.cluster(id_)
    fault(sis.manage("POST", CLUSTERS, body(jwks=text)), 409, "jwks")


def test_rotation(sis: Sis) -> None:
    text, _ = key_set()
    id_, _ = sis.register(jwks=text, oidcIssuer="https://i")
    other, _ = sis.register()
    path = "/v1/nvca/clusters/{}/jwks"
    fault(sis.manage("PUT", path.format(other), {"jwks": text}), 409)
    fresh, _ = key_set()
    answer = sis.manage("PUT", path.format(id_), {"jwks": fresh, "oidcIssuer": "  "})
    assert (answer.status_code, answer.content) == (200, b"")
    # The old keys are nobody's any more.
    assert sis.manage("PUT", path.format(other), {"jwks": text}).status_code == 200
    fault(sis.manage("PUT", path.format(other), {"jwks": "nope"}), 400)
    fault(sis.manage("PUT", path.format(other), {}), 400, "jwks must be provided")
    fault(sis.manage("PUT", path.format("unknown"), {"jwks": key_set()[0]}), 404)
    large = sis.manage("PUT", path.format(other), {"jwks": "x" * 66_000})
    assert (large.status_code, large.content) == (413, b"")
    status = sis.program.engine.store.read(lambda r: _of(r, id_)).status
    assert status["oidcIssuer"] == "https://i"


def _of(reader: Any, id_: str) -> Resource:
    return next(r for r in reader.resources("sis.clusters") if r.status["clusterId"] == id_)


def test_what_runs_keeps_a_cluster(sis: Sis, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, wanted = sis.register(**gpus(), authorizedNCAIds=["a"])
    placed = {"clusterId": id_, "ncaId": "a", "gpu": "H100", "instanceType": "H100_1x"}

    def place(tx: Transaction) -> None:
        made = Resource(
            f"{PLACED[0]}.d", "u", {}, None, {"placements": [placed]}, False, 0, tx.now, tx.now
        )
        tx.put(made, [by_cluster(id_)])

    store = sis.program.engine.store
    store.write(place)
    try:
        path = f"{CLUSTERS}/{id_}"
        fault(sis.manage("DELETE", path), 409, "active instances")
        other = gpus(instanceTypes=[{**TYPE, "name": "b", "value": "b"}])
        fault(sis.manage("PUT", path, body(**{**wanted, **other})), 409, "H100_1x")
        fault(sis.manage("PUT", path, body(**{**wanted, "authorizedNCAIds": []})), 409, "account a")
        fault(sis.manage("PUT", path, body(**{**wanted, "clusterGroupName": "away"})), 409)
        assert sis.manage("PUT", path, wanted).status_code == 200
    finally:
        store.write(lambda tx: tx.purge(f"{PLACED[0]}.d"))
    assert sis.manage("DELETE", f"{CLUSTERS}/{id_}").status_code == 200


def test_the_tables_are_the_contracts() -> None:
    assert len(rules.REGIONS) == len(set(rules.REGIONS)) == 46
    assert len(rules.ATTRIBUTES) == 14
    assert len(rules.PROVIDERS) == 9
