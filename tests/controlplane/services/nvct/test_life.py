"""Tasks as the reconciler drives them: placed, started once, seen, and ended in every way there is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest, Unavailable
from controlplane.reconcile import LEASE_SECONDS
from controlplane.results import Directory
from controlplane.services.nvct.reports import Reports
from tests.controlplane.services.calling import without
from tests.controlplane.services.nvct.conftest import TASKS, Nvct, World, gpu

WAY = "Changing status from '{}' to '{}'"
BEGUN = [WAY.format("QUEUED", "LAUNCHED"), WAY.format("LAUNCHED", "RUNNING")]


def test_a_task_runs_and_ends(nvct: Nvct, world: World) -> None:
    made = nvct.create()
    world.passes()
    running = nvct.get(made)
    assert running["status"] == "RUNNING"
    assert running["lastHeartbeatAt"]
    (instance,) = running["instances"]
    assert without(instance, {"instanceCreatedAt", "instanceUpdatedAt", "instanceId", "ncaId"}) == {
        "taskId": made["id"],
        "instanceType": "NCP.GPU.H100_1x",
        "instanceState": "RUNNING",
        "gpu": "H100",
        "backend": "ncp-local",
    }
    world.runtime.end(world.instance(made))
    world.passes()
    ended = nvct.get(made)
    assert ended["status"] == "COMPLETED"
    assert "healthInfo" not in ended
    assert "instanceState" not in ended["instances"][0]
    assert nvct.messages(made) == [*BEGUN, WAY.format("RUNNING", "COMPLETED")]
    assert world.runtime.list() == []
    assert len(world.started) == 1


def test_what_a_task_is_told(nvct: Nvct, world: World) -> None:
    seen: list[Any] = []
    begin = world.runtime.start
    world.runtime.start = lambda *given: (seen.append(given), begin(*given))  # type: ignore[func-returns-value, assignment, method-assign]
    made = nvct.create(
        containerArgs="--x",
        containerEnvironment=[{"key": "A", "value": "1"}, {"key": "NVCT_TASK_ID", "value": "mine"}],
        secrets=[{"name": "ALPHA", "value": "one"}],
    )
    world.passes()
    ((_, workload, secrets),) = seen
    assert secrets == {"ALPHA": "one"}
    assert workload["environment"] == {
        "A": "1",
        "NVCT_TASK_ID": made["id"],
        "NVCT_TASK_NAME": "t1",
        "NVCT_NCA_ID": "nvcf-default",
        "NVCT_PROGRESS_FILE_PATH": "{work}/progress",
        "NVCT_RESULTS_DIR": "{work}/results",
    }
    assert (workload["args"], workload["once"], workload["grace"], workload["gpus"]) == (
        "--x",
        True,
        60.0,
        1,
    )
    # What changes meanwhile changes nothing of what runs.
    nvct.good(
        "PUT", f"/v1/nvct/secrets/tasks/{made['id']}", {"secrets": [{"name": "B", "value": "b"}]}
    )
    world.passes()
    assert nvct.get(made)["status"] == "RUNNING"
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(3, "it ended with status 3"), (None, "no such image")]
)
def test_a_task_that_fails(nvct: Nvct, world: World, status: int | None, words: str) -> None:
    made = nvct.create()
    world.passes()
    id_ = world.instance(made)
    if status is None:
        world.runtime.fail(id_, words)
    else:
        world.runtime.end(id_, status)
    world.passes()
    ended = nvct.get(made)
    assert ended["status"] == "ERRORED"
    assert ended["healthInfo"] == {**gpu(), "error": words}
    assert list(ended["healthInfo"]) == ["gpu", "backend", "instanceType", "error"]
    assert nvct.messages(made)[-1] == WAY.format("RUNNING", "ERRORED") + f" with error '{words}'"
    assert world.started == [id_]


def test_cancelling_stops_what_runs(nvct: Nvct, world: World) -> None:
    made = nvct.create()
    world.passes()
    nvct.good("POST", f"{TASKS}/{made['id']}/cancel")
    world.passes()
    assert world.runtime.list() == []
    assert nvct.messages(made) == [*BEGUN, WAY.format("RUNNING", "CANCELED")]
    assert len(world.started) == 1


def test_deleting_stops_what_runs(nvct: Nvct, world: World) -> None:
    made = nvct.create()
    world.passes()
    nvct.good("DELETE", f"{TASKS}/{made['id']}")
    world.passes()
    assert world.runtime.list() == []


def test_what_was_started_and_is_lost_is_never_started_again(nvct: Nvct, world: World) -> None:
    made = nvct.create()
    world.passes()
    world.runtime.stop(world.instance(made))  # its process is gone, with whoever knew it
    world.restart()
    world.passes()
    assert nvct.get(made)["status"] == "ERRORED"
    assert "nobody knows" in nvct.get(made)["healthInfo"]["error"]
    assert len(world.started) == 1


def test_dying_before_the_start_loses_the_task_but_runs_nothing_twice(
    nvct: Nvct, world: World
) -> None:
    """That it is going to be started is durable first; whoever takes over does not guess."""
    made = nvct.create()
    start, world.runtime.start = world.runtime.start, _dies  # type: ignore[method-assign]
    with pytest.raises(Died):
        world.passes()
    world.runtime.start = start  # type: ignore[method-assign]
    world.restart()
    world.passes()
    assert nvct.get(made)["status"] == "ERRORED"
    assert world.started == []


class Died(BaseException):
    """Nothing of the process goes on."""


def _dies(*_: Any) -> None:
    raise Died


# --------------------------------------------------------------------------- time


def test_a_task_that_runs_too_long(nvct: Nvct, world: World) -> None:
    made = nvct.create(maxRuntimeDuration="PT10M")
    world.passes()
    for _ in range(10):
        world.clock.now += 59
        world.passes(1)
    assert nvct.get(made)["status"] == "RUNNING"
    world.clock.now += 20
    world.passes()
    assert nvct.get(made)["status"] == "EXCEEDED_MAX_RUNTIME_DURATION"
    assert world.runtime.list() == []


def test_heartbeats_are_written_now_and_then(nvct: Nvct, world: World) -> None:
    made = nvct.create(maxRuntimeDuration=None)
    world.passes()
    first = nvct.get(made)["lastHeartbeatAt"]
    revision = nvct.resource(f"nvct.tasks.{made['id']}").revision
    world.clock.now += 20
    world.passes()
    assert nvct.resource(f"nvct.tasks.{made['id']}").revision == revision
    world.clock.now += 20
    world.passes()
    assert nvct.get(made)["lastHeartbeatAt"] > first
    # However long nobody was here: what still runs is alive.
    world.clock.now += 3600
    world.passes()
    assert nvct.get(made)["status"] == "RUNNING"


def test_a_task_that_waits_too_long(nvct: Nvct, world: World) -> None:
    blocking = nvct.create(
        gpuSpecification=gpu(instanceType="NCP.GPU.H100_8x"), maxRuntimeDuration=None
    )
    world.passes()
    made = nvct.create(maxQueuedDuration="PT1H")
    world.clock.now += 3600 + 175
    world.passes()
    assert nvct.states(blocking, made) == ["RUNNING", "QUEUED"]
    world.clock.now += 10
    world.passes()
    assert nvct.get(made)["status"] == "EXCEEDED_MAX_QUEUED_DURATION"
    assert nvct.messages(made) == [WAY.format("QUEUED", "EXCEEDED_MAX_QUEUED_DURATION")]


def test_a_task_with_nowhere_to_run(nvct: Nvct, world: World) -> None:
    """Its cluster is not there: it has two minutes to come."""
    made = nvct.create(gpuSpecification=gpu(backend=None, clusters=["gone"]))
    world.passes()
    world.clock.now += 118
    world.passes()
    assert nvct.get(made)["status"] == "QUEUED"
    world.clock.now += 5
    world.passes()
    assert nvct.get(made)["status"] == "ERRORED"
    assert nvct.get(made)["healthInfo"]["error"] == "no cluster has what it needs"


# --------------------------------------------------------------------------- capacity


def test_as_many_run_as_there_are_gpus(nvct: Nvct, world: World) -> None:
    made = [nvct.create(name=f"t{n}") for n in range(10)]
    world.passes()
    states = nvct.states(*made)
    assert (states.count("RUNNING"), states.count("QUEUED")) == (8, 2)
    first = next(t for t, s in zip(made, states, strict=True) if s == "RUNNING")
    world.runtime.end(world.instance(first))
    world.passes()
    states = nvct.states(*made)
    assert (states.count("RUNNING"), states.count("QUEUED"), states.count("COMPLETED")) == (8, 1, 1)


def test_instances_of_functions_count(nvct: Nvct, world: World) -> None:
    admin = nvct.token("register_function", "deploy_function", "delete_function")
    function = {"name": "f", "inferenceUrl": "/", "containerImage": "samples.aicr.local/echo:1"}
    made = nvct.call("POST", "/v2/nvcf/functions", admin, function).json["function"]
    at = f"/v2/nvcf/deployments/functions/{made['id']}/versions/{made['versionId']}"
    one = {**gpu(instanceType="NCP.GPU.H100_4x"), "minInstances": 1, "maxInstances": 1}
    assert nvct.call("POST", at, admin, {"deploymentSpecifications": [one]}).status_code == 200
    tasks = [nvct.create() for _ in range(6)]
    world.passes()
    assert nvct.states(*tasks).count("RUNNING") == 4
    assert nvct.call("DELETE", at, admin).status_code == 200
    world.passes()
    assert nvct.states(*tasks).count("RUNNING") == 6


def test_what_is_still_ending_holds_its_gpus(nvct: Nvct, world: World) -> None:
    large = {"gpuSpecification": gpu(instanceType="NCP.GPU.H100_8x")}
    first, second = nvct.create(**large), nvct.create(**large)
    world.passes()
    running, waiting = (
        (first, second) if nvct.get(first)["status"] == "RUNNING" else (second, first)
    )
    (instance,) = world.runtime.list()
    world.runtime.ending = lambda: (instance,)  # type: ignore[method-assign]
    nvct.good("DELETE", f"{TASKS}/{running['id']}")
    world.passes()
    assert nvct.get(waiting)["status"] == "QUEUED"
    world.runtime.ending = lambda: ()  # type: ignore[method-assign]
    world.passes()
    assert nvct.get(waiting)["status"] == "RUNNING"


def test_priorities_and_nodes(nvct: Nvct, world: World) -> None:
    spec = {
        "containerImage": "samples.aicr.local/stay:1",
        "gpuSpecification": gpu(instanceType="NCP.GPU.H100_4x"),
        "resultHandlingStrategy": "NONE",
    }
    nvct.apply(
        {
            "nvct.tasks.low": {**spec, "name": "low", "priority": -1},
            "nvct.tasks.gang": {**spec, "name": "gang", "nodes": 2},
            "nvct.tasks.high": {**spec, "name": "high", "priority": 5},
        }
    )

    def states() -> list[str]:
        return [nvct.resource(f"nvct.tasks.{n}").status["status"] for n in ("low", "gang", "high")]

    world.passes()
    # Four are left beside the urgent one: not enough for both nodes, but for the least urgent.
    assert states() == ["RUNNING", "QUEUED", "RUNNING"]
    for instance in world.runtime.list():
        world.runtime.end(instance.id)
    world.passes()
    assert states() == ["COMPLETED", "RUNNING", "COMPLETED"]
    found = {i.name: i.id for i in world.runtime.list()}
    assert sorted(found) == ["0", "1"]
    world.runtime.end(found["0"])
    world.passes()
    assert states()[1] == "RUNNING"
    world.runtime.end(found["1"], 1)
    world.passes()
    assert states()[1] == "ERRORED"
    nvct.apply({})


# --------------------------------------------------------------------------- what tasks write


@pytest.fixture
def reporting(nvct: Nvct, tmp_path: Path) -> Any:
    nvct.sweep()
    made = World(nvct, reports={"nvct.tasks": Reports(Directory(str(tmp_path / "store")))})
    yield made
    made.reconciler.end()
    nvct.sweep()


def says(path: Path, **said: Any) -> None:
    path.mkdir(exist_ok=True)
    (path / "results").mkdir(exist_ok=True)
    (path / "progress").write_text(json.dumps(said))


def test_progress_becomes_results(nvct: Nvct, reporting: World, tmp_path: Path) -> None:
    made = nvct.create()
    reporting.passes()
    work = tmp_path / "work"
    reporting.runtime.works[reporting.instance(made)] = str(work)
    for percent, name in ((10, "a"), (10, "a"), (40, "b"), (30, "c"), (60, None)):
        says(
            work,
            percentComplete=percent,
            **({"name": name, "metadata": {"at": percent}} if name else {}),
        )
        reporting.passes(2)
    assert nvct.get(made)["percentComplete"] == 60
    path = f"{TASKS}/{made['id']}/results"
    found, parameters = [], {"limit": 3}
    first = nvct.good("GET", path, params=parameters)
    assert (first["limit"], len(first["results"])) == (3, 3)
    last = nvct.good("GET", path, params={**parameters, "cursor": first["cursor"]})
    assert set(last) == {"results"}
    found = [*first["results"], *last["results"]]
    # It never goes back; what is not named is called as what was before.
    assert [(r["name"], r["metadata"]) for r in found] == [
        ("a", {"at": 10, "percentComplete": 10}),
        ("b", {"at": 40, "percentComplete": 40}),
        ("c", {"at": 30, "percentComplete": 40}),
        ("c", {"percentComplete": 60}),
    ]
    assert len({r["resultId"] for r in found}) == 4
    says(work, percentComplete=100)
    reporting.passes()
    assert nvct.get(made)["status"] == "COMPLETED"
    assert nvct.get(made)["percentComplete"] == 100
    assert reporting.runtime.list() == []


def test_a_progress_file_that_grows_old(nvct: Nvct, reporting: World, tmp_path: Path) -> None:
    made = nvct.create(maxRuntimeDuration=None)
    reporting.passes()
    work = tmp_path / "work"
    reporting.runtime.works[reporting.instance(made)] = str(work)
    says(work, percentComplete=10)
    os.utime(work / "progress", (reporting.clock.now, reporting.clock.now))
    reporting.clock.now += 299
    reporting.passes()
    assert nvct.get(made)["status"] == "RUNNING"
    reporting.clock.now += 2
    reporting.passes()
    assert nvct.get(made)["status"] == "ERRORED"
    assert nvct.get(made)["healthInfo"]["error"] == "its progress file is out of date"


def test_results_are_uploaded_before_a_task_is_completed(
    nvct: Nvct, reporting: World, tmp_path: Path
) -> None:
    made = nvct.create(
        resultHandlingStrategy="UPLOAD",
        resultsLocation="org/model",
        secrets=[{"name": "NGC_API_KEY", "value": "k"}],
    )
    reporting.passes()
    work = tmp_path / "work"
    says(work, percentComplete=50)
    (work / "results" / "a").mkdir()
    (work / "results" / "a" / "weights.bin").write_bytes(b"w" * 10)
    (work / "results" / "link").symlink_to("/etc/hostname")
    instance = reporting.instance(made)
    reporting.runtime.works[instance] = str(work)
    reporting.runtime.end(instance)
    upload = reporting.more["reports"]["nvct.tasks"]
    reporting.passes(1)
    for future in list(upload._uploads.values()):
        future.result(30)
    reporting.passes()
    assert nvct.get(made)["status"] == "COMPLETED"
    stored = tmp_path / "store" / "org" / "model" / made["id"]
    assert [str(p.relative_to(stored)) for p in stored.rglob("*") if p.is_file()] == [
        "a/weights.bin"
    ]


def test_results_that_cannot_be_uploaded(nvct: Nvct, reporting: World, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("no directory")
    made = nvct.create(
        resultHandlingStrategy="UPLOAD",
        resultsLocation="org/model",
        secrets=[{"name": "NGC_API_KEY", "value": "k"}],
    )
    reporting.passes()
    work = tmp_path / "work"
    says(work, percentComplete=100)
    (work / "results" / "a").write_text("a")
    reporting.runtime.works[reporting.instance(made)] = str(work)
    reporting.passes(1)
    for future in list(reporting.more["reports"]["nvct.tasks"]._uploads.values()):
        future.exception(30)
    reporting.passes()
    assert nvct.get(made)["status"] == "ERRORED"
    assert "not uploaded" in nvct.get(made)["healthInfo"]["error"]


def test_a_pipe_is_no_progress_file(nvct: Nvct, reporting: World, tmp_path: Path) -> None:
    made = nvct.create()
    reporting.passes()
    os.mkfifo(tmp_path / "progress")
    reporting.runtime.works[reporting.instance(made)] = str(tmp_path)
    reporting.passes()
    assert nvct.get(made)["status"] == "RUNNING"


def test_the_lease_outlives_a_pass(world: World) -> None:
    """What is written is written under the lease, also when time has passed."""
    world.passes(1)
    world.clock.now += LEASE_SECONDS * 3
    world.passes(1)


def test_a_bucket_without_credentials_is_refused_before_there_are_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from controlplane.http.settings import Settings
    from controlplane.program import prepare

    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(InvalidRequest, match="AICR_RESULTS"):
        prepare(Settings(home=str(tmp_path / "home"), results="s3://bucket"))
    assert not (tmp_path / "home").exists()


def test_a_progress_file_from_the_future_grows_old_as_well(
    nvct: Nvct, reporting: World, tmp_path: Path
) -> None:
    made = nvct.create(maxRuntimeDuration=None)
    reporting.passes()
    work = tmp_path / "work"
    reporting.runtime.works[reporting.instance(made)] = str(work)
    says(work, percentComplete=10)
    os.utime(work / "progress", (2**40, 2**40))  # year 36812, where the file system keeps that
    reporting.passes()
    assert nvct.get(made)["percentComplete"] == 10
    reporting.clock.now += 310
    reporting.passes()
    assert nvct.get(made)["healthInfo"]["error"] == "its progress file is out of date"


def test_a_task_that_cannot_be_judged_fails_alone(nvct: Nvct, world: World) -> None:
    bad, good = nvct.create(name="bad"), nvct.create(name="good")

    def report(task: Any, *_: Any) -> Any:
        if task.status["taskId"] == bad["id"]:
            raise ValueError("year 36812 is out of range")
        return {}

    world.more = {"reports": {"nvct.tasks": report}}
    world.restart()
    world.passes()
    world.runtime.end(world.instance(good))
    world.passes()
    assert nvct.states(bad, good) == ["ERRORED", "COMPLETED"]
    assert "what became of it cannot be seen" in nvct.messages(bad)[-1]
    assert "36812" not in str(nvct.messages(bad))
    assert world.runtime.list() == []


def test_a_runner_that_ends_takes_no_task_and_loses_none(nvct: Nvct, world: World) -> None:
    made = [nvct.create(name=f"t{n}") for n in range(12)]
    start = world.runtime.start

    def refused(*_: Any) -> None:
        raise Unavailable("the runner is ending")

    world.runtime.start = refused  # type: ignore[method-assign]
    world.passes(10)
    assert {*nvct.states(*made)} == {"QUEUED", "LAUNCHED"}
    world.runtime.start = start  # type: ignore[method-assign]
    world.clock.now += 61
    world.passes()
    assert nvct.states(*made).count("RUNNING") == 8
    for _ in range(3):
        for instance in world.runtime.list():
            world.runtime.end(instance.id)
        world.passes()
    assert {*nvct.states(*made)} == {"COMPLETED"}
    assert len(world.started) == len({*world.started}) == 12
