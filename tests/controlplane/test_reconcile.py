"""The reconciler: what runs becomes what is wanted, by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from aicr.models import Model
from controlplane.engine import Engine
from controlplane.kinds import Kind, Look, Observation, table
from controlplane.phases import BROKEN, DEGRADED, IDLE, PENDING, READY
from controlplane.queue.protocol import Load
from controlplane.reconcile import LEASE, Reconciler
from controlplane.runtime.protocol import ENDED, FAILED, Health, Instance
from controlplane.runtime.simulated import Simulated
from controlplane.runtime.workload import Workload
from controlplane.starting import STARTED
from controlplane.state import leases
from controlplane.state.protocol import Lease, Lookup, Resource
from tests.controlplane.engines import ME, opened

# --------------------------------------------------------------------------- passes


class Service(Model):
    count: int = 1
    image: str = "a"


def _instances(look: Look) -> dict[str, Workload]:
    return {f"i{n}": {"image": look.spec["image"]} for n in range(look.spec["count"])}


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

    def start(self, instance: Instance, workload: Workload, secrets: Mapping[str, str]) -> None:
        super().start(instance, workload, secrets)
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


# --------------------------------------------------------------------------- what ends by itself


class Job(Model):
    count: int = 1


def _jobs(look: Look) -> dict[str, Workload]:
    names = [f"j{n}" for n in range(look.spec["count"])]
    return {} if look.status.get("done") else {n: {"image": "a", "once": True} for n in names}


def _done(seen: Observation) -> Mapping[str, Any]:
    states = [i["state"] for i in seen.instances]
    done = bool(states) and all(s in (ENDED, FAILED) for s in states)
    reasons = [i.get("reason", "") for i in seen.instances]
    return {**seen.status, "done": True, "why": reasons} if done else seen.status


_OPEN = Lookup("open", "yes")

JOBS = table(
    Kind(
        "test.jobs",
        Job,
        "End.",
        lookups=lambda spec, status: () if status.get("done") else (_OPEN,),
        live=_OPEN,
        instances=_jobs,
        observed=_done,
    )
)
J = "test.jobs.a"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Engine]:
    with opened(str(tmp_path / "jobs.db"), JOBS) as made:
        made.change_now(ME, lambda c: c.create(J, {"count": 2}))
        yield made


class Counting(Simulated):
    """Knows how often something was started; forgets what runs when its host does."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[str] = []

    def start(self, instance: Instance, workload: Workload, secrets: Mapping[str, str]) -> None:
        self.starts.append(instance.name)
        super().start(instance, workload, secrets)


def test_that_it_will_be_started_is_known_before_it_is(jobs: Engine) -> None:
    noted: list[Any] = []

    class Asking(Simulated):
        def start(self, instance: Instance, workload: Workload, secrets: Any) -> None:
            noted.append(get(jobs, J).status[STARTED])
            super().start(instance, workload, secrets)

    Reconciler(jobs, Asking()).run()
    assert noted == [["j0", "j1"], ["j0", "j1"]]


def test_it_is_started_once_whatever_happens(jobs: Engine) -> None:
    before, after = Counting(), Counting()
    first = Reconciler(jobs, before)
    first.run()
    before.fail(before.list()[0].id, "exit status 1")
    first.run()
    first.run()
    assert before.starts == ["j0", "j1"]
    assert "done" not in get(jobs, J).status
    first.end()
    second = Reconciler(jobs, after)  # of a host that knows nothing any more
    second.run()
    assert after.starts == []
    status = get(jobs, J).status
    assert status["done"]
    assert all("nobody knows" in why for why in status["why"])


def test_those_that_have_ended_are_not_looked_at(jobs: Engine) -> None:
    looked: list[str] = []
    kinds = table(
        JOBS["test.jobs"]._replace(instances=lambda look: looked.append("once more") or {})
    )
    done = Engine(jobs.store, kinds, jobs.vault)
    known = get(jobs, J)
    jobs.change_now(ME, lambda c: c.update(known, status={"done": True}))
    Reconciler(done, Simulated()).run()
    assert looked == []


def test_what_was_changed_before_it_was_noted_is_not_started(jobs: Engine) -> None:
    class Late(Counting):
        def list(self) -> list[Instance]:
            known = get(jobs, J)
            jobs.change_now(ME, lambda c: c.update(known, spec={"count": 1}))
            return super().list()

    runtime = Late()
    Reconciler(jobs, runtime).run()
    assert runtime.starts == []


# --------------------------------------------------------------------------- hooks


class Door(Model):
    pass


def _counted(look: Look) -> int:
    return (look.memory or 0) + look.load.waiting


def _scaled(look: Look) -> dict[str, Workload]:
    return {f"d{n}": {"image": "a"} for n in range(look.memory)}


DOORS = table(
    Kind(
        "test.doors",
        Door,
        "Scale.",
        scale=_counted,
        instances=_scaled,
        over=lambda look: look.load.running == 9,
    )
)
D = "test.doors.a"


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Engine]:
    with opened(str(tmp_path / "doors.db"), DOORS) as made:
        made.change_now(ME, lambda c: c.create(D, {}))
        yield made


def test_the_load_scales_and_is_remembered(doors: Engine) -> None:
    loads: dict[str, Load] = {}
    runtime = Simulated()
    reconciler = Reconciler(doors, runtime, lambda: loads)
    seen = []
    for waiting in (0, 2, 0, 1):
        loads[D] = Load(waiting=waiting)
        reconciler.run()
        seen.append(names(runtime))
    assert seen == [[], ["d0", "d1"], ["d0", "d1"], ["d0", "d1", "d2"]]


def test_what_is_over_goes_with_all_that_runs_for_it(doors: Engine) -> None:
    runtime = Simulated()
    loads = {D: Load(waiting=1)}
    reconciler = Reconciler(doors, runtime, lambda: loads)
    reconciler.run()
    assert names(runtime) == ["d0"]
    loads[D] = Load(running=9)
    reconciler.run()
    assert names(runtime) == []
    assert doors.store.read(lambda r: r.get(D)) is None
    entry = doors.store.read(lambda r: r.audit(0, 10))[-1]
    assert (entry.actor, entry.action) == ("reconciler", "deleted")


class Picky(Simulated):
    def accepts(self, workload: Workload) -> bool:
        return workload["image"] != "a"


def test_what_is_for_another_runtime_is_left_alone(engine: Engine) -> None:
    create(engine)
    create(engine, "test.services.b", image="b")
    runtime = Picky()
    Reconciler(engine, runtime).run()
    assert [i.address for i in runtime.list()] == ["test.services.b"]
    assert get(engine).status == {}


class Crashing(Counting):
    """Everything that is started has failed."""

    def health(self, id_: str) -> Health:
        return Health(FAILED, "exit status 1")


def test_what_crashes_is_started_ever_more_seldom(engine: Engine) -> None:
    create(engine)
    clock = Clock()
    runtime = Crashing()
    reconciler = Reconciler(engine, runtime, clock=clock)
    starts = []
    for tick in range(200):
        clock.now = tick / 10
        reconciler.run()
        starts.append(len(runtime.starts))
    assert [starts[i] for i in (0, 1, 5, 15, 40, 90, 199)] == [1, 2, 2, 3, 4, 5, 6]
    assert "again and again" in get(engine).status["instances"][0]["reason"]


def test_many_passes_renew_the_lease_seldom(engine: Engine) -> None:
    create(engine)
    reconciler = Reconciler(engine, Simulated())
    reconciler.run()
    before = held(engine)
    for _ in range(5):
        reconciler.run()
    assert held(engine) == before
