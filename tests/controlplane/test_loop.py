"""What one worker does again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import loop as loops
from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.loop import Loop, runtime_of
from controlplane.plan.recover import APPLYING, INTERRUPTED
from controlplane.reconcile import LEASE
from controlplane.runtime.process import Process
from controlplane.runtime.simulated import Simulated
from controlplane.state.protocol import Event, StoredPlan
from tests.controlplane.engines import ME, opened


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with opened(str(tmp_path / "state.db")) as made:
        yield made


def test_runtimes(tmp_path: Path) -> None:
    assert runtime_of("none") is None
    assert isinstance(runtime_of("simulated"), Simulated)
    found = runtime_of("process", str(tmp_path), "/images.yaml")
    assert isinstance(found, Process)
    assert found.images.path == "/images.yaml"
    assert not list(tmp_path.iterdir()), "nothing is started before it is needed"


def test_without_a_runtime_nobody_holds_a_lease(engine: Engine) -> None:
    loop = Loop(engine, None)
    loop.once()
    loop.end()
    assert engine.store.read(lambda r: r.lease(LEASE)) is None


def test_with_one_it_reconciles_and_lets_go(engine: Engine) -> None:
    loop = Loop(engine, Simulated())
    loop.once()
    lease = engine.store.read(lambda r: r.lease(LEASE))
    assert lease is not None
    assert lease.holder
    loop.end()
    lease = engine.store.read(lambda r: r.lease(LEASE))
    assert lease is not None
    assert lease.holder == ""


def test_plans_of_the_dead_are_judged(engine: Engine, capfd: Any) -> None:
    stored = StoredPlan("sha256:1", APPLYING, "{}", "then", "me", {}, 7)
    engine.store.write(lambda tx: tx.put_plan(stored))
    Loop(engine, None).once()
    found = engine.store.read(lambda r: r.plan("sha256:1"))
    assert found is not None
    assert found.status == INTERRUPTED
    assert '"msg":"a plan was interrupted"' in capfd.readouterr().err


def test_old_events_are_forgotten_once_it_is_worth_it(engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr(loops, "EVENTS_KEPT", 4)
    monkeypatch.setattr(loops, "_SLACK", 6)

    def create(name: str) -> None:
        engine.change_now(ME, lambda c: c.create(f"test.things.{name}", {"size": 1}))

    loop = Loop(engine, None)
    compacted = []
    for name in "abcdefgh":
        create(name)
        loop.once()
        meta = engine.store.read(lambda r: r.meta())
        compacted.append(meta.compacted)
    assert compacted[0] == 0
    assert compacted[-1] > 0
    assert len(set(compacted)) < len(compacted), "not with every round"


def test_a_round_that_fails_is_not_the_last(engine: Engine, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.setattr(loops, "SECONDS", 0.01)
    loop = Loop(engine, None)
    rounds = 0

    def once() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise OSError("the disk is away")

    monkeypatch.setattr(loop, "_house", once)

    async def run() -> None:
        task = asyncio.create_task(loop.run())
        while rounds < 3:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert "a round of the loop failed" in capfd.readouterr().err


class Fragile(Simulated):
    """Cannot be watched at first."""

    watched = 0

    async def watch(self, wake: Any) -> None:
        self.watched += 1
        if self.watched == 1:
            raise OSError("no process is left")
        await super().watch(wake)


def test_a_watch_that_fails_ends_nothing(real: Engine, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.setattr(loops, "SECONDS", 0.01)
    runtime = Fragile()
    loop = Loop(real, runtime)
    rounds = {"house": 0, "reconcile": 0}

    def count(name: str) -> None:
        rounds[name] += 1

    monkeypatch.setattr(loop, "_house", lambda: count("house"))
    monkeypatch.setattr(loop, "_reconcile", lambda: count("reconcile"))

    async def run() -> None:
        task = asyncio.create_task(loop.run())
        while runtime.watched < 2 or min(rounds.values()) < 3:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert "no process is left" in capfd.readouterr().err


class Restless(Simulated):
    """Says at once that something has changed, once."""

    async def watch(self, wake: Any) -> None:
        wake()
        await super().watch(wake)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Engine]:
    """An engine with the kinds of services."""
    with opened(str(tmp_path / "real.db"), KINDS) as made:
        yield made


def test_changes_wake_the_reconciler_before_its_time(real: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr(loops, "SECONDS", 3600.0)
    loop = Loop(real, Restless())
    passes = asyncio.Event()
    count = 0

    def reconcile() -> None:
        nonlocal count
        count += 1
        home.call_soon_threadsafe(passes.set)

    monkeypatch.setattr(loop, "_reconcile", reconcile)

    async def run() -> None:
        nonlocal home
        home = asyncio.get_running_loop()
        task = asyncio.create_task(loop.run())
        while count < 2:  # the first by itself, the second because of the runtime
            await passes.wait()
            passes.clear()
        loop.heard(Event(1, "created", "aicr.clusters.a", "now", {}))
        while count < 3:
            await passes.wait()
            passes.clear()
        task.cancel()

    home: Any = None
    asyncio.run(asyncio.wait_for(run(), 10))
    assert count == 3


def test_events_about_what_runs_nothing_wake_nobody(real: Engine) -> None:
    loop = Loop(real, Simulated())
    for address in ("access.accounts.a", "plan", "new.kind.a"):
        loop.heard(Event(1, "created", address, "now", {}))
    assert not loop._woken.is_set()
