"""Leases: one holder, tokens that only grow, late writes refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest

from controlplane.state import leases
from controlplane.state.leases import Fenced, Locked, acquire, is_dead, release, renew
from controlplane.state.protocol import Lease
from controlplane.state.sql import SqlStore
from tests.conftest import ROOT


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def take(store: SqlStore, clock: Clock, seconds: float = 10.0) -> Lease:
    return store.write(lambda tx: acquire(tx, "lock", seconds, "why", clock))


def test_one_holder_at_a_time(store: SqlStore, clock: Clock) -> None:
    lease = take(store, clock)
    assert (lease.token, lease.expires, lease.holder) == (1, 1010.0, leases.holder())
    with pytest.raises(Locked, match=r"lock is locked by .* since .*: why") as e:
        take(store, clock)
    assert e.value.details["holder"] == lease.holder
    assert store.read(lambda r: r.lease("lock")) == lease


def test_other_names_are_other_leases(store: SqlStore, clock: Clock) -> None:
    take(store, clock)
    assert store.write(lambda tx: acquire(tx, "else", 10, "", clock)).token == 1


def test_a_released_lease_is_free_and_its_token_is_not_given_again(
    store: SqlStore, clock: Clock
) -> None:
    lease = take(store, clock)
    store.write(lambda tx: release(tx, lease))
    assert store.read(lambda r: r.lease("lock")).holder == ""
    assert take(store, clock).token == 2


def test_time_frees_it(store: SqlStore, clock: Clock) -> None:
    take(store, clock)
    clock.now += 9.9
    with pytest.raises(Locked):
        take(store, clock)
    clock.now += 0.1
    assert take(store, clock).token == 2


def test_renewing_moves_its_end(store: SqlStore, clock: Clock) -> None:
    lease = take(store, clock)
    clock.now += 9
    store.write(lambda tx: renew(tx, lease, 10, clock))
    clock.now += 9
    with pytest.raises(Locked):
        take(store, clock)


def test_who_was_replaced_can_neither_renew_nor_release(store: SqlStore, clock: Clock) -> None:
    old = take(store, clock)
    clock.now += 11
    new = take(store, clock)
    with pytest.raises(Fenced):
        store.write(lambda tx: renew(tx, old, 10, clock))
    store.write(lambda tx: release(tx, old))
    assert store.read(lambda r: r.lease("lock")) == new


def test_who_was_released_cannot_renew(store: SqlStore, clock: Clock) -> None:
    lease = take(store, clock)
    store.write(lambda tx: release(tx, lease))
    with pytest.raises(Fenced):
        store.write(lambda tx: renew(tx, lease, 10, clock))


def test_a_fenced_write_leaves_nothing(store: SqlStore, clock: Clock) -> None:
    old = take(store, clock)
    clock.now += 11
    take(store, clock)

    def late(tx: object) -> None:
        tx.advance()
        renew(tx, old, 10, clock)

    with pytest.raises(Fenced):
        store.write(late)
    assert store.read(lambda r: r.meta()).serial == 0


def test_two_appliers_never_hold_it_together(store: SqlStore) -> None:
    """100 rounds of 2, all at once: inside, nobody else is."""
    inside, most, refused = [0], [0], [0]
    guard = threading.Lock()

    def applier() -> None:
        for _ in range(100):
            try:
                lease = store.write(lambda tx: acquire(tx, "lock", 30, ""))
            except Locked:
                with guard:
                    refused[0] += 1
                continue
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            with guard:
                inside[0] -= 1
            store.write(lambda tx, lease=lease: release(tx, lease))

    threads = [threading.Thread(target=applier) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert store.read(lambda r: r.lease("lock")).token == 200 - refused[0]


class TestHolders:
    def test_this_process_lives(self) -> None:
        assert not is_dead(leases.holder())

    def test_a_process_that_ended_is_dead(self) -> None:
        said = subprocess.run(
            [sys.executable, "-c", "from controlplane.state import leases; print(leases.holder())"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert is_dead(said.stdout.strip())

    def test_a_lease_of_the_dead_is_free(self, store: SqlStore, clock: Clock) -> None:
        dead = leases.holder().rsplit("/", 1)[0] + "/another start"
        store.write(lambda tx: tx.put_lease(Lease("lock", dead, 7, 9e9, "", "")))
        assert take(store, clock).token == 8

    def test_of_other_hosts_nothing_is_known(self) -> None:
        assert not is_dead("elsewhere/boot/1/1")
        assert not is_dead("no holder of ours")

    def test_of_other_containers_of_this_host_nothing_is_known(self) -> None:
        host, _, pid, started = leases.holder().rsplit("/", 3)
        assert host == socket.gethostname()
        assert not is_dead(f"{host}/another place/{pid}/{started}")
        assert not is_dead(f"{host}/another place/1/dead")
