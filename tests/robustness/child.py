"""What runs in processes that are killed."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from typing import Any
from uuid import uuid4

import alembic.command
import alembic.config  # noqa: F401
import psycopg  # noqa: F401 (forked children have it)
import sqlalchemy.dialects.postgresql.psycopg
import sqlalchemy.dialects.sqlite.pysqlite  # noqa: F401
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: F401

from aicr.errors import AicrError
from controlplane import failpoints, planner
from controlplane.changes import Changes
from controlplane.failpoints import Injected
from controlplane.plan import apply as applying
from controlplane.plan import recover
from controlplane.plan.effects import Effects
from controlplane.state.protocol import Actor
from tests.controlplane.engines import apply, opened, plan

WRITERS, PLANNED = 4, 12


def generation(number: int) -> dict[str, Any]:
    """Resources of one generation: some are always there, some come and go, in three groups."""
    specs: dict[str, Any] = {f"test.things.p{i}": {"size": number} for i in range(PLANNED)}
    specs["test.things.p1"]["uses"] = ["p0"]
    specs["test.things.p2"]["uses"] = ["p1"]
    specs["test.things.p3"]["home"] = f"h{number}"  # replaced every time
    specs[f"test.things.only{number % 3}"] = {"size": number}
    return specs


def busy(where: str, acknowledged: int) -> None:
    """Write and apply until killed; whatever is durable is said on a pipe, one line each."""

    def tell(line: str) -> None:
        os.write(acknowledged, f"{line}\n".encode())

    # A plan is stale once anybody writes: writers rest from its making until it has begun.
    gate = threading.Lock()

    def begun(name: str) -> None:
        if name == "apply.after_lock":
            gate.release()

    applying.hit = begun
    with opened(where) as engine:
        recover.recover(engine)

        def write(name: str) -> None:
            for n in itertools.count():
                address = f"test.things.w{name}-{n}"
                with gate:
                    done = engine.store.submit(
                        lambda tx, a=address, n=n: Changes(
                            tx, engine.kinds, Actor("writer")
                        ).create(a, {"size": n})
                    )
                done.result()
                tell(f"write {address} {n}")

        for _ in range(WRITERS):
            threading.Thread(target=write, args=(uuid4().hex,), daemon=True).start()
        tell("ready")
        for number in itertools.count(os.getpid()):
            gate.acquire()
            engine.store.write(lambda tx: None)  # what was submitted before is done
            made = plan(engine, generation(number))
            apply(engine, made, actor=Actor(f"apply {uuid4()}"))
            tell(f"apply {made.digest} {number}")


# --------------------------------------------------------------------------- named points

BEFORE: dict[str, Any] = {
    "test.things.kept": {"size": 1},
    "test.things.changed": {"size": 1},
    "test.things.replaced": {"home": "a"},
    "test.things.gone": {"uses": ["gone-too"]},
    "test.things.gone-too": {},
}
AFTER: dict[str, Any] = {
    "test.things.kept": {"size": 1},
    "test.things.changed": {"size": 2},
    "test.things.replaced": {"home": "b"},
    "test.things.new": {"size": 1},
    "test.things.newer": {"uses": ["new"]},
    "test.things.newest": {"uses": ["newer"]},
    "test.tokens.token": {"value": "env:TOKEN"},
}
SECRETS = {"env:TOKEN": "a value of a secret"}


def once(where: str, point: str, action: str, moment: str, stall: float, said: Any) -> None:
    """Plan, keep and apply, with a point armed from a moment on; then, where the process lives,
    say what happened and do it again by nothing but the same calls."""
    failpoints.STALL_SECONDS = stall

    def arm(now: str) -> None:
        if now == moment:
            failpoints.active[point] = action

    perform = Effects.perform

    def performed(self: Effects, *given: Any) -> None:
        arm("effect")
        perform(self, *given)

    Effects.perform = performed
    arm("open")
    raised = 0
    for attempt in range(3):
        try:
            with opened(where) as engine:
                arm("plan")
                recover.recover(engine)
                made = plan(engine, AFTER, SECRETS)
                if made.is_empty:
                    break
                planner.keep(engine, made, Actor(f"apply {attempt} {os.getpid()}"))
                arm("apply")
                apply(engine, made, SECRETS, Actor(f"apply {attempt} {os.getpid()}"))
            moment = "never"
        except Injected:
            raised += 1
            moment = "never"
    said.send((point not in failpoints.active, raised))


def stopped(where: str, lock_seconds: float, number: int, said: Any) -> None:
    """Apply, stop in the middle by one's own hand, and say how that ends."""

    def stop(name: str) -> None:
        if name == "apply.after_intent":
            os.kill(os.getpid(), signal.SIGSTOP)

    applying.hit = stop
    with opened(where, lock_seconds=lock_seconds) as engine:
        made = plan(
            engine, {"test.things.late": {"size": number}, "test.things.both": {"size": -1}}
        )
        try:
            apply(engine, made, actor=Actor("late"))
            said.send("applied")
        except AicrError as e:
            said.send(type(e).__name__)


def add(where: str, clients: int, times: int, seed: int, said: Any) -> None:
    """Clients of a process of its own."""
    from tests.robustness.test_compare_and_swap import run_clients

    said.send(run_clients(where, clients, times, seed))
