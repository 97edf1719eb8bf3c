"""What a request may cost, and types that nobody expects."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.services.aicr import routes
from tests.controlplane.conftest import Api, problem

REF = {"name": "cert-manager"}


@pytest.mark.parametrize(
    "body",
    [
        {"componentRefs": [{"name": f"c{i}"} for i in range(300)]},
        {"componentRefs": [{**REF, "overrides": {f"k{i}": i for i in range(30_000)}}]},
        {"componentRefs": [REF], "metadata": {"appliedOverlays": 5}},
        {"componentRefs": [REF], "metadata": {"appliedOverlays": [5]}},
        {"componentRefs": [REF], "metadata": "x"},
        {"componentRefs": [REF], "criteria": [1]},
        {"componentRefs": [REF], "deploymentOrder": [{}]},
        {"componentRefs": [REF], "deploymentOrder": "x"},
        {"componentRefs": [REF], "constraints": [5]},
        {"componentRefs": [REF], "constraints": [{"value": 5}]},
        {"componentRefs": [REF], "constraints": 5},
    ],
)
def test_bodies_that_no_bundle_is_made_of(api: Api, body: Any) -> None:
    answer = api.simulate_post("/v1/bundle", json=body)
    assert "templates/" not in problem(answer, 400, "INVALID_REQUEST")["message"]


def test_more_bundles_than_can_be_made_at_once(
    api_with: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MAX_UNDER_WAY", 0)
    answer = api_with().simulate_post("/v1/bundle", json={"componentRefs": [REF]})
    assert problem(answer, 503, "SERVICE_UNAVAILABLE")["retryable"]
    assert answer.headers["retry-after"] == "1"


def test_a_condition_is_for_reading_only(api: Api) -> None:
    etag = api.simulate_get("/v1/recipe", params={"service": "eks"}).headers["etag"]
    conditional = {"If-None-Match": etag}
    assert api.simulate_get("/v1/recipe?service=eks", headers=conditional).status_code == 304
    body = {"spec": {"service": "eks"}}
    assert api.simulate_post("/v1/recipe", json=body, headers=conditional).status_code == 200


def test_probes_come_by_address(api_with: Any) -> None:
    own = api_with(allowed_hosts=("aicr.example.com",))
    assert own.simulate_get("/ready", host="10.1.2.3", port=8080).status_code == 200
    assert own.simulate_get("/v1/recipe", host="10.1.2.3", port=8080).status_code == 400
    assert own.simulate_get("/v1/recipe", host="aicr.example.com.").status_code == 200
