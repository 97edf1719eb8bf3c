"""Leases: who may do something alone, for how long, and a token that outs whoever comes late.

A token grows with every holder. Whoever writes under a lease says its token, in the same
transaction: the write of a holder that slept past its time, and was replaced, is refused.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from functools import cache

from aicr.errors import Conflict
from controlplane.state.protocol import Lease, Transaction

Clock = Callable[[], float]


class Locked(Conflict):
    """Somebody else holds the lease."""


class Fenced(Conflict):
    """The lease was lost: somebody else holds it, or did since."""


def acquire(
    tx: Transaction, name: str, seconds: float, purpose: str, clock: Clock = time.time
) -> Lease:
    """The lease, for so many seconds. Raises Locked when somebody who lives holds it."""
    known = tx.lease(name)
    if known is not None and not is_free(known, clock):
        raise Locked(
            f"{name} is locked by {known.holder} since {known.acquired}: {known.purpose}",
            details={"holder": known.holder, "since": known.acquired},
        )
    token = 1 if known is None else known.token + 1
    lease = Lease(name, holder(), token, clock() + seconds, tx.now, purpose)
    tx.put_lease(lease)
    return lease


def renew(tx: Transaction, lease: Lease, seconds: float, clock: Clock = time.time) -> None:
    """Hold it so many seconds longer. Raises Fenced when it is not held any more."""
    known = tx.lease(lease.name)
    if known is None or known.token != lease.token or not known.holder:
        raise Fenced(f"{lease.name}: the lease {lease.token} was lost")
    tx.put_lease(lease._replace(expires=clock() + seconds))


def release(tx: Transaction, lease: Lease) -> None:
    """Give it up, if it is still held. The token stays, so that it can only grow."""
    known = tx.lease(lease.name)
    if known is not None and known.token == lease.token:
        tx.put_lease(known._replace(holder="", expires=0.0))


def is_free(lease: Lease, clock: Clock = time.time) -> bool:
    """Whether nobody holds a lease: released, past its time, or of a process that is gone."""
    return not lease.holder or lease.expires <= clock() or is_dead(lease.holder)


def holder() -> str:
    """Names this process so that others on this host can tell whether it lives."""
    return _holder(os.getpid())


@cache
def _holder(pid: int) -> str:
    return f"{socket.gethostname()}/{_place()}/{pid}/{_started(pid)}"


def is_dead(name: str) -> bool:
    """Whether a holder is a process that could be seen from here and is not there any more. Of
    other hosts, containers and boots nothing is known: their leases end with their time."""
    try:
        host, place, pid, started = name.rsplit("/", 3)
    except ValueError:
        return False
    if (host, place) != (socket.gethostname(), _place()):
        return False
    return _started(int(pid)) != started


@cache
def _place() -> str:
    """This boot of this host, and where in it ids of processes mean what they mean here: hosts and
    containers may well have the same name."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            return f"{f.read().strip()}:{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return "boot"


def _started(pid: int) -> str:
    """When a process started, in ticks: ids of processes come again."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return _alive(pid)
    return "dead" if fields[0] in "ZX" else fields[19]


def _alive(pid: int) -> str:
    """Where there is no /proc."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "dead"
    except PermissionError:
        pass
    return "alive"
