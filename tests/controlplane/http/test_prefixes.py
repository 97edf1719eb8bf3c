"""Paths below a prefix, by whole segments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.http.prefixes import Prefixes


@pytest.mark.parametrize(
    ("path", "within"),
    [
        ("/v1/keys", True),
        ("/v1/keys/", True),
        ("/v1/keys/a/b", True),
        ("/v1/keysets", False),
        ("/v1/key", False),
        ("/v1", False),
        ("/", False),
        ("", False),
        ("/V1/keys", False),
        ("x/v1/keys", False),
        ("/v1/admin/keys", True),
    ],
)
def test_within(path: str, within: bool) -> None:
    assert Prefixes(["/v1/keys", "/v1/admin"]).has(path) is within


def test_none() -> None:
    assert not any(Prefixes().has(path) for path in ("", "/", "/v1"))


PARTS = st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=3)


@given(PARTS, PARTS)
def test_the_law(prefix: list[str], path: list[str]) -> None:
    one = Prefixes(["/" + "/".join(prefix)])
    assert one.has("/" + "/".join(path)) == (path[: len(prefix)] == prefix)
