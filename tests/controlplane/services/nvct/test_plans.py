"""Tasks as desired state: one that has ended is as wanted; another spec is another task."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.errors import InvalidRequest
from controlplane.plan.builder import drift_of, state_of
from tests.controlplane import engines
from tests.controlplane.services.nvct.conftest import IMAGE, Nvct, World, gpu

ADDRESS = "nvct.tasks.nightly"


def spec(**more: Any) -> dict[str, Any]:
    found = {
        "name": "nightly",
        "containerImage": IMAGE,
        "gpuSpecification": gpu(),
        "resultHandlingStrategy": "NONE",
        **more,
    }
    return {k: v for k, v in found.items() if v is not None}


@pytest.fixture
def declared(nvct: Nvct, world: World) -> Any:
    assert nvct.apply({ADDRESS: spec()}) == [("create", ADDRESS)]
    yield nvct.resource(ADDRESS)
    nvct.apply({})


def plan(nvct: Nvct, specs: Any) -> list[tuple[str, str]]:
    return engines.stages(engines.plan(nvct.engine, specs))


def test_a_task_that_has_ended_is_no_drift(nvct: Nvct, world: World, declared: Any) -> None:
    world.passes()
    world.runtime.end(world.instance({"id": declared.uid}))
    world.passes()
    assert nvct.resource(ADDRESS).status["status"] == "COMPLETED"
    assert plan(nvct, {ADDRESS: spec()}) == []
    assert list(drift_of(nvct.engine.store.read(state_of))) == []
    world.passes()
    assert len(world.started) == 1


@pytest.mark.parametrize(
    "more", [{"containerArgs": "--again"}, {"maxRuntimeDuration": "PT2H"}, {"nodes": 2}]
)
def test_another_spec_is_another_task(nvct: Nvct, world: World, declared: Any, more: Any) -> None:
    world.passes()
    first = world.instance({"id": declared.uid})
    world.runtime.end(first)
    world.passes()
    assert nvct.apply({ADDRESS: spec(**more)}) == [("replace", ADDRESS)]
    again = nvct.resource(ADDRESS)
    assert again.uid != declared.uid
    assert again.status["status"] == "QUEUED"
    assert "history" not in again.status
    world.passes()
    assert nvct.resource(ADDRESS).status["status"] == "RUNNING"
    assert len(set(world.started)) == len(world.started) == 1 + more.get("nodes", 1)


def test_a_running_task_that_is_replaced_is_stopped(
    nvct: Nvct, world: World, declared: Any
) -> None:
    world.passes()
    before = world.instance({"id": declared.uid})
    nvct.apply({ADDRESS: spec(containerArgs="--again")})
    world.passes()
    running = [i.id for i in world.runtime.list()]
    assert len(running) == 1
    assert running != [before]


@pytest.mark.parametrize("more", [{"tags": ["a"]}, {"description": "d"}, {"priority": 3}])
def test_what_describes_it_changes_nothing_that_runs(
    nvct: Nvct, world: World, declared: Any, more: Any
) -> None:
    world.passes()
    assert nvct.apply({ADDRESS: spec(**more)}) == [("update", ADDRESS)]
    world.passes()
    assert nvct.resource(ADDRESS).uid == declared.uid
    assert len(world.started) == 1


def test_it_is_found_by_its_id_and_has_its_secrets(nvct: Nvct, world: World) -> None:
    seen: list[Any] = []
    begin = world.runtime.start
    world.runtime.start = lambda *given: (seen.append(given[2]), begin(*given))  # type: ignore[func-returns-value, assignment, method-assign]
    given = spec(secrets={"ALPHA": "env:ALPHA"})
    nvct.apply({ADDRESS: given}, {"env:ALPHA": "one"})
    world.passes()
    task = nvct.get({"id": nvct.resource(ADDRESS).uid})
    assert (task["status"], task["secrets"]) == ("RUNNING", ["ALPHA"])
    assert seen == [{"ALPHA": "one"}]
    nvct.apply({})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"gpuSpecification": gpu(gpu="ZX81")}, "Invalid GPU"),
        ({"resultHandlingStrategy": "UPLOAD"}, "NGC_API_KEY"),
        ({"terminationGracePeriodDuration": "PT0S"}, "terminationGracePeriodDuration"),
        ({"containerImage": None}, "exactly one"),
    ],
)
def test_what_is_wrong_is_refused_when_it_is_applied(
    nvct: Nvct, world: World, more: Any, said: str
) -> None:
    wrong = {ADDRESS: spec(**more)}
    with pytest.raises(InvalidRequest, match=said):
        nvct.apply(wrong)
    assert nvct.resource(ADDRESS) is None
