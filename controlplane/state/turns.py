"""Writers of one SQLite file take turns.

SQLite lets whoever waits for its lock sleep for up to a tenth of a second at a time, in which many
could have written. It is only for speed: who gets no turn in time, because another process was
stopped in its own, goes on and finds SQLite's lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 0.25
_PAUSE_SECONDS = 0.0005


class Turns:
    """A lock among processes, by a file beside the state; without a path nobody waits."""

    def __init__(self, path: str = "") -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(f"{path}-turns", flags, 0o600) if path else -1

    @contextmanager
    def mine(self, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
        """Wait for a turn, at most so many seconds, and give it up at the end."""
        held = self._file >= 0 and self._take(patience)
        try:
            yield
        finally:
            if held:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _take(self, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(_PAUSE_SECONDS)
            else:
                return True

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
