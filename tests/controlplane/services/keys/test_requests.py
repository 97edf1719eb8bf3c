"""Headers and bodies, checked by themselves."""

from __future__ import annotations

from typing import Any

import falcon.testing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.access import times
from controlplane.access.registry import FUNCTIONS, TASKS
from controlplane.http.problems import Problem, Refused
from controlplane.services.keys import requests
from tests.controlplane.installation import NOON, Clock, request

CLOCK = Clock()


def asked(**headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    req: Any = falcon.testing.create_asgi_req(headers=named)
    return req


def test_who_asks() -> None:
    req = asked(Key_Issuer_Id=f" {FUNCTIONS.id} ", Key_Owner_Id=" svc@nvcf-api.local ")
    assert requests.issuer(req) == FUNCTIONS
    assert requests.owner(req) == "svc@nvcf-api.local"


@given(st.text(max_size=70))
def test_descriptions(text: str) -> None:
    plain = 1 <= len(text) <= 64 and all(
        c.isascii() and (c.isalnum() or c in " \t\n\r\f\v_-") for c in text
    )
    try:
        made = requests.draft(request(CLOCK, description=text), FUNCTIONS, NOON)
    except Refused as e:
        assert not plain
        assert e.status == 400
    else:
        assert plain
        assert made.description == text


@given(st.floats(-1e6, 5e7))
def test_expiry(seconds: float) -> None:
    moment = times.of_seconds(NOON.timestamp() + seconds)
    text = times.stamp(moment)
    fits = 0 < (times.parse(text) - NOON).total_seconds() <= 365 * 86_400
    try:
        made = requests.draft(request(CLOCK, expires_at=text), FUNCTIONS, NOON)
    except Refused:
        assert not fits
    else:
        assert fits
        assert times.stamp(made.expires) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, JSON, JSON, JSON)
def test_any_json_is_a_draft_or_a_problem(a: Any, b: Any, c: Any, d: Any) -> None:
    body = {"description": a, "expires_at": b, "audience_service_ids": c, "authorizations": d}
    for name, value in body.items():
        try:
            requests.draft(request(CLOCK, **{name: value}), FUNCTIONS, NOON)
        except Problem as e:
            assert e.status == 400


@given(JSON)
def test_any_authorizations_of_a_bounded_size(value: Any) -> None:
    import json

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    fault = requests.unfit(value, FUNCTIONS)
    assert (fault is None) == (value is not None and len(text) <= 2048)


@pytest.mark.parametrize(
    ("rule", "is_one"),
    [
        ("apikey.allow", True),
        ("a_b-0.allow", True),
        (".allow", False),
        ("allow", False),
        ("a.b.allow", False),
        ("a.allow\n", False),
        ("ä.allow", False),
        ("", False),
    ],
)
def test_rules(rule: str, is_one: bool) -> None:
    assert requests.is_rule(rule) is is_one


def test_names_of_requests() -> None:
    req = asked(Idempotency_Key="n")
    one = requests.once(req, FUNCTIONS, "a", {"x": 1, "y": 2})
    assert one is not None
    assert requests.once(req, FUNCTIONS, "a", {"y": 2, "x": 1}) == one
    assert requests.once(req, FUNCTIONS, "a", {"x": 2}) == one._replace(
        fingerprint=requests.once(req, FUNCTIONS, "b", {"x": 2}).fingerprint  # type: ignore[union-attr]
    )
    names = {requests.once(req, s, o, {}).name for s in (FUNCTIONS, TASKS) for o in ("a", "b")}  # type: ignore[union-attr]
    assert len(names) == 4
    assert requests.once(asked(), FUNCTIONS, "a", {}) is None
    assert all(name != "n" and "a" not in name.split(":") for name in names)
