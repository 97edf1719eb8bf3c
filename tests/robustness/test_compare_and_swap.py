"""Clients that read, add one, and write if nobody else did: no increment is lost or counted twice."""

from __future__ import annotations

import random
import threading
from typing import Any

from aicr.errors import Conflict
from controlplane.changes import Changes
from controlplane.state.protocol import Actor
from tests.controlplane.engines import opened
from tests.robustness import sound
from tests.robustness.conftest import Say, size

KEYS, PROCESSES, CLIENTS = 8, 2, 8
TIMES = size(500, 15)


def run_clients(where: str, clients: int, times: int, seed: int) -> tuple[list[int], int]:
    """Every revision that was won, and how often a client came too late."""
    won: list[int] = []
    late = [0]
    guard = threading.Lock()

    def client(number: int) -> None:
        chance = random.Random(seed * 1000 + number)  # noqa: S311
        for _ in range(times):
            address = f"test.things.k{chance.randrange(KEYS)}"
            while True:
                revision = engine.store.read(lambda r, a=address: r.get(a)).revision
                try:
                    stored = engine.change_now(
                        Actor(f"c{number}"), lambda c, a=address, n=revision: increment(c, a, n)
                    )
                except Conflict:
                    with guard:
                        late[0] += 1
                    continue
                with guard:
                    won.append(stored.revision)
                break

    with opened(where) as engine:
        threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return won, late[0]


def increment(changes: Changes, address: str, revision: int) -> Any:
    known = changes.tx.get(address)
    assert known is not None
    if known.revision != revision:
        raise Conflict(f"{address} is at revision {known.revision}")
    return changes.update(known, spec={"size": known.spec["size"] + 1})


def test_the_sum_is_exact(where: str, children: Any, say: Say) -> None:
    from tests.robustness import child

    with opened(where) as engine:
        for key in range(KEYS):
            engine.change_now(
                Actor("before"), lambda c, k=key: c.create(f"test.things.k{k}", {"size": 0})
            )
    pipes = []
    for seed in range(PROCESSES):
        here, there = children.Pipe()
        process = children.Process(target=child.add, args=(where, CLIENTS, TIMES, seed, there))
        process.start()
        there.close()
        pipes.append((here, process))
    said = [here.recv() for here, _ in pipes]
    for here, process in pipes:
        process.join()
        here.close()
        assert process.exitcode == 0
    expected = PROCESSES * CLIENTS * TIMES
    with opened(where) as engine:
        total = sum(r.spec["size"] for r in engine.store.read(lambda r: r.resources()))
        serial = engine.store.read(lambda r: r.meta()).serial
        sound.check(engine)
    won = [revision for revisions, _ in said for revision in revisions]
    assert total == expected
    assert len(set(won)) == len(won) == expected
    assert serial == expected + KEYS
    late = sum(late for _, late in said)
    assert late > 0  # or nobody was ever in anybody's way
    say(
        f"{PROCESSES * CLIENTS} clients in {PROCESSES} processes × {TIMES} increments of {KEYS} "
        f"keys: sum {total}, {late} came too late and were told"
    )
