"""Addresses: one form, read back as written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicr.errors import InvalidRequest
from controlplane.address import Address, parse

NAMES = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9._:@]{0,40}[A-Za-z0-9])?", fullmatch=True)
WORDS = st.from_regex(r"[a-z][A-Za-z0-9]{0,20}", fullmatch=True)


@given(WORDS, WORDS, NAMES)
def test_what_is_printed_is_parsed(service: str, collection: str, name: str) -> None:
    address = Address(service, collection, name)
    assert parse(str(address)) == address
    assert address.kind == f"{service}.{collection}"


def test_a_name_may_have_dots() -> None:
    assert parse("nvcf.functions.a.b@c:1") == ("nvcf", "functions", "a.b@c:1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a.b",
        "a.b.",
        ".a.b",
        "A.b.c",
        "a.B.c",
        "a.b.-c",
        "a.b.c-",
        "a.b.c d",
        "a.b.c/d",
        "a.b.c#d",
        "a.b.c\n",
        "a.b.ü",
        "1.b.c",
        "a.b." + "c" * 257,
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no address"):
        parse(text)
