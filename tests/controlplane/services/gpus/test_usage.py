"""What deployments of an account use, at least and at most."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.services.gpus.usage import Bounds, of_specifications
from tests.controlplane.services.calling import ACCOUNT, Vendor, problem
from tests.controlplane.test_placing import TWO

PATH = f"/v2/nvcf/accounts/{ACCOUNT}/usage/gpus"
ADMIN = "admin:deploy_function"
FUNCTION = {"name": "echo", "inferenceUrl": "/", "containerImage": "samples.aicr.local/echo:1"}


def spec(least: int, most: int, **more: Any) -> dict[str, Any]:
    return {
        "gpu": "H100",
        "instanceType": "1x",
        "minInstances": least,
        "maxInstances": most,
        **more,
    }


@pytest.fixture(scope="module")
def nvcf(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Vendor(home=str(tmp_path_factory.mktemp("home")))
    yield made
    made.close()


def test_sums_by_instance_type_and_by_every_cluster_that_has_it() -> None:
    found = of_specifications(
        [spec(1, 2), spec(3, 5, backend="g"), spec(0, 7, clusters=["three"]),
         spec(1, 1, instanceType="4x"), spec(2, 9, gpu="L40S")], TWO,
    )  # fmt: skip
    seen = [(u.gpu, u.type, u.total, {c.name: b for c, b in u.clusters}) for u in found]
    assert seen == [
        ("H100", "1x", Bounds(14, 4),
         {"one": Bounds(7, 4), "two": Bounds(7, 4), "three": Bounds(9, 1)}),
        ("H100", "4x", Bounds(1, 1), dict.fromkeys(("one", "two", "three"), Bounds(1, 1))),
        ("L40S", "1x", Bounds(9, 2), {}),
    ]  # fmt: skip
    assert [c.name for c, _ in found[0].clusters] == ["one", "three", "two"]


def test_of_an_account(nvcf: Vendor) -> None:
    bearer, admin = nvcf.token("register_function", "deploy_function"), nvcf.token(ADMIN)
    assert nvcf.call("GET", PATH, admin).json == {"gpus": []}
    made = []
    for least, most in ((0, 3), (2, 4)):
        f = nvcf.call("POST", "/v2/nvcf/functions", bearer, FUNCTION).json["function"]
        path = f"/v2/nvcf/deployments/functions/{f['id']}/versions/{f['versionId']}"
        gpu = spec(least, most, instanceType="NCP.GPU.H100_1x")
        assert (
            nvcf.call("POST", path, bearer, {"deploymentSpecifications": [gpu]}).status_code == 200
        )
        made.append(path)
    (found,) = nvcf.call("GET", PATH, admin).json["gpus"]
    (placement,) = found.pop("placements")
    counts = {"currentMaxUsage": 7, "currentMinUsage": 2}
    assert found == {"gpu": "H100", "instanceType": "NCP.GPU.H100_1x", **counts}
    assert list(placement) == [
        "clusterId", "cluster", "clusterGroupId", "clusterGroup", "cloudProvider", "region",
        "currentMaxUsage", "currentMinUsage",
    ]  # fmt: skip
    assert (placement["cluster"], placement["region"]) == ("ncp-local", "us-west-1")
    assert counts.items() <= placement.items()
    nvcf.call("DELETE", made[1], bearer)
    (found,) = nvcf.call("GET", PATH, admin).json["gpus"]
    assert (found["currentMaxUsage"], found["currentMinUsage"]) == (3, 0)


def test_who_may(nvcf: Vendor) -> None:
    assert nvcf.call("GET", PATH).status_code == 401
    problem(nvcf.call("GET", PATH, nvcf.token("deploy_function")), 403, "Access Denied")
    problem(nvcf.call("GET", PATH, nvcf.key("deploy_function")), 403, "Access Denied")
    nowhere = "/v2/nvcf/accounts/nowhere/usage/gpus"
    problem(nvcf.call("GET", nowhere, nvcf.token(ADMIN)), 404, "nowhere")
