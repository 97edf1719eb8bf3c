"""Secrets at rest, without a store."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicr.errors import InvalidRequest
from controlplane.vault import KEY_BYTES, Key, Vault, new_key, ring_of, ring_text

VAULT = Vault((Key("a", b"a" * KEY_BYTES), Key("b", b"b" * KEY_BYTES)))


@given(st.text(st.characters(codec="utf-8")), st.binary())
def test_only_the_same_name_opens(name: str, value: bytes) -> None:
    sealed = VAULT.seal(name, value)
    assert VAULT.open(sealed) == value
    with pytest.raises(InvalidRequest, match="was changed"):
        VAULT.open(sealed._replace(name=f"{name}x"))


@pytest.mark.parametrize("byte", range(20))
def test_any_changed_byte_is_found(byte: int) -> None:
    sealed = VAULT.seal("name", b"1234")
    data = bytearray(sealed.data)
    data[byte] ^= 1
    with pytest.raises(InvalidRequest, match="was changed"):
        VAULT.open(sealed._replace(data=bytes(data)))


def test_the_same_value_is_never_encrypted_the_same() -> None:
    sealed = [VAULT.seal("name", b"value") for _ in range(50)]
    assert len({s.nonce for s in sealed}) == len({s.data for s in sealed}) == 50


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    old = Vault((Key("b", b"b" * KEY_BYTES),)).seal("n", b"v")
    assert VAULT.open(old) == b"v"
    assert VAULT.seal("n", b"v").key == "a"
    assert list(VAULT._ring) == ["a", "b"]
    with pytest.raises(InvalidRequest, match="which the ring lacks"):
        VAULT.open(old._replace(key="c"))


def test_digests_tell_values_apart_and_need_the_ring() -> None:
    assert VAULT.digest("a") == VAULT.digest("a") != VAULT.digest("b")
    assert VAULT.digest("a") != Vault((new_key(),)).digest("a")
    assert len(VAULT.digest("\ud800")) == len("hmac:") + 12


def test_a_ring_is_read_as_written() -> None:
    ring = (new_key(), new_key())
    assert ring_of(ring_text(ring).encode(), "ring") == ring


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"keys": []},
        {"keys": [{"id": "a"}]},
        {"keys": [{"id": "a", "key": "!"}]},
        {"keys": [{"id": "a", "key": base64.b64encode(b"short").decode()}]},
    ],
)
def test_what_is_no_ring(document: object) -> None:
    with pytest.raises(InvalidRequest, match=r"ring\.json is no key ring"):
        ring_of(json.dumps(document).encode(), "ring.json")
