"""kill -9 at random points while clients write and plans are applied."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controlplane.plan import recover
from controlplane.state.protocol import Actor, Reader
from tests.controlplane.engines import apply, opened, plan
from tests.robustness import child, sound
from tests.robustness.conftest import Say, size

KILLS = {"sqlite": size(200, 8), "postgresql": size(50, 4)}
# A fresh state every so often: what is checked after every kill is all of it.
KILLS_PER_STATE = 8
READY_SECONDS = 2.0


class Killed:
    """What a process said before it was killed."""

    def __init__(self, lines: list[list[str]]) -> None:
        self.writes = [
            (a, int(n)) for word, a, n in (x for x in lines if len(x) == 3) if word == "write"
        ]
        self.applies = [
            (d, int(n)) for word, d, n in (x for x in lines if len(x) == 3) if word == "apply"
        ]


def run_and_kill(children: Any, where: str, seconds: float) -> Killed:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    process = children.Process(target=_busy, args=(where, Handle(writing)), daemon=True)
    process.start()
    os.close(writing)
    said = b""
    while b"ready\n" not in said:
        said += _some(reading)
    due = time.monotonic() + seconds
    while time.monotonic() < due:  # the pipe must not fill meanwhile
        said += _some(reading)
    os.kill(process.pid, signal.SIGKILL)
    while more := os.read(reading, 65536):
        said += more
    os.close(reading)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return Killed([line.split() for line in said.decode().splitlines()])


def _some(reading: int) -> bytes:
    data = os.read(reading, 65536)
    assert data, "the process ended by itself"
    return data


class Handle:
    """A file descriptor that goes to a process."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> Any:
        from multiprocessing.reduction import DupFd

        return _received, (DupFd(self.number),)


def _received(duplicate: Any) -> Handle:
    return Handle(duplicate.detach())


def _busy(where: str, handle: Handle) -> None:
    child.busy(where, handle.number)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_at_any_point_nothing_that_was_acknowledged_is_lost(
    database: str, children: Any, tmp_path: Path, request: pytest.FixtureRequest, say: Say
) -> None:
    chance = random.Random(5)  # noqa: S311
    acknowledged = applied = interrupted = 0
    slowest = 0.0
    for kill in range(KILLS[database]):
        if kill % KILLS_PER_STATE == 0:
            where, writes, applies = str(tmp_path / f"{kill}.db"), [], []
            if database == "postgresql":
                where = request.getfixturevalue("postgres").database()
        killed = run_and_kill(children, where, chance.uniform(0, 0.25))
        writes += killed.writes
        applies += killed.applies
        started = time.perf_counter()
        with opened(where) as engine:
            interrupted += len(recover.recover(engine))
            slowest = max(slowest, time.perf_counter() - started)
            sound.check(engine)
            sound.settled(engine)
            engine.store.read(partial(_all_there, writes, applies))
            made = plan(engine, child.generation(-kill))
            apply(engine, made, actor=Actor(f"repair {kill}"))
            assert plan(engine, child.generation(-kill)).is_empty
        acknowledged, applied = acknowledged + len(killed.writes), applied + len(killed.applies)
    assert slowest <= READY_SECONDS
    assert acknowledged > KILLS[database]
    assert applied > 0
    assert interrupted > 0  # or this tested nothing
    say(
        f"{database}: {KILLS[database]} kills, {acknowledged} acknowledged writes and {applied} "
        f"applies, 0 lost, {interrupted} plans interrupted, 0 partial, ready in {slowest:.2f} s at most"
    )


def _all_there(
    writes: list[tuple[str, int]], applies: list[tuple[str, int]], reader: Reader
) -> None:
    there = {r.address: r.spec["size"] for r in reader.resources("test.things")}
    assert [a for a, n in writes if there.get(a) != n] == []
    for digest, _ in applies:
        stored = reader.plan(digest)
        assert stored is not None
        assert stored.status == "applied"
        assert {s.status for s in reader.journal(digest)} == {"done"}
