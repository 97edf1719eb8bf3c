"""Paths that a vendor's service does not have: who asks is asked before anything is said of them."""

from __future__ import annotations

import pytest

from tests.controlplane.conftest import Api

PATHS = ("/v1/nvct", "/v1/nvct/tasks", "/v1/nvct/no/such/path")


@pytest.mark.parametrize("path", PATHS)
def test_nobody_learns_nothing(api: Api, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer garbage"}, {"Authorization": "Basic dTpw"}):
        answer = api.simulate_get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.content == b""


def test_a_key_that_does_not_count_is_refused(api: Api) -> None:
    bearer = {"Authorization": "Bearer nvapi-nvcf-stg-" + "A" * 64}
    answer = api.simulate_get("/v1/nvct/tasks", headers=bearer)
    assert answer.status_code == 403
    assert answer.json["detail"] == "Authorization failed"


def test_whoever_is_known_learns_that_there_is_no_such_path(api: Api) -> None:
    minted = api.simulate_post("/v1/admin/keys")
    bearer = {"Authorization": f"Bearer {minted.json['value']}"}
    answer = api.simulate_get("/v1/nvct/no/such/path", headers=bearer)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_prefix_ends_with_its_segment(api: Api) -> None:
    assert api.simulate_get("/v1/nvctx").status_code == 404
