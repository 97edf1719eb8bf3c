"""Deployments: the table of creation, gates, PATCH and PUT, undeployment."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from controlplane.queue.protocol import Load
from tests.controlplane.services.calling import problem
from tests.controlplane.services.nvcf.conftest import BASE, Nvcf, at, body, deployed, gpu, specs


def auto(**more: Any) -> dict[str, Any]:
    return {"autoscalingConfiguration": more}


def up(**more: Any) -> dict[str, Any]:
    return auto(scaleUpDetails={"factor": 1.5, "threshold": 50, **more})


BAD: list[tuple[dict[str, Any], str]] = [
    ({"gpu": None}, "field=deploymentSpecifications[0].gpu"),
    ({"gpu": " "}, "must not be blank"),
    ({"gpu": "ZX81"}, "Invalid GPU"),
    ({"instanceType": ""}, "must not be blank"),
    ({"instanceType": "NO.SUCH"}, "Invalid InstanceType"),
    ({"backend": "nowhere"}, "Invalid Backend"),
    ({"clusters": ["c"]}, "exclude each other"),
    ({"maxInstances": None}, "maxInstances"),
    ({"maxInstances": 0}, "maxInstances"),
    ({"maxInstances": "many"}, "Failed to read request"),
    ({"maxInstances": True}, "Failed to read request"),
    ({"minInstances": -1}, "minInstances"),
    ({"minInstances": 3}, "cannot be more than"),
    ({"maxRequestConcurrency": 0}, "maxRequestConcurrency"),
    ({"maxRequestConcurrency": 16385}, "maxRequestConcurrency"),
    ({"preferredOrder": 0}, "preferredOrder"),
    ({"preferredOrder": 100}, "preferredOrder"),
    ({"configuration": {"a": 1}}, "helmChart"),
    ({"helmValidationPolicy": {"name": "default"}}, "helmChart"),
    (up(factor=0.5), "factor"),
    (auto(scaleDownDetails={"factor": 1.5, "threshold": 50}), "factor"),
    (up(threshold=-1), "threshold"),
    (up(stickiness={"size": "PT2H", "threshold": "PT1M"}), "at most PT1H"),
    (up(stickiness={"size": "PT5M", "threshold": "PT300S"}), "less than size"),
]


@pytest.fixture(scope="module")
def function(nvcf: Nvcf) -> dict[str, Any]:
    return nvcf.create(name="dep")


@pytest.mark.parametrize(("more", "said"), BAD, ids=[str(row[0]) for row in BAD])
def test_what_is_refused(
    nvcf: Nvcf, function: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    problem(nvcf.ask("POST", deployed(function), specs(**more)), 400, said)
    assert nvcf.get(function)["status"] == "INACTIVE"


@pytest.mark.parametrize(
    "sent", [{}, {"deploymentSpecifications": None}, {"deploymentSpecifications": []}]
)
def test_specifications_are_needed(nvcf: Nvcf, function: dict[str, Any], sent: Any) -> None:
    problem(nvcf.ask("POST", deployed(function), sent), 400)


def test_who_is_not_there(nvcf: Nvcf, function: dict[str, Any], other: str) -> None:
    unknown = {**function, "versionId": str(uuid4())}
    for method in ("GET", "POST", "PUT", "DELETE"):
        sent = specs() if method in ("POST", "PUT") else None
        problem(nvcf.ask(method, deployed(unknown), sent), 404, unknown["versionId"])
        problem(nvcf.ask(method, deployed(function), sent, bearer=other), 404)
        problem(nvcf.ask(method, deployed({"id": "null", "versionId": "null"}), sent), 400)
    for method in ("GET", "DELETE"):
        problem(nvcf.ask(method, deployed(function)), 404, function["versionId"])
    key = nvcf.key("deploy_function", resources=[{"type": "task", "id": "*"}])
    problem(nvcf.ask("POST", deployed(function), specs(), bearer=key), 403)


def test_the_answer_and_the_way_back(nvcf: Nvcf) -> None:
    f = nvcf.create(name="dep")
    answer = nvcf.ask("POST", deployed(f), specs(backend="NCP-Local", **up()))
    d = answer.json["deployment"]
    id_, spec_id = d["deploymentId"], d["deploymentSpecifications"][0]["gpuSpecificationId"]
    assert answer.text == (
        f'{{"deployment":{{"functionId":"{f["id"]}","functionVersionId":"{f["versionId"]}",'
        f'"deploymentId":"{id_}","functionName":"dep","ncaId":"nvcf-default",'
        f'"functionStatus":"ACTIVE","deploymentSpecifications":[{{"gpuSpecificationId":"{spec_id}",'
        '"gpu":"H100","backend":"NCP-Local","maxInstances":2,"minInstances":0,'
        '"instanceType":"NCP.GPU.H100_1x","maxRequestConcurrency":1,"preferredOrder":1,'
        '"autoscalingConfiguration":{"scaleUpDetails":{"factor":1.5,"threshold":50}}}],'
        f'"createdAt":"{d["createdAt"]}","lastUpdatedAt":"{d["createdAt"]}"}}}}'
    )
    assert id_ not in (f["id"], f["versionId"])
    assert nvcf.good("GET", deployed(f))["deployment"] == d
    assert nvcf.good("GET", f"{BASE}/deployments/{id_}")["deployment"] == d
    problem(nvcf.ask("GET", f"{BASE}/deployments/{uuid4()}"), 404)
    problem(nvcf.ask("POST", deployed(f), specs()), 400, "PATCH")
    nvcf.create(f["id"])
    nvcf.good("PUT", at(f), {"tags": ["x"]})
    gone = nvcf.good("DELETE", deployed(f))["function"]
    assert (gone["versionId"], gone["status"]) == (f["versionId"], "INACTIVE")
    problem(nvcf.ask("GET", f"{BASE}/deployments/{id_}"), 404)
    assert nvcf.deploy(f)["deploymentId"] != id_


def test_patch(nvcf: Nvcf, other: str) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f, **up())
    spec_id = d["deploymentSpecifications"][0]["gpuSpecificationId"]

    def path(deployment: str = d["deploymentId"], spec: str = spec_id) -> str:
        return f"{BASE}/deployments/{deployment}/gpu-specifications/{spec}"

    def patched(**sent: Any) -> dict[str, Any]:
        return dict(nvcf.good("PATCH", path(), sent)["gpuSpecification"])

    assert patched(maxInstances=4)["maxInstances"] == 4
    assert patched(minInstances=1)["minInstances"] == 1
    assert patched(gpu="ZX81", maxInstances=4)["gpu"] == "H100"
    assert "autoscalingConfiguration" in patched(
        autoscalingConfiguration={"scaleUpDetails": {"factor": 2.0, "threshold": 1}}
    )
    assert "autoscalingConfiguration" not in patched(
        autoscalingConfigurationPolicy="platform_configuration"
    )
    for sent in (
        {},
        {"maxInstances": 0},
        {"minInstances": -1},
        {"minInstances": 3, "maxInstances": 2},
        {"minInstances": 5},
        {"maxInstances": "x"},
    ):
        problem(nvcf.ask("PATCH", path(), sent), 400)
    for where in (path(str(uuid4())), path(d["deploymentId"], str(uuid4()))):
        problem(nvcf.ask("PATCH", where, {"maxInstances": 4}), 404)
    problem(nvcf.ask("PATCH", path("null", "null"), {"maxInstances": 4}), 400)
    problem(nvcf.ask("PATCH", path(), {"maxInstances": 4}, bearer=other), 404)
    stored = nvcf.good("GET", deployed(f))["deployment"]
    assert stored["deploymentSpecifications"][0]["maxInstances"] == 4
    assert stored["deploymentId"] == d["deploymentId"]


BACKENDS: list[tuple[dict[str, Any], dict[str, Any], int]] = [
    ({}, {}, 200),
    ({}, {"backend": None}, 400),
    ({}, {"backend": "elsewhere"}, 400),
    ({"backend": None}, {}, 400),
    ({"backend": None}, {"backend": None}, 200),
    ({"backend": None, "clusters": ["a", "b"]}, {"backend": None, "clusters": ["b", "a"]}, 200),
    ({"backend": None, "clusters": ["a", "b"]}, {"backend": None, "clusters": ["a"]}, 400),
    ({"backend": None, "clusters": ["a"]}, {"backend": None, "clusters": ["a", "b"]}, 400),
    ({"backend": None, "clusters": ["a"]}, {"backend": None}, 400),
    ({"backend": None}, {"backend": None, "clusters": []}, 200),
]  # fmt: skip


@pytest.mark.parametrize(("before", "sent", "status"), BACKENDS)
def test_put_and_where_it_runs(
    nvcf: Nvcf, before: dict[str, Any], sent: dict[str, Any], status: int
) -> None:
    f = nvcf.create()
    nvcf.deploy(f, **before)
    assert nvcf.ask("PUT", deployed(f), specs(**sent)).status_code == status


def test_put(nvcf: Nvcf) -> None:
    f = nvcf.create()
    problem(nvcf.ask("PUT", deployed(f), specs()), 404)
    d = nvcf.deploy(f, maxRequestConcurrency=7, **up())
    one = d["deploymentSpecifications"][0]
    changed = nvcf.good("PUT", deployed(f), specs(maxInstances=5))["deployment"]
    assert changed["deploymentSpecifications"] == [{**one, "maxInstances": 5}]
    again = nvcf.good("PUT", deployed(f), specs(maxInstances=5))["deployment"]
    assert again == changed
    for sent in (
        {"deploymentSpecifications": []},
        {"deploymentSpecifications": [gpu(gpuSpecificationId=one["gpuSpecificationId"]), gpu()]},
        specs(gpuSpecificationId=str(uuid4())),
        specs(gpu="ZX81"),
        specs(minInstances=9),
    ):
        problem(nvcf.ask("PUT", deployed(f), sent), 400)


def test_put_of_two_needs_their_ids(nvcf: Nvcf) -> None:
    f = nvcf.create()
    sent = {"deploymentSpecifications": [gpu(preferredOrder=1), gpu(preferredOrder=2)]}
    made = nvcf.good("POST", deployed(f), sent)["deployment"]["deploymentSpecifications"]
    ids = [s["gpuSpecificationId"] for s in made]
    problem(
        nvcf.ask(
            "PUT",
            deployed(f),
            {"deploymentSpecifications": [gpu(gpuSpecificationId=ids[0]), gpu()]},
        ),
        400,
    )
    problem(nvcf.ask("PUT", deployed(f), specs(gpuSpecificationId=ids[0])), 400)
    swapped = [gpu(gpuSpecificationId=i, maxInstances=3 + n) for n, i in enumerate(reversed(ids))]
    found = nvcf.good("PUT", deployed(f), {"deploymentSpecifications": swapped})["deployment"]
    assert [s["maxInstances"] for s in found["deploymentSpecifications"]] == [4, 3]


@pytest.mark.parametrize("word", ["true", "1", "yes", "ON", "false", "0", "no", "off", ""])
def test_undeployment_with_nothing_in_the_queue_is_at_once(nvcf: Nvcf, word: str) -> None:
    f = nvcf.create()
    nvcf.deploy(f)
    nvcf.good("DELETE", deployed(f), query_string=f"graceful={word}")
    problem(nvcf.ask("GET", deployed(f)), 404)
    problem(nvcf.ask("DELETE", deployed(f)), 404)


def test_graceful_is_a_boolean(nvcf: Nvcf) -> None:
    problem(nvcf.ask("DELETE", deployed(nvcf.create()), query_string="graceful=banana"), 400)


def test_draining(nvcf: Nvcf, monkeypatch: pytest.MonkeyPatch) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f)
    version = f["versionId"]

    async def loads() -> dict[str, Load]:
        return {f"nvcf.deployments.{version}": Load(running=1)}

    monkeypatch.setattr(nvcf.program._invoking.plane.queue, "loads", loads)
    gone = nvcf.good("DELETE", deployed(f), query_string="graceful=true")["function"]
    assert gone["status"] == nvcf.get(f)["status"] == "INACTIVE"
    kept = nvcf.good("GET", deployed(f))["deployment"]
    assert (kept["deploymentId"], kept["functionStatus"]) == (d["deploymentId"], "INACTIVE")
    problem(nvcf.ask("POST", deployed(f), specs()), 400, "draining")
    problem(nvcf.ask("PUT", deployed(f), specs()), 400)
    nvcf.good("DELETE", deployed(f))
    nvcf.deploy(f)


def test_a_version_takes_its_deployment_along(nvcf: Nvcf) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f)
    nvcf.good("DELETE", at(f))
    problem(nvcf.ask("GET", f"{BASE}/deployments/{d['deploymentId']}"), 404)
    problem(nvcf.ask("POST", deployed(f), specs()), 404)


def test_without_anything_that_runs_it_stays_deploying(nvcf: Nvcf) -> None:
    f = nvcf.create()
    assert nvcf.deploy(f, minInstances=1)["functionStatus"] == "DEPLOYING"
    nvcf.program._loop.once()
    assert nvcf.get(f)["status"] == "DEPLOYING"
    problem(nvcf.ask("POST", deployed(f), specs()), 400)


def test_no_cluster_no_deployment(nvcf: Nvcf, other: str) -> None:
    f = nvcf.good("POST", f"{BASE}/functions", body(), bearer=other)["function"]
    answer = nvcf.ask("POST", deployed(f), specs(), bearer=other)
    assert answer.status_code in (200, 400)  # whether this machine serves every account


def test_deployments_of_an_account(nvcf: Nvcf) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f)
    bearer = nvcf.token("admin:deploy_function")
    path = f"{BASE}/accounts/nvcf-default/deployments"
    assert d in nvcf.good("GET", path, bearer=bearer)["deployments"]
    assert nvcf.good("GET", f"{path}/{d['deploymentId']}", bearer=bearer)["deployment"] == d
