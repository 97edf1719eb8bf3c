"""The installation's own secrets: made once, sealed, and only ever shown as digests."""

from __future__ import annotations

from controlplane.access import roots
from controlplane.access.tokens import Tokens
from controlplane.vault import Vault, new_key
from tests.controlplane.installation import Worker


def new(worker: Worker) -> str:
    vault = worker.engine.vault
    return worker.engine.store.write(lambda tx: roots.new_bootstrap_secret(tx, vault))


def knows(worker: Worker, text: str) -> bool:
    return bool(worker.read(lambda r: roots.is_bootstrap_secret(r, worker.engine.vault, text)))


def test_making_again_keeps_what_is_there(worker: Worker) -> None:
    vault = worker.engine.vault
    worker.engine.store.write(lambda tx: roots.make(tx, vault))
    assert worker.read(lambda r: roots.read(r, vault)) == worker.roots
    assert len(worker.roots.domain) == 32


def test_one_that_is_missing_is_made(worker: Worker) -> None:
    vault = worker.engine.vault
    worker.engine.store.write(lambda tx: tx.drop_secret(roots.DOMAIN))
    assert worker.read(lambda r: roots.read(r, vault)) is None
    worker.engine.store.write(lambda tx: roots.make(tx, vault))
    made = worker.read(lambda r: roots.read(r, vault))
    assert made.signing == worker.roots.signing
    assert made.domain != worker.roots.domain


def test_sealed_in_the_store(worker: Worker) -> None:
    new(worker)
    sealed = worker.read(lambda r: r.secrets())
    assert [s.name for s in sealed] == [roots.BOOTSTRAP, roots.DOMAIN, roots.SIGNING]
    stored = b"".join(s.data for s in sealed)
    assert b"PRIVATE KEY" not in stored
    assert worker.roots.domain not in stored


def test_they_outlive_a_rotation_of_the_ring(worker: Worker) -> None:
    from controlplane.vault import Key, rotate

    old, fresh = worker.engine.vault, new_key()
    ring: tuple[Key, ...] = (fresh, *((Key(i, v) for i, v in old._ring.items())))
    worker.engine.store.write(lambda tx: rotate(tx, old, Vault(ring)))
    assert worker.read(lambda r: roots.read(r, Vault((fresh,)))) == worker.roots


def test_the_key_signs_for_everybody(worker: Worker) -> None:
    token = Tokens(worker.roots.signing).issue("ncp", []).value
    assert Tokens(worker.roots.signing).verify(token).subject == "ncp"


def test_the_bootstrap_secret(worker: Worker) -> None:
    assert not knows(worker, "")
    assert not knows(worker, "anything")
    first = new(worker)
    assert first.startswith("aicr-bootstrap-")
    assert len(first) > 50
    assert knows(worker, first)
    for other in ("", first[:-1], f"{first} ", first.upper(), "\ud800", "é"):
        assert not knows(worker, other)
    second = new(worker)
    assert knows(worker, second)
    assert not knows(worker, first)


def test_the_digest_in_the_store_is_no_secret(worker: Worker) -> None:
    new(worker)
    kept = worker.read(lambda r: worker.engine.vault.get(r, roots.BOOTSTRAP))
    assert not knows(worker, kept)
