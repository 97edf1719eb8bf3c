"""Deployments with a runtime in which nothing runs: DEPLOYING to ACTIVE, failures, ends."""

from __future__ import annotations

import time
from typing import Any

import pytest

from controlplane.reconcile import LEASE, Reconciler
from controlplane.runtime.simulated import Simulated
from controlplane.state import leases
from controlplane.state.protocol import Actor
from tests.controlplane.services.nvcf.conftest import BASE, Nvcf, at, deployed


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runtime(clock: Clock) -> Simulated:
    return Simulated(5.0, clock)


@pytest.fixture
def turn(nvcf: Nvcf, runtime: Simulated) -> Any:
    """A pass of the reconciler."""
    reconciler = Reconciler(nvcf.engine, runtime)
    yield reconciler.run
    reconciler.end()


def ids(runtime: Simulated, d: dict[str, Any]) -> list[str]:
    return [i.id for i in runtime.list() if i.id.startswith(d["deploymentId"])]


def test_a_life(nvcf: Nvcf, runtime: Simulated, turn: Any, clock: Clock) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f, minInstances=2)
    assert d["functionStatus"] == "DEPLOYING"
    turn()
    assert len(ids(runtime, d)) == 2
    seen = nvcf.get(f)
    assert seen["status"] == "DEPLOYING"
    assert [i["instanceStatus"] for i in seen["activeInstances"]] == ["STARTING", "STARTING"]
    clock.now = 10
    turn()
    seen = nvcf.get(f)
    assert seen["status"] == "ACTIVE"
    assert {i["instanceStatus"] for i in seen["activeInstances"]} == {"ACTIVE"}
    assert "activeInstances" not in nvcf.get(f, bearer=nvcf.token("list_functions"))

    first = ids(runtime, d)[0]
    runtime.fail(first, "out of memory")
    turn()
    deployment = nvcf.good("GET", deployed(f))["deployment"]
    assert deployment["functionStatus"] == nvcf.get(f)["status"] == "DEGRADING"
    assert deployment["healthInfo"] == [
        {
            "gpu": "H100",
            "backend": "ncp-local",
            "instanceType": "NCP.GPU.H100_1x",
            "error": "out of memory",
        }
    ]
    clock.now = 20
    turn()
    assert "healthInfo" not in nvcf.good("GET", deployed(f))["deployment"]
    assert nvcf.get(f)["status"] == "ACTIVE"

    for id_ in ids(runtime, d):
        runtime.fail(id_, "gone")
    turn()
    assert nvcf.get(f)["status"] == "DEGRADED"

    spec_id = d["deploymentSpecifications"][0]["gpuSpecificationId"]
    path = f"{BASE}/deployments/{d['deploymentId']}/gpu-specifications/{spec_id}"
    nvcf.good("PATCH", path, {"minInstances": 1})
    clock.now = 30
    turn()
    turn()
    assert nvcf.get(f)["status"] == "ACTIVE"
    nvcf.good("PATCH", path, {"maxInstances": 1})
    turn()
    assert (len(ids(runtime, d)), nvcf.get(f)["status"]) == (1, "ACTIVE")

    nvcf.good("DELETE", deployed(f))
    turn()
    assert ids(runtime, d) == []


def test_everything_fails(nvcf: Nvcf, runtime: Simulated, turn: Any) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f, minInstances=1)
    turn()
    for id_ in ids(runtime, d):
        runtime.fail(id_, "no such image")
    turn()
    assert nvcf.get(f)["status"] == "ERROR"
    deployment = nvcf.good("GET", deployed(f))["deployment"]
    assert deployment["healthInfo"][0]["error"] == "no such image"
    turn()
    assert ids(runtime, d) == []
    answer = nvcf.ask(
        "POST", deployed(f), {"deploymentSpecifications": deployment["deploymentSpecifications"]}
    )
    assert answer.status_code == 400
    assert "undeploy it first" in answer.json["detail"]
    assert nvcf.good("DELETE", deployed(f))["function"]["status"] == "INACTIVE"


def test_minimum_zero_needs_nothing(nvcf: Nvcf, runtime: Simulated, turn: Any) -> None:
    f = nvcf.create()
    d = nvcf.deploy(f)
    turn()
    assert (nvcf.get(f)["status"], ids(runtime, d)) == ("ACTIVE", [])
    nvcf.good("DELETE", at(f))


DAY = 24 * 3600.0


@pytest.fixture
def broken(nvcf: Nvcf, runtime: Simulated, turn: Any) -> Any:
    """A function whose deployment is in error."""
    f = nvcf.create()
    d = nvcf.deploy(f, minInstances=1)
    turn()
    for id_ in ids(runtime, d):
        runtime.fail(id_, "no")
    turn()
    assert nvcf.get(f)["status"] == "ERROR"
    return f


def later(nvcf: Nvcf, runtime: Simulated, days: float) -> None:
    """A pass after so many days."""
    reconciler = Reconciler(nvcf.engine, runtime, clock=lambda: time.time() + days * DAY)
    reconciler.run()
    reconciler.end()


def test_what_was_in_error_for_a_week_is_cleaned(
    nvcf: Nvcf, runtime: Simulated, turn: Any, broken: Any
) -> None:
    end(nvcf)
    later(nvcf, runtime, 6.99)
    assert nvcf.get(broken)["status"] == "ERROR"
    later(nvcf, runtime, 7.01)
    assert nvcf.get(broken)["status"] == "INACTIVE"
    assert nvcf.ask("GET", deployed(broken)).status_code == 404
    assert nvcf.deploy(broken)["functionStatus"] == "ACTIVE"
    later(nvcf, runtime, 99)
    assert nvcf.get(broken)["status"] == "ACTIVE"
    nvcf.good("DELETE", deployed(broken))


def test_what_is_protected_is_not_cleaned(
    nvcf: Nvcf, runtime: Simulated, turn: Any, broken: Any
) -> None:
    end(nvcf)
    protect(nvcf, broken, protected=True)
    later(nvcf, runtime, 99)
    assert nvcf.get(broken)["status"] == "ERROR"
    protect(nvcf, broken, protected=False)
    nvcf.good("DELETE", deployed(broken))


def protect(nvcf: Nvcf, f: Any, *, protected: bool) -> None:
    def put(changes: Any) -> None:
        found = changes.tx.get(f"nvcf.deployments.{f['versionId']}")
        changes.put(found._replace(protected=protected), "updated")

    nvcf.engine.change_now(Actor("me"), put)


def end(nvcf: Nvcf) -> None:
    """Nobody reconciles."""
    nvcf.engine.store.write(lambda tx: leases.release(tx, tx.lease(LEASE)))
