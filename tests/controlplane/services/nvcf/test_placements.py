"""Where deployments are, as clusters know it: what runs there keeps them as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane import clusters
from controlplane.access import times
from controlplane.clusters import Placement
from controlplane.queue.protocol import Load
from controlplane.reconcile import Reconciler
from controlplane.runtime.simulated import Simulated
from tests.controlplane.services.calling import ACCOUNT
from tests.controlplane.services.nvcf.conftest import BASE, Nvcf, deployed, gpu
from tests.controlplane.services.nvcf.conftest import body as function
from tests.controlplane.services.sis.conftest import CLUSTERS, GPU, body, fault

TYPE = {"gpu": "B200", "instanceType": "B200_1x", "backend": None}
B200 = {**GPU, "name": "B200",
        "instanceTypes": [{"name": "B200_1x", "value": "B200_1x", "default": True}]}  # fmt: skip
SI = f"/v1/si/accounts/{ACCOUNT}"
SCOPES = ("cluster-management", "gpu-usage", "instance_types")


class Edge:
    """A cluster with B200s of which no agent says how much is in use: this machine, too."""

    def __init__(self, nvcf: Nvcf) -> None:
        self._nvcf = nvcf
        self.bearer = nvcf.token(*SCOPES)
        self.wanted = body(capabilities=[], gpus=[B200], cloudProvider="AWS")
        self.id = self.ask("POST", CLUSTERS, self.wanted).json["clusterId"]
        nvcf.engine.store.write(self._ready)

    def _ready(self, tx: Any) -> None:
        found = tx.find(clusters.CLUSTERS, clusters.by_id(self.id))[0]
        now = times.stamp(times.parse(tx.now))
        status = {**found.status, "status": "READY", "lastHealthy": now}
        seen = found._replace(status=status)
        tx.put(seen, (*clusters.lookups(seen.spec or {}, status), clusters.EMBEDDED))

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return self._nvcf.call(method, path, self.bearer, body, **more)

    def put(self, **more: Any) -> Any:
        wanted = {k: v for k, v in {**self.wanted, **more}.items() if k != "clusterName"}
        return self.ask("PUT", f"{CLUSTERS}/{self.id}", wanted)

    @property
    def placements(self) -> list[Placement]:
        found: list[Placement] = self._nvcf.engine.store.read(
            lambda r: clusters.placements(r, self.id)
        )
        return found

    def counts(self) -> list[int]:
        return [p.instances for p in self.placements]

    @property
    def room(self) -> Any:
        """How many instances more there can be."""
        answer = self.ask("GET", f"{SI}/instanceTypes", params={"gpus": "B200"})
        return answer.json["B200"][0]["availableCapacity"] if answer.json else 0


@pytest.fixture
def edge(nvcf: Nvcf) -> Iterator[Edge]:
    made = Edge(nvcf)
    yield made
    assert made.ask("DELETE", f"{CLUSTERS}/{made.id}").status_code == 200


def test_what_runs_keeps_its_cluster(nvcf: Nvcf, edge: Edge) -> None:
    assert (edge.placements, edge.room) == ([], 8)
    f = nvcf.create()
    nvcf.deploy(f, **TYPE, minInstances=3, maxInstances=4)
    assert edge.placements == [Placement(ACCOUNT, "B200", "B200_1x", 3)]
    assert edge.room == 5

    fault(edge.ask("DELETE", f"{CLUSTERS}/{edge.id}"), 409, "active instances")
    other = {**B200, "instanceTypes": [{"name": "b", "value": "b", "default": True}]}
    fault(edge.put(gpus=[other]), 409, "B200_1x")
    fault(edge.put(clusterGroupName="away"), 409, "active instances")
    assert edge.put().status_code == 200

    nvcf.good("DELETE", deployed(f))
    assert (edge.placements, edge.room) == ([], 8)


def test_an_account_keeps_what_it_runs_on(nvcf: Nvcf, edge: Edge, other: str) -> None:
    assert edge.put(authorizedNCAIds=["other"]).status_code == 200
    f = nvcf.good("POST", f"{BASE}/functions", function(), bearer=other)["function"]
    specs = {"deploymentSpecifications": [gpu(**TYPE, minInstances=1)]}
    nvcf.good("POST", deployed(f), specs, bearer=other)
    fault(edge.put(authorizedNCAIds=[]), 409, "account other")
    assert edge.put(authorizedNCAIds=["third", "other"]).status_code == 200
    nvcf.good("DELETE", deployed(f), bearer=other)
    assert edge.put(authorizedNCAIds=[]).status_code == 200


def test_numbers_follow_changes(nvcf: Nvcf, edge: Edge) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f, **TYPE, minInstances=0)
    assert edge.counts() == []
    spec = d["deploymentSpecifications"][0]
    path = f"{BASE}/deployments/{d['deploymentId']}/gpu-specifications/{spec['gpuSpecificationId']}"
    for minimum, counts in ((2, [2]), (5, [5]), (1, [1]), (0, [])):
        nvcf.good("PATCH", path, {"minInstances": minimum, "maxInstances": 9})
        assert edge.counts() == counts
    put = {"deploymentSpecifications": [{"minInstances": 4, "maxInstances": 4}]}
    nvcf.good("PUT", deployed(f), put)
    assert edge.counts() == [4]
    nvcf.good("DELETE", deployed(f))


def test_nothing_is_overbooked_and_who_waits_gets_what_becomes_free(nvcf: Nvcf, edge: Edge) -> None:
    runtime = Simulated(0.0)
    reconciler = Reconciler(nvcf.engine, runtime)
    greedy, patient = nvcf.create(), nvcf.create()
    nvcf.deploy(greedy, **TYPE, minInstances=2**31 - 1, maxInstances=2**31 - 1)
    d = nvcf.deploy(patient, **TYPE, minInstances=2)
    assert (edge.counts(), edge.room) == ([8], 0)
    for _ in range(3):
        reconciler.run()
    assert len(runtime.list()) == 8
    assert nvcf.get(patient)["status"] == "DEPLOYING"
    waits = nvcf.good("GET", deployed(patient))["deployment"]["healthInfo"]
    assert [(w["gpu"], w["instanceType"]) for w in waits] == [("B200", "B200_1x")]
    assert "room for 2 more" in waits[0]["error"]
    nvcf.good("DELETE", deployed(greedy))
    for _ in range(3):
        reconciler.run()
    assert {i.id.partition("/")[0] for i in runtime.list()} == {d["deploymentId"]}
    assert len(runtime.list()) == 2
    assert nvcf.get(patient)["status"] == "ACTIVE"
    assert "healthInfo" not in nvcf.good("GET", deployed(patient))["deployment"]
    nvcf.good("DELETE", deployed(patient))
    reconciler.end()


def usage(edge: Edge, path: str) -> Any:
    answer = edge.ask("GET", f"{SI}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_usage(nvcf: Nvcf, edge: Edge) -> None:
    first, second = nvcf.create(), nvcf.create()
    d = nvcf.deploy(first, **TYPE, minInstances=2)
    nvcf.deploy(second, **TYPE, minInstances=1)
    whole, part = ({"activeInstances": 0, "pendingInstances": n} for n in (3, 2))

    def tree(status: Any) -> Any:
        at = {"clusterId": edge.id, "clusterGroupName": edge.wanted["clusterGroupName"],
              "status": status}  # fmt: skip
        regions = [{"regionName": "us-west-1", "clusters": [at]}]
        return {"gpuName": "B200",
                "instances": [{"instanceName": "B200_1x", "regions": regions}]}  # fmt: skip

    assert tree(whole) in usage(edge, "gpu/usage")["Gpus"]
    id_ = d["deploymentId"]
    assert usage(edge, f"deployments/{id_.upper()}/gpu/usage") == {
        "Deployments": [{"deploymentId": id_, "gpus": [tree(part)]}]
    }
    foreign = edge.ask("GET", f"/v1/si/accounts/other/deployments/{id_}/gpu/usage").json
    assert foreign == {"Deployments": [{"deploymentId": id_, "gpus": []}]}
    for f in (first, second):
        nvcf.good("DELETE", deployed(f))
    assert usage(edge, f"deployments/{id_}/gpu/usage")["Deployments"][0]["gpus"] == []


def test_what_runs_and_what_failed(nvcf: Nvcf, edge: Edge) -> None:
    runtime = Simulated(0.0)
    reconciler = Reconciler(nvcf.engine, runtime)
    f = nvcf.create()
    d = nvcf.deploy(f, **TYPE, minInstances=2)
    reconciler.run()
    reconciler.run()
    path = f"deployments/{d['deploymentId']}/gpu/usage"

    def status() -> Any:
        gpus = usage(edge, path)["Deployments"][0]["gpus"]
        return gpus[0]["instances"][0]["regions"][0]["clusters"][0]["status"] if gpus else None

    assert status() == {"activeInstances": 2, "pendingInstances": 0}
    nvcf.good("DELETE", deployed(f))
    d = nvcf.deploy(f, **TYPE, minInstances=2)
    path = f"deployments/{d['deploymentId']}/gpu/usage"
    assert status() == {"activeInstances": 0, "pendingInstances": 2}
    slow = Simulated(5.0)
    for w in runtime.list():
        runtime.stop(w.id)
    reconciler.end()
    reconciler = Reconciler(nvcf.engine, slow)
    reconciler.run()
    for i in slow.list():
        slow.fail(i.id, "no")
    reconciler.run()
    assert nvcf.get(f)["status"] == "ERROR"
    assert (status(), edge.counts()) == (None, [])
    reconciler.end()
    nvcf.good("DELETE", deployed(f))


def test_what_runs_beyond_the_minimum_is_placed_too(nvcf: Nvcf, edge: Edge) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f, **TYPE, minInstances=0, maxInstances=3)
    loads: dict[str, Load] = {}
    clock = [1000.0]
    runtime = Simulated(0.0)
    reconciler = Reconciler(nvcf.engine, runtime, lambda: loads, lambda: clock[0])
    reconciler.run()
    assert edge.counts() == []
    loads[f"nvcf.deployments.{f['versionId']}"] = Load(waiting=1)
    reconciler.run()
    reconciler.run()  # in the first pass it got its place
    assert edge.counts() == [len(runtime.list())] == [1]
    fault(edge.ask("DELETE", f"{CLUSTERS}/{edge.id}"), 409, "active instances")
    spec = d["deploymentSpecifications"][0]["gpuSpecificationId"]
    path = f"{BASE}/deployments/{d['deploymentId']}/gpu-specifications/{spec}"
    nvcf.good("PATCH", path, {"minInstances": 3})
    reconciler.run()
    assert edge.counts() == [len(runtime.list())] == [3]
    nvcf.good("DELETE", deployed(f))
    reconciler.run()
    reconciler.end()
    assert (edge.counts(), runtime.list()) == ([], [])


def test_a_plan_places_anew_what_no_longer_fits(nvcf: Nvcf, edge: Edge) -> None:
    def desired(**more: Any) -> Any:
        deployment = {"function": "placed", "deploymentSpecifications": [gpu(**more)]}
        return {"nvcf.functions.placed": function(), "nvcf.deployments.placed": deployment}

    nvcf.apply(desired(**TYPE, minInstances=2))
    assert edge.counts() == [2]
    nvcf.apply(desired(minInstances=2))
    assert edge.counts() == []
    nvcf.apply(desired(**TYPE, minInstances=1))
    assert edge.counts() == [1]
    nvcf.apply({})
    assert edge.counts() == []
