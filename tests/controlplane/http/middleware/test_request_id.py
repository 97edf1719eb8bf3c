from __future__ import annotations

from uuid import UUID

import pytest

from tests.controlplane.conftest import Api, problem

GIVEN = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize("given", [GIVEN, GIVEN.upper()])
@pytest.mark.parametrize("path", ["/v1/recipe", "/nothing", "/health"])
def test_a_uuid_is_kept(api: Api, path: str, given: str) -> None:
    answer = api.simulate_get(path, headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x", GIVEN + "0", GIVEN[:-1], "g" + GIVEN[1:], GIVEN + ",a"])
def test_anything_else_is_replaced(api: Api, given: str) -> None:
    answer = api.simulate_get("/nothing", headers={"X-Request-Id": given})
    made = problem(answer, 404, "NOT_FOUND")["requestId"]
    assert made != given
    assert UUID(made).version == 4


def test_ids_differ(api: Api) -> None:
    assert len({api.simulate_get("/").headers["x-request-id"] for _ in range(5)}) == 5
