"""A process that applies is stopped past its time, and goes on when somebody else has applied."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from controlplane.plan import recover
from controlplane.plan.recover import LOCK
from controlplane.state import leases
from controlplane.state.protocol import Actor
from tests.controlplane.engines import apply, opened, plan
from tests.robustness import child, sound
from tests.robustness.conftest import Say, size
from tests.stores import dump

ROUNDS = size(50, 5)
LOCK_SECONDS = 0.2


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def until(true: Any) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline


def test_its_late_write_is_refused(where: str, children: Any, say: Say) -> None:
    with opened(where, lock_seconds=LOCK_SECONDS) as engine:
        for n in range(ROUNDS):
            here, there = children.Pipe()
            process = children.Process(target=child.stopped, args=(where, LOCK_SECONDS, n, there))
            process.start()
            there.close()
            until(lambda pid=process.pid: state_of(pid) == "T")
            if n == 0:  # before its time is over nobody takes its place
                wanted = {"test.things.both": {"size": 0}}
                assert recover.recover(engine) == []
            until(lambda: leases.is_free(engine.store.read(lambda r: r.lease(LOCK))))
            wanted = {"test.things.both": {"size": n}, "test.things.mine": {"size": n}}
            assert len(recover.recover(engine)) == 1
            apply(engine, plan(engine, wanted), actor=Actor(f"me {n}"))
            before = dump(where)
            os.kill(process.pid, signal.SIGCONT)
            assert here.recv() == "Fenced"
            process.join()
            here.close()
            assert dump(where) == before
            assert plan(engine, wanted).is_empty
        assert engine.store.check() == []
        sound.settled(engine)
    say(f"{ROUNDS} holders stopped past their time: every late write refused")
