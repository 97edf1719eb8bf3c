"""The engine of this host, for commands that work without a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from aicr.errors import InvalidRequest, NotFound
from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.home import ANY, DEFAULT, STATE_VARIABLE, VARIABLE, Home, home
from controlplane.state.protocol import Transaction
from controlplane.state.sql import SqlStore, is_file, shown, url_of
from controlplane.vault import Vault


@contextmanager
def open_engine(state: str | None = None, *, make: str = ANY) -> Iterator[Engine]:
    """The engine over the state in a file or database; without one over that of AICR_STATE, else
    of AICR_HOME. `make` says which files are made when they are not there.

    Raises NotFound for one that is not, and what opening a store raises.
    """
    engine = engine_at(home(), state or os.environ.get(STATE_VARIABLE), make)
    try:
        yield engine
    finally:
        engine.store.close()


def engine_at(place: Home, state: str | None, make: str = ANY) -> Engine:
    """The engine over a state under the key ring of a home. Raises as `open_engine`, and
    InvalidRequest when the state was used under another ring."""
    store = open_state(place, state, make)
    try:
        return Engine(store, KINDS, _vault(place, store, state or place.state))
    except BaseException:
        store.close()
        raise


def open_state(place: Home, state: str | None, make: str = ANY) -> SqlStore:
    """A store. A file is private from its first byte: what it holds is nobody else's business."""
    where = state or place.state
    url_of(where)
    if is_file(where):
        _there(where.removeprefix("sqlite:///"), named=bool(state), make=make)
        if not state:
            place.make()
        _private(where.removeprefix("sqlite:///"))
    return SqlStore(where)


def _there(path: str, *, named: bool, make: str) -> None:
    """Raises NotFound for a file that is not there and may not be made."""
    if make == ANY or (make == DEFAULT and not named) or os.path.exists(path):
        return
    where = f"--state or {STATE_VARIABLE}" if named else VARIABLE
    raise NotFound(f"{path}: there is no state yet: aicr apply -f DIR makes it ({where})")


def _private(path: str) -> None:
    """Make a file with mode 0600, unless it is there; SQLite gives its log the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as e:
        raise InvalidRequest(f"{path}: {e.strerror} (--state)") from None


def _vault(place: Home, store: SqlStore, where: str) -> Vault:
    """The vault of a state. Under another ring new secrets would be sealed that the hosts of the
    state cannot open, and every secret would look changed."""
    meta = store.read(lambda reader: reader.meta())
    if meta.ring and not place.has_ring:
        raise _other_ring(place, where)
    vault = place.vault()
    known = meta.ring or store.write(lambda tx: _mark(tx, vault.fingerprint(meta.lineage)))
    if known != vault.fingerprint(meta.lineage):
        raise _other_ring(place, where)
    return vault


def _mark(tx: Transaction, fingerprint: str) -> str:
    """The fingerprint that a state has now: of several that open a new one the first decides."""
    meta = tx.meta()
    if not meta.ring:
        tx.put_meta(meta._replace(ring=fingerprint))
    return meta.ring or fingerprint


def _other_ring(place: Home, where: str) -> InvalidRequest:
    return InvalidRequest(
        f"the state {shown(where)} was made under another key ring than {place.ring}: set "
        f"{VARIABLE} to the home that it was made from, or copy keys/ring.json from there"
    )
