"""What resources of a policy grant: the table of contract 2.4, and laws over random policies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.access.policy import (
    EVERYTHING,
    FUNCTION,
    NEW_FUNCTION,
    NEW_TASK,
    TASK,
    Grant,
    Target,
    grants,
    permits,
    version,
)

OURS, SHARED = version("f1", "v1"), version("f1", "v1", own=False)
NEXT = version("f1")
JOB = Target(TASK, "t1")
TABLE = [
    # grant                              ours   shared next   new    task   new task
    (("account-functions", "*"), (True, False, True, True, False, False)),
    (("account-functions", "f1"), (False,) * 6),
    (("account-functions", ""), (False,) * 6),
    (("authorized-functions", "*"), (False, True, False, False, False, False)),
    (("authorized-functions", "f1/v1"), (False,) * 6),
    (("function", "f1/v1"), (True, True, False, False, False, False)),
    (("function", "F1/V1"), (True, True, False, False, False, False)),
    (("function", "f1/*"), (True, True, True, False, False, False)),
    (("function", "f1/v2"), (False,) * 6),
    (("function", "f2/*"), (False,) * 6),
    (("function", "f1"), (False,) * 6),
    (("function", "*"), (False,) * 6),
    (("function", "*/*"), (False,) * 6),
    (("function", "/*"), (False,) * 6),
    (("function", "f1/"), (False,) * 6),
    (("function", "f/*"), (False,) * 6),
    (("function", "f1/v1/"), (False,) * 6),
    (("account-tasks", "*"), (False, False, False, False, True, True)),
    (("account-tasks", "t1"), (False,) * 6),
    (("task", "t1"), (False, False, False, False, True, False)),
    (("task", "T1"), (False, False, False, False, True, False)),
    (("task", "t2"), (False,) * 6),
    (("task", "*"), (False,) * 6),
    (("task", ""), (False,) * 6),
    (("Function", "f1/v1"), (False,) * 6),
    (("cluster", "*"), (False,) * 6),
    (("", ""), (False,) * 6),
]


@pytest.mark.parametrize(("grant", "expected"), TABLE)
def test_the_table(grant: tuple[str, str], expected: tuple[bool, ...]) -> None:
    wanted = (OURS, SHARED, NEXT, NEW_FUNCTION, JOB, NEW_TASK)
    assert tuple(permits([Grant(*grant)], target) for target in wanted) == expected


def test_nothing_granted_permits_nothing() -> None:
    assert not any(permits([], t) for t in (OURS, SHARED, NEXT, NEW_FUNCTION, JOB, NEW_TASK))


def test_signed_tokens_have_everything_of_their_account() -> None:
    assert all(permits(EVERYTHING, t) for t in (OURS, SHARED, NEXT, NEW_FUNCTION, JOB, NEW_TASK))
    assert not permits(EVERYTHING, Target(TASK, "t1", own=False))


@pytest.mark.parametrize(
    ("resources", "found"),
    [
        (None, ()),
        ("x", ()),
        ({"type": "function", "id": "a/b"}, ()),
        ([], ()),
        ([None, 1, "x", [], {}], ()),
        ([{"type": "function"}], ()),
        ([{"id": "a/b"}], ()),
        ([{"type": "function", "id": 5}], ()),
        ([{"type": ["function"], "id": "a/b"}], ()),
        ([{"type": "function", "id": "a/b", "more": 1}], (Grant("function", "a/b"),)),
    ],
)
def test_what_is_no_resource_grants_nothing(resources: Any, found: tuple[Grant, ...]) -> None:
    assert grants({"resources": resources}) == found


IDS = st.text("abAB01-/*", max_size=5)
GRANTS = st.builds(Grant, st.sampled_from(["function", "task", "account-functions", "x"]), IDS)
PLAIN = st.text("ab01-", min_size=1, max_size=3)


@given(st.lists(GRANTS), st.lists(GRANTS), PLAIN, PLAIN)
def test_each_grant_counts_by_itself(some: Any, more: Any, f: str, v: str) -> None:
    for target in (version(f, v), version(f), NEW_FUNCTION, Target(TASK, v)):
        assert permits(some + more, target) == (permits(some, target) or permits(more, target))


@given(IDS, PLAIN, PLAIN)
def test_a_function_grant_covers_its_own_or_all_versions(text: str, f: str, v: str) -> None:
    granted = [Grant("function", text)]
    word = text.lower()
    assert permits(granted, version(f, v)) == (word in (f"{f}/{v}", f"{f}/*"))
    assert permits(granted, version(f)) == (word == f"{f}/*")
    assert not permits(granted, NEW_FUNCTION)


@given(IDS, PLAIN)
def test_a_grant_of_functions_is_none_of_tasks(text: str, name: str) -> None:
    assert not permits(
        [Grant("function", text), Grant("account-functions", text)], Target(TASK, name)
    )
    assert not permits([Grant("task", text), Grant("account-tasks", text)], Target(FUNCTION, name))
