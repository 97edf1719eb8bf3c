"""The engine of this host, for commands that work without a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.home import STATE_VARIABLE, Home, home
from controlplane.state.sql import SqlStore, is_file, url_of


@contextmanager
def open_engine(state: str | None = None) -> Iterator[Engine]:
    """The engine over the state in a file or database; without one over that of AICR_STATE, else
    of AICR_HOME.

    Raises what opening a store raises.
    """
    place = home()
    store = open_state(place, state or os.environ.get(STATE_VARIABLE))
    try:
        yield Engine(store, KINDS, place.vault())
    finally:
        store.close()


def open_state(place: Home, state: str | None) -> SqlStore:
    """A store. A file is private from its first byte: what it holds is nobody else's business."""
    where = state or place.state
    url_of(where)
    if is_file(where):
        if not state:
            place.make()
        _private(where.removeprefix("sqlite:///"))
    return SqlStore(where)


def _private(path: str) -> None:
    """Make a file with mode 0600, unless it is there; SQLite gives its log the same mode."""
    from aicr.errors import InvalidRequest

    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as e:
        raise InvalidRequest(f"{path}: {e.strerror} (--state)") from None
