"""The reconciler: what runs becomes what is wanted, by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from aicr.models import Model
from controlplane.engine import Engine
from controlplane.kinds import Kind, table
from controlplane.reconcile import (
    BROKEN,
    DEGRADED,
    IDLE,
    LEASE,
    PENDING,
    READY,
    TRANSITIONS,
    Reconciler,
    Seen,
    condition,
    phase,
)
from controlplane.runtime.protocol import FAILED, Health, Instance
from controlplane.runtime.simulated import Simulated
from controlplane.state import leases
from controlplane.state.protocol import Lease, Resource
from tests.controlplane.engines import ME, opened

# --------------------------------------------------------------------------- the table

CONDITIONS = {
    "nothing wanted": Seen(0, 0, 0),
    "all run": Seen(2, 2, 0),
    "all failed": Seen(2, 0, 2),
    "some run": Seen(2, 1, 1),
    "none runs": Seen(2, 0, 1),
}
PHASES = (None, IDLE, PENDING, READY, DEGRADED, BROKEN, "what another version wrote")
EXPECTED = {
    "nothing wanted": (IDLE,) * 7,
    "all run": (READY,) * 7,
    "all failed": (BROKEN,) * 7,
    "some run": (PENDING, PENDING, PENDING, DEGRADED, DEGRADED, PENDING, PENDING),
    "none runs": (PENDING, PENDING, PENDING, DEGRADED, DEGRADED, PENDING, PENDING),
}


def test_the_table_is_whole() -> None:
    assert set(TRANSITIONS) == set(CONDITIONS) == set(EXPECTED)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(name: str) -> None:
    assert condition(CONDITIONS[name]) == name


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [(n, b, a) for n in EXPECTED for b, a in zip(PHASES, EXPECTED[n], strict=True)],
)
def test_transitions(name: str, before: str | None, after: str) -> None:
    assert phase(before, CONDITIONS[name]) == after


def test_every_seen_has_one_condition() -> None:
    for wanted in range(4):
        for running in range(wanted + 1):
            for failed in range(wanted + 1 - running):
                assert condition(Seen(wanted, running, failed)) in TRANSITIONS


# --------------------------------------------------------------------------- passes


class Service(Model):
    count: int = 1
    image: str = "a"


def _instances(spec: Mapping[str, Any], _status: Mapping[str, Any]) -> dict[str, Any]:
    return {f"i{n}": {"image": spec["image"]} for n in range(spec["count"])}


KINDS = table(
    Kind("test.services", Service, "Run.", instances=_instances),
    Kind("test.papers", Service, "Do not."),
)
A = "test.services.a"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with opened(str(tmp_path / "state.db"), KINDS) as made:
        yield made


def create(engine: Engine, address: str = A, **spec: Any) -> Resource:
    body = {"count": 1, "image": "a", **spec}
    return engine.change_now(ME, lambda c: c.create(address, body))


def update(engine: Engine, **spec: Any) -> None:
    known = get(engine)
    engine.change_now(ME, lambda c: c.update(known, spec={**(known.spec or {}), **spec}))


def get(engine: Engine, address: str = A) -> Resource:
    found = engine.store.read(lambda r: r.get(address))
    assert found is not None
    return found


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def names(runtime: Simulated) -> list[str]:
    return sorted(i.name for i in runtime.list())


def test_what_is_wanted_runs(engine: Engine) -> None:
    create(engine, count=2)
    create(engine, "test.papers.a")
    runtime = Simulated()
    assert Reconciler(engine, runtime).run()
    assert names(runtime) == ["i0", "i1"]
    status = get(engine).status
    assert status["phase"] == READY
    assert [(i["name"], i["state"]) for i in status["instances"]] == [
        ("i0", "running"),
        ("i1", "running"),
    ]
    assert get(engine, "test.papers.a").status == {}


def test_a_status_is_neither_audited_nor_a_change_of_desired_state(engine: Engine) -> None:
    create(engine)
    before = engine.store.read(lambda r: r.meta())
    Reconciler(engine, Simulated()).run()
    after = engine.store.read(lambda r: r.meta())
    assert (after.serial, after.audit_count) == (before.serial, before.audit_count)
    (event,) = engine.store.read(lambda r: r.events(before.revision, 10))
    assert (event.type, event.address, event.data["phase"]) == ("status", A, READY)


def test_a_status_is_written_only_when_it_changed(engine: Engine) -> None:
    create(engine)
    reconciler = Reconciler(engine, Simulated())
    reconciler.run()
    before = get(engine).revision
    for _ in range(3):
        assert reconciler.run()
    assert get(engine).revision == before


def test_starting_takes_its_time(engine: Engine) -> None:
    create(engine)
    clock = Clock()
    reconciler = Reconciler(engine, Simulated(5.0, clock))
    seen = []
    for clock.now in (0.0, 3.0, 6.0):
        reconciler.run()
        seen.append(get(engine).status["phase"])
    assert seen == [PENDING, PENDING, READY]


def test_an_instance_that_failed_is_started_again(engine: Engine) -> None:
    create(engine)
    clock = Clock()
    runtime = Simulated(5.0, clock)
    reconciler = Reconciler(engine, runtime)
    reconciler.run()
    clock.now = 6.0
    reconciler.run()
    (instance,) = runtime.list()
    runtime.fail(instance.id, "out of memory")
    reconciler.run()
    assert get(engine).status["phase"] == DEGRADED
    clock.now = 12.0
    reconciler.run()
    assert get(engine).status["phase"] == READY


def test_an_instance_is_replaced_when_its_spec_changes(engine: Engine) -> None:
    create(engine)
    runtime = Simulated()
    reconciler = Reconciler(engine, runtime)
    reconciler.run()
    (before,) = runtime.list()
    update(engine, image="b")
    reconciler.run()
    (after,) = runtime.list()
    assert (after.name, after.address) == (before.name, before.address)
    assert after.id != before.id
    assert get(engine).status["instances"][0]["id"] == after.id


def test_fewer_and_none(engine: Engine) -> None:
    create(engine, count=3)
    runtime = Simulated()
    reconciler = Reconciler(engine, runtime)
    reconciler.run()
    update(engine, count=1)
    reconciler.run()
    assert names(runtime) == ["i0"]
    update(engine, count=0)
    reconciler.run()
    assert names(runtime) == []
    assert get(engine).status == {"phase": IDLE, "instances": []}


def test_what_is_deleted_is_stopped(engine: Engine) -> None:
    made = create(engine)
    runtime = Simulated()
    reconciler = Reconciler(engine, runtime)
    reconciler.run()
    engine.change_now(ME, lambda c: c.delete(c.tx.get(made.address)))
    reconciler.run()
    assert runtime.list() == []


class Broken(Simulated):
    """Nothing ever comes up here."""

    def health(self, id_: str) -> Health:
        return Health(FAILED, "no such image")


def test_what_cannot_run_says_why(engine: Engine) -> None:
    create(engine)
    Reconciler(engine, Broken()).run()
    status = get(engine).status
    assert status["phase"] == BROKEN
    assert status["instances"][0]["reason"] == "no such image"


class During(Simulated):
    """Something happens while the reconciler looks."""

    def __init__(self, what: Any) -> None:
        super().__init__()
        self.what = what

    def start(self, instance: Instance, spec: Mapping[str, Any]) -> None:
        super().start(instance, spec)
        what, self.what = self.what, None
        if what is not None:
            what()


def test_what_changed_meanwhile_is_left_to_the_next_pass(engine: Engine) -> None:
    create(engine)
    reconciler = Reconciler(engine, During(lambda: update(engine, image="b")))
    reconciler.run()
    assert get(engine).status == {}
    reconciler.run()
    assert get(engine).status["phase"] == READY


# --------------------------------------------------------------------------- one at a time


def held(engine: Engine) -> Lease:
    found = engine.store.read(lambda r: r.lease(LEASE))
    assert found is not None
    return found


def put(engine: Engine, lease: Lease) -> None:
    engine.store.write(lambda tx: tx.put_lease(lease))


def test_one_of_two_reconciles(engine: Engine) -> None:
    create(engine)
    first, second = Reconciler(engine, Simulated()), Reconciler(engine, Simulated())
    assert [first.run(), second.run(), first.run()] == [True, False, True]
    first.end()
    assert [second.run(), first.run()] == [True, False]
    assert held(engine).token == 2
    second.end()
    second.end()


@pytest.mark.parametrize("how", ["past its time", "process gone"])
def test_another_one_takes_over(engine: Engine, how: str) -> None:
    create(engine)
    first = Reconciler(engine, Simulated())
    runtime = Simulated()
    second = Reconciler(engine, runtime)
    assert first.run()
    lease = held(engine)
    if how == "past its time":
        put(engine, lease._replace(expires=0.0, holder="elsewhere/x/1/1"))
    else:
        start, _, _ = leases.holder().rpartition("/")
        put(engine, lease._replace(holder=f"{start}/0"))  # its number is another process's now
    assert second.run()
    assert names(runtime) == ["i0"]
    assert not first.run()


def test_who_slept_past_its_time_writes_nothing(engine: Engine) -> None:
    create(engine)

    def stolen() -> None:
        lease = held(engine)
        put(engine, lease._replace(token=lease.token + 1))

    late = Reconciler(engine, During(stolen))
    with pytest.raises(leases.Fenced):
        late.run()
    assert get(engine).status == {}
