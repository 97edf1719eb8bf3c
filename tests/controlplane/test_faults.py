"""What is wrong with one resource, or one instance, stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest, Unavailable
from aicr.models import Model
from controlplane.engine import Engine
from controlplane.faults import Faults
from controlplane.kinds import Admitted, Kind, Look, Observation, Waiting, table
from controlplane.phases import BROKEN, READY
from controlplane.reconcile import Reconciler
from controlplane.runtime.protocol import FAILED, STARTING, Instance
from controlplane.runtime.simulated import Simulated
from controlplane.runtime.workload import Workload
from controlplane.starting import STARTED
from controlplane.state.protocol import Json
from controlplane.wire import Lost
from tests.controlplane.engines import ME, opened


class Thing(Model):
    image: str = "a"


def _instances(look: Look) -> dict[str, Workload]:
    if look.spec["image"] == "bad":
        raise OverflowError("cannot convert float infinity to integer")
    return {"i": {"image": look.spec["image"], "once": look.spec["image"] == "once"}}


def _observed(seen: Observation) -> Json:
    return {**seen.status, "seen": [(i["name"], i["state"]) for i in seen.instances]}


KINDS = table(
    Kind("test.things", Thing, "Run.", instances=_instances),
    Kind("test.jobs", Thing, "End.", instances=_instances, observed=_observed),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with opened(str(tmp_path / "state.db"), KINDS) as made:
        yield made


def create(engine: Engine, address: str, image: str = "a") -> None:
    engine.change_now(ME, lambda c: c.create(address, {"image": image}))


def status(engine: Engine, address: str) -> Json:
    found = engine.store.read(lambda r: r.get(address))
    assert found is not None
    return found.status


class Runtime(Simulated):
    """Fails with what `faults` say, by address of what is started, or by `stop` and `list`."""

    def __init__(self, **faults: Exception) -> None:
        super().__init__()
        self.faults: dict[str, Exception] = dict(faults)
        self.tried: list[str] = []

    def _do(self, what: str) -> None:
        if what in self.faults:
            raise self.faults[what]

    def start(self, instance: Instance, workload: Workload, secrets: Mapping[str, str]) -> None:
        self.tried.append(instance.address)
        self._do(instance.address.rpartition(".")[2])
        super().start(instance, workload, secrets)

    def stop(self, id_: str) -> None:
        self._do("stop")
        super().stop(id_)

    def list(self) -> list[Instance]:
        self._do("list")
        return super().list()

    @property
    def runs(self) -> list[str]:
        return sorted(i.address for i in super().list())


def test_who_cannot_be_looked_at_is_left_alone(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    create(engine, "test.things.a")
    runtime = Runtime()
    reconciler = Reconciler(engine, runtime)
    reconciler.run()
    known = engine.store.read(lambda r: r.get("test.things.a"))
    assert known is not None
    engine.change_now(ME, lambda c: c.update(known, spec={"image": "bad"}))
    create(engine, "test.things.b")
    for _ in range(3):
        reconciler.run()
    assert runtime.runs == ["test.things.a", "test.things.b"]
    assert status(engine, "test.things.b")["phase"] == READY
    found = status(engine, "test.things.a")
    assert found["phase"] == BROKEN
    assert [i["state"] for i in found["instances"]] == [FAILED]
    said = capsys.readouterr().err
    assert said.count("it cannot be seen what should run for it") == 1
    assert "OverflowError" in said


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("too long"), FAILED),
        (InvalidRequest("no"), FAILED),
        (Lost("the runner is gone"), FAILED),
        (Unavailable("the runner is ending"), STARTING),
    ],
)
def test_what_cannot_be_started_stops_no_other(
    engine: Engine, error: Exception, state: str
) -> None:
    create(engine, "test.things.a")
    create(engine, "test.things.b")
    runtime = Runtime(a=error)
    reconciler = Reconciler(engine, runtime)
    for _ in range(3):
        reconciler.run()
    assert runtime.runs == ["test.things.b"]
    assert status(engine, "test.things.b")["phase"] == READY
    (seen,) = status(engine, "test.things.a")["instances"]
    assert seen["state"] == state
    assert seen["reason"].startswith("it was not started: ")


def test_what_cannot_be_stopped_stops_no_other(engine: Engine) -> None:
    create(engine, "test.things.a")
    runtime = Runtime()
    reconciler = Reconciler(engine, runtime)
    reconciler.run()
    known = engine.store.read(lambda r: r.get("test.things.a"))
    assert known is not None
    engine.change_now(ME, lambda c: c.delete(known))
    create(engine, "test.things.b")
    runtime.faults["stop"] = Lost("the runner is gone")
    reconciler.run()
    assert runtime.runs == ["test.things.a", "test.things.b"]
    runtime.faults.clear()
    reconciler.run()
    assert runtime.runs == ["test.things.b"]


def test_a_runtime_that_is_gone_ends_the_pass(engine: Engine) -> None:
    create(engine, "test.jobs.a", "once")
    create(engine, "test.jobs.b", "once")
    runtime = Runtime()
    reconciler = Reconciler(engine, runtime)
    begin = runtime.start

    def gone(*_: Any) -> None:
        runtime.faults["list"] = Unavailable("the runner is gone")
        runtime.start = begin  # type: ignore[method-assign]
        raise runtime.faults["list"]

    runtime.start = gone  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        reconciler.run()
    assert runtime.tried == []
    assert STARTED not in status(engine, "test.jobs.a")
    assert STARTED not in status(engine, "test.jobs.b")
    runtime.faults.clear()
    reconciler.run()
    assert runtime.runs == ["test.jobs.a", "test.jobs.b"]


def test_what_was_refused_is_tried_later_and_what_was_lost_never(engine: Engine) -> None:
    for name in "abc":
        create(engine, f"test.jobs.{name}", "once")
    runtime = Runtime(a=Unavailable("the runner is ending"), b=Lost("the runner is gone"))
    reconciler = Reconciler(engine, runtime)
    reconciler.run()
    assert runtime.runs == ["test.jobs.c"]
    assert STARTED not in status(engine, "test.jobs.a")
    assert status(engine, "test.jobs.b")[STARTED] == ["i"]
    runtime.faults.clear()
    for _ in range(3):
        reconciler.run()
    assert runtime.runs == ["test.jobs.a", "test.jobs.c"]
    assert runtime.tried == [f"test.jobs.{name}" for name in "abca"]
    assert status(engine, "test.jobs.b")["seen"] == [["i", FAILED]]


def test_loads_are_asked_for_outside_of_the_transaction(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(engine, "test.things.a")
    within: list[bool] = []
    asked: list[bool] = []
    read = engine.store.read

    def reading(work: Any) -> Any:
        within.append(True)
        try:
            return read(work)
        finally:
            within.pop()

    monkeypatch.setattr(engine.store, "read", reading)

    def loads() -> dict[str, Any]:
        asked.append(bool(within))
        return {}

    Reconciler(engine, Simulated(), loads).run()
    assert asked == [False]


def test_those_that_wait_stop_nobody_that_runs(engine: Engine) -> None:
    def admit(_: Waiting) -> Admitted:
        raise OverflowError

    create(engine, "test.things.a")
    kinds = {**KINDS, "test.jobs": KINDS["test.jobs"]._replace(admit=admit)}
    Reconciler(Engine(engine.store, kinds, engine.vault), Simulated()).run()
    assert status(engine, "test.things.a")["phase"] == READY


def test_faults_are_forgotten() -> None:
    faults = Faults()
    for name in "abc":
        faults.note(name, "it broke", InvalidRequest("no"))
    faults.over("a")
    faults.keep({"a", "b"})
    assert [faults.get(name) is None for name in "abc"] == [True, False, True]
