"""The cache: its size is what it holds, and never exceeds the bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controlplane.http.cache import Cache

_STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "get"]), st.integers(0, 20), st.integers(0, 3_000))
)


@given(bound=st.integers(0, 10_000), steps=_STEPS)
def test_the_bound_holds_whatever_happens(bound: int, steps: list[tuple[str, int, int]]) -> None:
    cache: Cache[tuple[int, int]] = Cache(bound)
    held: dict[int, int] = {}
    for word, key, size in steps:
        if word == "put":
            cache.put(key, (key, size), size)
            if size + 500 <= bound:
                held[key] = size
        else:
            found = cache.get(key)
            assert found is None or found == (key, held[key])
        assert 0 <= cache.size <= bound
    kept = [key for key in held if cache.get(key) is not None]
    assert cache.size == sum(held[key] + 500 for key in kept)


def test_the_least_recently_used_goes_first() -> None:
    cache: Cache[str] = Cache(2_000)
    for key in "abc":
        cache.put(key, key, 100)
    assert cache.get("a") == "a"
    cache.put("d", "d", 100)
    assert [cache.get(key) for key in "abcd"] == ["a", None, "c", "d"]


def test_what_is_too_large_is_not_kept_and_pushes_nothing_out() -> None:
    cache: Cache[str] = Cache(1_000)
    cache.put("small", "small", 10)
    cache.put("large", "large", 1_000)
    assert cache.get("large") is None
    assert cache.get("small") == "small"
