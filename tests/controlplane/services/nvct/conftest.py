"""An application with one cluster of H100s, a key that may do everything with tasks, and bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.access.registry import TASKS as SERVICE
from controlplane.reconcile import Reconciler
from controlplane.runtime.simulated import Simulated
from tests.controlplane import engines
from tests.controlplane.services.calling import Vendor

BASE = "/v1/nvct"
TASKS = f"{BASE}/tasks"
IMAGE = "samples.aicr.local/stay:1"
SCOPES = (
    "launch_task", "list_tasks", "task_details", "cancel_task", "delete_task", "list_events",
    "list_results", "update_secrets",
)  # fmt: skip
ALL = ({"type": "account-tasks", "id": "*"},)
NOWHERE = "00000000-0000-4000-8000-000000000000"


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Nvct(Vendor):
    """Calls with a key that may do everything, unless a bearer is given."""

    everything: str = ""

    def task_key(self, *scopes: str, resources: Any = ALL) -> str:
        return self.key(*(scopes or SCOPES), resources=resources, of=SERVICE)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return self.call(method, path, more.pop("bearer", self.everything), body, **more)

    def good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.ask(method, path, body, **more)
        assert answer.status_code in (200, 204), answer.text
        return answer.json if answer.content else None

    def create(self, **more: Any) -> dict[str, Any]:
        return dict(self.good("POST", TASKS, body(**more))["task"])

    def get(self, task: dict[str, Any], **more: Any) -> dict[str, Any]:
        return dict(self.good("GET", f"{TASKS}/{task['id']}", **more)["task"])

    def states(self, *tasks: dict[str, Any]) -> list[str]:
        return [self.get(t)["status"] for t in tasks]

    def messages(self, task: dict[str, Any]) -> list[str]:
        found = self.good("GET", f"{TASKS}/{task['id']}/events", params={"limit": 100})
        return [e["message"] for e in found["events"]]

    def sweep(self) -> None:
        """Delete every task."""
        for r in self.engine.store.read(lambda reader: reader.resources("nvct.tasks")):
            self.good("DELETE", f"{TASKS}/{r.status['taskId']}")

    @property
    def engine(self) -> Any:
        return self.program.engine

    def apply(self, specs: Any, secrets: Any = None) -> list[tuple[str, str]]:
        """Plan and apply; what the plan did."""
        made = engines.plan(self.engine, specs, secrets)
        engines.apply(self.engine, made, secrets)
        return engines.stages(made)

    def resource(self, address: str) -> Any:
        return self.engine.store.read(lambda reader: reader.get(address))


def body(**more: Any) -> dict[str, Any]:
    """The body of a task's creation; None leaves a field out."""
    found = {
        "name": "t1",
        "containerImage": IMAGE,
        "gpuSpecification": gpu(),
        "maxRuntimeDuration": "PT10M",
        "terminationGracePeriodDuration": "PT1M",
        "resultHandlingStrategy": "NONE",
        **more,
    }
    return {k: v for k, v in found.items() if v is not None}


def gpu(**more: Any) -> dict[str, Any]:
    found = {"gpu": "H100", "instanceType": "NCP.GPU.H100_1x", "backend": "ncp-local", **more}
    return {k: v for k, v in found.items() if v is not None}


@pytest.fixture(scope="module")
def nvct(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nvct]:
    made = Nvct(home=str(tmp_path_factory.mktemp("home")))
    made.everything = made.task_key()
    yield made
    made.close()


class World:
    """What runs, and one who looks at it, with a clock in common."""

    def __init__(self, nvct: Nvct, **more: Any) -> None:
        import time

        self.nvct, self.clock = nvct, Clock(time.time())
        self.runtime = Simulated()
        self.started: list[str] = []
        begin = self.runtime.start

        def start(instance: Any, workload: Any, secrets: Any) -> None:
            self.started.append(instance.id)
            begin(instance, workload, secrets)

        self.runtime.start = start  # type: ignore[method-assign]
        self.more = more
        self.reconciler = self.another()

    def another(self) -> Reconciler:
        """Another process that takes over."""
        return Reconciler(self.nvct.engine, self.runtime, clock=self.clock, **self.more)

    def passes(self, count: int = 4) -> None:
        for _ in range(count):
            assert self.reconciler.run()

    def restart(self) -> None:
        self.reconciler.end()
        self.reconciler = self.another()

    def instance(self, task: dict[str, Any], node: int = 0) -> str:
        """The id of an instance that runs for a task."""
        found = [i.id for i in self.runtime.list() if i.id.startswith(f"{task['id']}/{node}/")]
        assert len(found) == 1
        return found[0]


@pytest.fixture
def world(nvct: Nvct) -> Iterator[World]:
    """With no task of others."""
    nvct.sweep()
    made = World(nvct)
    yield made
    made.reconciler.end()
    nvct.sweep()
