"""Secrets in a store: never readable in it, and encrypted anew when keys rotate."""

from __future__ import annotations

import pytest

from aicr.errors import InvalidRequest, NotFound
from controlplane.state.sql import SqlStore
from controlplane.vault import Vault, new_key, rotate
from tests.stores import dump


def test_kept_and_read_again(store: SqlStore, where: str) -> None:
    vault = Vault((new_key(),))
    store.write(lambda tx: vault.put(tx, "test.tokens.a#value", "hunter2 – ü"))
    assert store.read(lambda r: vault.get(r, "test.tokens.a#value")) == "hunter2 – ü"
    assert "hunter2" not in repr(dump(where))
    with pytest.raises(NotFound):
        store.read(lambda r: vault.get(r, "test.tokens.b#value"))


def test_a_record_moved_to_another_name_cannot_be_opened(store: SqlStore) -> None:
    vault = Vault((new_key(),))
    sealed = vault.seal("a", b"one")
    store.write(lambda tx: tx.put_secret(sealed._replace(name="b")))
    with pytest.raises(InvalidRequest, match="secret b was changed in the store"):
        store.read(lambda r: vault.get(r, "b"))


def test_rotation_encrypts_every_one_under_the_new_key(store: SqlStore) -> None:
    first, second = new_key(), new_key()
    old, both, new = Vault((first,)), Vault((second, first)), Vault((second,))
    store.write(lambda tx: [old.put(tx, f"n{i}", f"value {i}") for i in range(20)])
    digest = old.digest("value 1")
    assert store.write(lambda tx: rotate(tx, both, both)) == 20
    secrets = store.read(lambda r: r.secrets())
    assert {s.key for s in secrets} == {second.id}
    assert [store.read(lambda r, i=i: new.get(r, f"n{i}")) for i in range(20)] == [
        f"value {i}" for i in range(20)
    ]
    assert both.digest("value 1") == digest  # as long as the oldest key is there
    with pytest.raises(InvalidRequest, match="which the ring lacks"):
        store.read(lambda r: old.get(r, "n1"))


def test_a_rotation_that_fails_leaves_every_secret_as_it_was(store: SqlStore) -> None:
    vault = Vault((new_key(),))
    store.write(lambda tx: vault.put(tx, "a", "one"))
    store.write(lambda tx: tx.put_secret(Vault((new_key(),)).seal("b", b"two")))
    before = store.read(lambda r: r.secrets())
    with pytest.raises(InvalidRequest):
        store.write(lambda tx: rotate(tx, vault, Vault((new_key(),))))
    assert store.read(lambda r: r.secrets()) == before
