"""API keys as text: what we mint we know, and nobody else's text passes for it."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controlplane.access.apikeys import PREFIX, Mint, digest, is_shaped, masked

DOMAIN = b"d" * 32
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_the_form() -> None:
    text = Mint(DOMAIN).new()
    assert re.fullmatch(r"nvapi-nvcf-stg-[A-Za-z0-9_-]{64}", text)
    assert is_shaped(text)
    assert text != Mint(DOMAIN).new()


def test_the_vector() -> None:
    """43 characters of 32 bytes, then 21 of HMAC-SHA3-256 over them."""
    import hashlib
    import hmac

    data = bytes(range(32))
    mark = base64.urlsafe_b64encode(hmac.new(DOMAIN, data, hashlib.sha3_256).digest()).decode()[:21]
    body = base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert Mint(DOMAIN).new(lambda count: data[:count]) == f"nvapi-nvcf-stg-{body}{mark}"


@given(st.binary(min_size=1), st.binary(min_size=32, max_size=32))
def test_what_is_minted_is_known(domain: bytes, data: bytes) -> None:
    mint = Mint(domain)
    assert mint.knows(mint.new(lambda _: data))


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(len(PREFIX), len(PREFIX) + 63),
    st.sampled_from(ALPHABET),
)
def test_no_other_character_anywhere(data: bytes, at: int, other: str) -> None:
    """Also not in the last character of base64, which has bits to spare."""
    mint = Mint(DOMAIN)
    text = mint.new(lambda _: data)
    assume(text[at] != other)
    assert not mint.knows(text[:at] + other + text[at + 1 :])


@pytest.mark.parametrize("other", ALPHABET)
def test_the_random_part_has_one_spelling(other: str) -> None:
    """Its last character has two bits to spare: three others would decode to the same bytes."""
    text, at = Mint(DOMAIN).new(bytes), len(PREFIX) + 42
    assert Mint(DOMAIN).knows(text[:at] + other + text[at + 1 :]) is (text[at] == other)


@given(st.binary(min_size=32, max_size=32))
def test_not_those_of_another_installation(data: bytes) -> None:
    assert not Mint(b"other").knows(Mint(DOMAIN).new(lambda _: data))


@pytest.mark.parametrize(
    ("text", "shaped"),
    [
        ("nvapi-" + "a" * 32, True),
        ("nvapi-" + "a" * 256, True),
        ("nvapi-" + "a" * 31, False),
        ("nvapi-" + "a" * 257, False),
        ("nvapi-" + "a" * 40 + "\n", False),
        ("nvapi-" + "a" * 40 + "=", False),
        ("nvapi-" + "ä" * 40, False),
        ("NVAPI-" + "a" * 40, False),
        (" nvapi-" + "a" * 40, False),
        ("abc", False),
        ("", False),
    ],
)
def test_shapes(text: str, shaped: bool) -> None:
    assert is_shaped(text) is shaped
    assert Mint(DOMAIN).knows(text) is shaped


@pytest.mark.parametrize("cut", [1, 2, 10, 63])
def test_a_key_that_was_cut_is_somebody_elses_at_best(cut: int) -> None:
    """What has not our form may come from a manifest: it is looked for, and not found."""
    text = Mint(DOMAIN).new()[:-cut]
    assert Mint(DOMAIN).knows(text) is is_shaped(text)


@given(st.text(ALPHABET, min_size=64, max_size=64))
def test_masked(body: str) -> None:
    shown = masked(f"{PREFIX}{body}")
    assert shown == f"nvapi-nvcf-stg-**********{body[-3:]}"
    assert masked(f"nvapi-{body}").startswith("nvapi-*") or body.startswith("nvcf-stg-")


@given(st.text(), st.text())
def test_digests(one: str, other: str) -> None:
    assert (digest(one) == digest(other)) is (one == other)
    assert re.fullmatch("[0-9a-f]{64}", digest(one))
