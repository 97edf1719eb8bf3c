"""The queue over a real state: what is launched never needs more than there is, whatever is asked,
ended or deleted, and in whatever order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.kinds import Waiting
from controlplane.services.nvct import queue
from controlplane.services.nvct.lookups import LIVE, WAITING
from tests.controlplane.services.nvct.conftest import TASKS, Nvct, World, gpu

SIZES = {n: f"NCP.GPU.H100_{n}x" for n in (1, 2, 4, 8)}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.sampled_from(sorted(SIZES))),
        st.tuples(st.sampled_from(["end", "fail", "cancel", "delete", "lose", "pass", "restart"]), st.integers(0, 9)),
    ),
    max_size=25,
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_never_more_than_there_is(nvct: Nvct, steps: list[tuple[str, int]]) -> None:
    nvct.sweep()
    world, made = World(nvct), []
    try:
        for what, n in steps:
            _step(nvct, world, made, what, n)
            placed = nvct.engine.store.read(lambda r: r.find("nvct.tasks", LIVE))
            assert (
                sum(p["gpus"] * p["instances"] for r in placed for p in r.status["placements"]) <= 8
            )
        # Once what runs has ended, the others have their turn: all of them end, each once.
        for _ in range(len(made) * 2 + 1):
            for instance in world.runtime.list():
                world.runtime.end(instance.id)
            world.passes(2)
        states = nvct.states(
            *(t for t in made if nvct.ask("GET", f"{TASKS}/{t['id']}").status_code == 200)
        )
        assert set(states) <= {"COMPLETED", "ERRORED", "CANCELED"}
        assert len(set(world.started)) == len(world.started)
    finally:
        world.reconciler.end()


def _step(nvct: Nvct, world: World, made: list[Any], what: str, n: int) -> None:
    if what == "create":
        made.append(nvct.create(gpuSpecification=gpu(instanceType=SIZES[n])))
    elif what == "pass":
        world.passes(1)
    elif what == "restart":
        world.restart()
    elif what in ("cancel", "delete") and made:
        task = made[n % len(made)]
        method, below = ("POST", "/cancel") if what == "cancel" else ("DELETE", "")
        nvct.ask(method, f"{TASKS}/{task['id']}{below}")
    elif running := world.runtime.list():
        id_ = running[n % len(running)].id
        {
            "end": world.runtime.end,
            "fail": lambda i: world.runtime.fail(i, "broke"),
            "lose": world.runtime.stop,
        }.get(what, lambda _: None)(id_)


def test_what_waits_is_read_once(nvct: Nvct, world: World) -> None:
    """A queue that stands still is known from the pass before: only what is new is read."""
    blocking = nvct.create(gpuSpecification=gpu(instanceType=SIZES[8]))
    world.passes()
    for _ in range(30):
        nvct.create()
    reads: list[str] = []

    def admit(memory: Any) -> Any:
        def work(reader: Any) -> Any:
            find, get = reader.find, reader.get
            reader.find = lambda kind, lookup: (
                reads.append(f"find {lookup.value}"),
                find(kind, lookup),
            )[1]
            reader.get = lambda address: (reads.append("get"), get(address))[1]
            return queue.admit(Waiting(reader, time.time(), tuple(world.runtime.list()), memory))

        return nvct.engine.store.read(work)

    first = admit(None)
    assert reads.count(f"find {WAITING.value}") == 1
    reads.clear()
    nvct.create()
    second = admit(first.memory)
    assert reads.count(f"find {WAITING.value}") == 0
    assert reads.count("get") == 1
    assert (first.changes, second.changes) == ([], [])
    assert len(second.memory.entries) == 31
    assert nvct.get(blocking)["status"] == "RUNNING"


def test_clusters_that_are_named_are_kept_to(nvct: Nvct, world: World) -> None:
    task = nvct.create(
        gpuSpecification=gpu(
            backend=None, clusters=["NCP-local"], gpu="h100", instanceType="ncp.gpu.h100_1X"
        )
    )
    world.passes()
    assert nvct.get(task)["status"] == "RUNNING"
    (placement,) = nvct.resource(f"nvct.tasks.{task['id']}").status["placements"]
    assert (placement["gpu"], placement["instanceType"], placement["gpus"]) == ("H100", SIZES[1], 1)


@pytest.mark.parametrize("size", [2, 8])
def test_an_early_large_one_is_not_passed_over_for_ever(
    nvct: Nvct, world: World, size: int
) -> None:
    """Small ones may fill what it cannot use, but not once it has waited too long."""
    small = [nvct.create(maxRuntimeDuration=None) for _ in range(7)]
    world.passes()
    large = nvct.create(gpuSpecification=gpu(instanceType=SIZES[size]), maxRuntimeDuration=None)
    world.clock.now += 700
    later = [nvct.create(maxRuntimeDuration=None) for _ in range(4)]
    world.passes()
    assert nvct.get(large)["status"] == "QUEUED"
    assert set(nvct.states(*later)) == {"QUEUED"}
    for task in small:
        world.runtime.end(world.instance(task))
    world.passes()
    assert nvct.get(large)["status"] == "RUNNING"


# --------------------------------------------------------------------------- together with functions

LARGE = {"gpuSpecification": gpu(instanceType="NCP.GPU.H100_8x")}


class Function:
    """A function that wants all GPUs there are, deployed and taken away by hand."""

    def __init__(self, nvct: Nvct) -> None:
        self._nvct = nvct
        self._token = nvct.token("register_function", "deploy_function", "delete_function")
        body = {"name": "f", "inferenceUrl": "/", "containerImage": "samples.aicr.local/echo:1"}
        made = self._good("POST", "/v2/nvcf/functions", body).json["function"]
        self._at = f"/v2/nvcf/deployments/functions/{made['id']}/versions/{made['versionId']}"
        self._itself = f"/v2/nvcf/functions/{made['id']}/versions/{made['versionId']}"

    def _good(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._nvct.call(method, path, self._token, body)
        assert answer.status_code in (200, 204), answer.text
        return answer

    def deploy(self) -> None:
        one = {**LARGE["gpuSpecification"], "minInstances": 1, "maxInstances": 1}
        self._good("POST", self._at, {"deploymentSpecifications": [one]})

    def undeploy(self) -> None:
        self._good("DELETE", self._at)

    def remove(self) -> None:
        self._good("DELETE", self._itself)


@pytest.fixture
def function(nvct: Nvct, world: World) -> Iterator[Function]:
    made = Function(nvct)
    yield made
    made.remove()
    world.passes()


def _runs(world: World) -> list[str]:
    return [i.address.partition(".")[0] for i in world.runtime.list()]


def test_what_was_taken_since_it_was_looked_at_is_not_given(
    nvct: Nvct, world: World, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvct.create(**LARGE)
    store, read = nvct.engine.store, nvct.engine.store.read
    deployed: list[bool] = []

    def reading(work: Any) -> Any:
        found = read(work)
        if getattr(found, "changes", None) and not deployed:
            deployed.append(True)
            function.deploy()
        return found

    monkeypatch.setattr(store, "read", reading)
    world.passes()
    assert deployed
    assert _runs(world) == ["nvcf"]


def _cancelled(nvct: Nvct, world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A task that has all GPUs, and its grace."""
    made = nvct.create(**LARGE)
    world.passes()
    (instance,) = world.runtime.list()
    monkeypatch.setattr(world.runtime, "ending", lambda: (instance,))
    nvct.good("POST", f"{TASKS}/{made['id']}/cancel")
    world.passes()
    return made


def test_whoever_takes_over_knows_what_is_still_ending(
    nvct: Nvct, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _cancelled(nvct, world, monkeypatch)
    second = nvct.create(**LARGE)
    world.restart()
    world.passes()
    assert nvct.states(first, second) == ["CANCELED", "QUEUED"]
    monkeypatch.setattr(world.runtime, "ending", tuple)
    world.passes(1)
    assert nvct.states(first, second) == ["CANCELED", "LAUNCHED"]
    assert "placements" not in nvct.resource(f"nvct.tasks.{first['id']}").status


def test_a_function_waits_for_what_is_still_ending(
    nvct: Nvct, world: World, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cancelled(nvct, world, monkeypatch)
    function.deploy()
    world.passes()
    assert _runs(world) == []
    monkeypatch.setattr(world.runtime, "ending", tuple)
    world.passes()
    assert _runs(world) == ["nvcf"]


def test_a_task_waits_for_a_function_that_drains(
    nvct: Nvct, world: World, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    function.deploy()
    world.passes()
    (instance,) = world.runtime.list()
    monkeypatch.setattr(world.runtime, "ending", lambda: (instance,))
    function.undeploy()
    made = nvct.create(**LARGE)
    world.passes()
    assert nvct.states(made) == ["QUEUED"]
    monkeypatch.setattr(world.runtime, "ending", tuple)
    world.passes()
    assert nvct.states(made) == ["RUNNING"]
