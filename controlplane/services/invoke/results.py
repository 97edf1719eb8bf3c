"""Results of requests whose callers were told to poll: files that every worker of a host sees.

    REQUEST.pending    somebody waits for the function: its account, and the worker's name
    REQUEST.part       what there is of the result so far
    REQUEST.done       the result: a line of JSON with the head, then the body
    REQUEST.failed     there will be none
    REQUEST.zip        an answer that was too large to be sent (archives.py)
    NAME.worker        locked by that worker as long as it lives

Each step is one rename or unlink, of which one process succeeds: a result is had once.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from contextlib import suppress
from enum import Enum
from typing import IO, NamedTuple

from aicr import jsonio
from controlplane.services.invoke.errors import Pairs

# How long a result is kept, in seconds (contract 7.4).
KEEP_SECONDS = 3600
# A larger answer is no result: the disk is everybody's.
MAX_BYTES = 1024 * 1024 * 1024
# Word of a result comes through the runner; without one they are looked for so often.
LOOK_SECONDS = 0.5
SWEEP_SECONDS = 60


class State(Enum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Head(NamedTuple):
    """The head of a result: whose it is, and the status and headers of the answer."""

    account: str
    status: int
    headers: Pairs


class Results:
    """The results of a host as one worker sees them; `name` is the worker's, and nobody else's."""

    def __init__(self, directory: str, name: str) -> None:
        self._directory, self._name = directory, name
        self._lock: IO[bytes] | None = None
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    # Whoever waits for a function.

    def begin(self, request: str, account: str, door: str) -> None:
        """Let a request behind a door be polled. Raises OSError."""
        self._live()
        document = {"account": account, "worker": self._name, "door": door}
        staged = self._path(request, "part")
        with private(staged) as f:
            f.write(jsonio.compact(document).encode())
        os.rename(staged, self._path(request, "pending"))

    def spool(self, request: str, head: Head) -> IO[bytes]:
        """A file for the body of a result, in which the head stands. Raises OSError."""
        f = private(self._path(request, "part"))
        headers = [[n.decode("latin-1"), v.decode("latin-1")] for n, v in head.headers]
        line = {"account": head.account, "status": head.status, "headers": headers}
        f.write(jsonio.compact(line).encode() + b"\n")
        return f

    def finish(self, request: str) -> None:
        """The result is whole."""
        os.rename(self._path(request, "part"), self._path(request, "done"))
        self._gone(request, "pending")

    def fail(self, request: str) -> None:
        """There will be no result."""
        self._gone(request, "part")
        with suppress(FileNotFoundError):
            os.rename(self._path(request, "pending"), self._path(request, "failed"))

    # Whoever polls.

    def look(self, request: str, account: str) -> State:
        """How a request of an account stands."""
        for state in (State.DONE, State.FAILED, State.PENDING, State.DONE):
            said = self._said(request, state)
            if said is None:
                continue
            if said.get("account") != account:
                return State.UNKNOWN
            lost = state is State.PENDING and not self._lives(str(said.get("worker")))
            return State.FAILED if lost else state
        return State.UNKNOWN

    def door(self, request: str) -> str:
        """Behind which door a request that is pending is answered."""
        return str((self._said(request, State.PENDING) or {}).get("door", ""))

    def _said(self, request: str, state: State) -> dict[str, object] | None:
        try:
            with open(self._path(request, state.value), "rb") as f:
                found = json.loads(f.readline())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def claim(self, request: str) -> tuple[Head, IO[bytes]] | None:
        """The result, for whoever comes first. The file is gone when it is closed."""
        path = self._path(request, "done")
        try:
            f = open(path, "rb")  # noqa: SIM115 (its reader closes it)
        except FileNotFoundError:
            return None
        try:
            os.unlink(path)
        except FileNotFoundError:
            f.close()
            return None
        said = json.loads(f.readline())
        headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in said["headers"]]
        return Head(said["account"], said["status"], headers), f

    def claim_failure(self, request: str) -> bool:
        """Whether this is the one who says that there is no result."""
        gone = [self._gone(request, what) for what in ("failed", "pending")]
        return any(gone)

    async def news(self, request: str, seconds: float) -> None:
        """Wait until there is something to look at, for at most so many seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(request, [])
        waiting.append(future)
        try:
            await asyncio.wait((future,), timeout=min(seconds, LOOK_SECONDS))
        finally:
            waiting.remove(future)
            if not waiting:
                self._waiting.pop(request, None)

    def settled(self, request: str) -> None:
        """There is something to look at."""
        for future in self._waiting.get(request, ()):
            if not future.done():
                future.set_result(None)

    # What is left over.

    def sweep(self, now: float | None = None) -> None:
        """Forget what is older than results are kept."""
        oldest = (time.time() if now is None else now) - KEEP_SECONDS
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._directory):
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < oldest and self._may_go(entry.name):
                        os.unlink(entry.path)

    async def tidy(self) -> None:
        """Do so now and then, until cancelled."""
        while True:
            await asyncio.to_thread(self.sweep)
            await asyncio.sleep(SWEEP_SECONDS)

    def _may_go(self, file: str) -> bool:
        """Whether nobody needs a file: what a living worker waits for may take longer."""
        request, _, what = file.rpartition(".")
        if what == "worker":
            return not self._lives(request)
        if what in ("pending", "part"):
            said = self._said(request, State.PENDING)
            return said is None or not self._lives(str(said.get("worker")))
        return True

    def close(self) -> None:
        if self._lock is not None:
            self._gone(self._name, "worker")
            self._lock.close()
            self._lock = None

    def _live(self) -> None:
        """Say that this worker lives, in a way that ends with it."""
        if self._lock is None:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._lock = private(self._path(self._name, "worker"))
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def _lives(self, worker: str) -> bool:
        if worker == self._name:
            return True
        try:
            with open(self._path(worker, "worker"), "rb") as f:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _gone(self, name: str, what: str) -> bool:
        try:
            os.unlink(self._path(name, what))
        except FileNotFoundError:
            return False
        return True

    def _path(self, name: str, what: str) -> str:
        return os.path.join(self._directory, f"{name}.{what}")


def private(path: str) -> IO[bytes]:
    """A new file that only this user may read."""
    return os.fdopen(
        os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w+b"
    )
