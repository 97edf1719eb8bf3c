"""Which scope counts for which kind of credential: the table, and the laws about it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.access import scopes
from controlplane.access.scopes import API_KEY, HOSTED, JWT, LOCAL, SCOPES, allows, held, is_known

KINDS = (JWT, API_KEY, LOCAL, HOSTED)


@pytest.mark.parametrize(
    ("kind", "having", "wanted", "may"),
    [
        (JWT, {"list_functions"}, ["list_functions"], True),
        (JWT, {"apikey:list_functions"}, ["list_functions"], True),
        (API_KEY, {"list_functions"}, ["list_functions"], True),
        (API_KEY, {"list_functions"}, ["list_functions_details", "list_functions"], True),
        (API_KEY, {"list_functions"}, ["list_functions_details"], False),
        (JWT, set(), ["list_functions"], False),
        (JWT, {"list_functions"}, [], False),
        # admin:X is for other accounts: it gives no X, and X gives no admin:X.
        (JWT, {"admin:list_functions"}, ["list_functions"], False),
        (JWT, {"list_functions"}, ["admin:list_functions"], False),
        (JWT, {"admin:list_functions"}, ["admin:list_functions"], True),
        (API_KEY, {"admin:list_functions"}, ["admin:list_functions"], False),
        # Signed tokens only.
        (JWT, {"list_cluster_groups"}, ["list_cluster_groups"], True),
        (API_KEY, {"list_cluster_groups"}, ["list_cluster_groups"], False),
        (API_KEY, {"cluster-management"}, ["cluster-management"], False),
        (API_KEY, {"account_setup"}, ["account_setup"], False),
        # At hosted paths keys manage clusters, too, and nothing else that is for tokens.
        (HOSTED, {"list_cluster_groups"}, ["list_cluster_groups"], True),
        (HOSTED, {"cluster-management"}, ["cluster-management"], True),
        (HOSTED, {"list_functions"}, ["cluster-management"], False),
        (HOSTED, {"account_setup"}, ["account_setup"], False),
        (HOSTED, {"admin:list_functions"}, ["admin:list_functions"], False),
        (HOSTED, {"gpu_listing"}, ["gpu_listing"], False),
        (HOSTED, {"plans:apply"}, ["plans:apply"], False),
        # API keys only.
        (API_KEY, {"launch_task"}, ["launch_task"], True),
        (JWT, {"launch_task"}, ["launch_task"], False),
        # The engine's own.
        (LOCAL, {"plans:apply"}, ["plans:apply"], True),
        (JWT, {"plans:apply"}, ["plans:apply"], True),
        (API_KEY, {"plans:apply"}, ["plans:apply"], False),
        (LOCAL, {"list_functions"}, ["list_functions"], False),
        # Scopes are told apart by case.
        (JWT, {"LIST_FUNCTIONS"}, ["list_functions"], False),
    ],
)
def test_who_may(kind: str, having: set[str], wanted: list[str], may: bool) -> None:
    assert allows(kind, having, wanted) is may


NAMES = st.sampled_from([*SCOPES, "admin:list_functions", "apikey:list_functions", "other"])


@given(st.sampled_from(KINDS), st.sets(NAMES), st.sets(NAMES), st.sets(NAMES))
def test_more_scopes_never_allow_less(kind: str, have: Any, more: Any, wanted: Any) -> None:
    assert allows(kind, have, wanted) <= allows(kind, have | more, wanted)
    assert allows(kind, have, wanted) == any(allows(kind, have, [w]) for w in wanted)


@given(st.sets(NAMES), st.sets(NAMES))
def test_what_is_not_held_is_not_allowed(have: set[str], wanted: set[str]) -> None:
    spelt = {w for s in have for w in (s, s.removeprefix("apikey:"))}
    if not spelt & wanted:
        assert not any(allows(kind, have, wanted) for kind in KINDS)


def test_the_ten_of_the_administrator() -> None:
    assert " ".join(scopes.ADMIN) == (
        "register_function list_functions list_functions_details deploy_function update_function "
        "update_secrets delete_function manage_telemetries manage_registry_credentials "
        "cluster-management"
    )
    lacking = ("invoke_function", "queue_details", "list_cluster_groups", "account_setup")
    assert not any(allows(JWT, scopes.ADMIN, [scope]) for scope in lacking)
    assert not any(scope.startswith("admin:") for scope in scopes.ADMIN)


def test_every_scope_says_what_it_allows() -> None:
    for name, scope in SCOPES.items():
        assert name == scope.name
        assert re.fullmatch(r"[A-Z].*\.", scope.summary)
        assert scope.bearers <= set(KINDS)


@pytest.mark.parametrize(
    ("scope", "known"),
    [
        ("list_functions", True),
        ("admin:list_functions", True),
        ("apikey:list_functions", True),
        ("list_function", False),
        ("admin:", False),
        ("", False),
    ],
)
def test_known(scope: str, known: bool) -> None:
    assert is_known(scope) is known


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ({}, set()),
        ({"scopes": None}, set()),
        ({"scopes": "list_functions"}, set()),
        ({"scopes": {"list_functions": 1}}, set()),
        ({"scopes": ["a", 1, None, ["b"], "a"]}, {"a"}),
    ],
)
def test_scopes_of_a_policy(policy: dict[str, Any], found: set[str]) -> None:
    assert held(policy) == found
